import { join } from 'node:path';
import { createImageStore, type ImageStore } from '../engine/image/image-store.ts';
import { cacheDirectory } from '../host/program-files.ts';
import { createScratch } from '../host/scratch.ts';
import { defaultSettings } from '../host/settings-file.ts';

/** A place for pictures without the rest of the engine; everything in it is removed afterwards. */
export async function withStore<T>(use: (store: ImageStore) => Promise<T>): Promise<T> {
  const scratch = createScratch(cacheDirectory());
  process.once('exit', scratch.remove);
  try {
    const store = createImageStore({
      directory: join(scratch.directory, 'engine'),
      memoryBudgetBytes: defaultSettings().memoryBudgetMiB * 1_048_576,
    });
    return await use(store).finally(() => store.close());
  } finally {
    scratch.remove();
    process.off('exit', scratch.remove);
  }
}
