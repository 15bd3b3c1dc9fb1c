import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HeirloomError } from '../shared/failure.ts';
import { safeFileName } from '../host/file-name.ts';
import type { GrantedTarget } from '../host/grants.ts';
import type { StudioDialogs } from '../host/studio-host.ts';

/** "Dialogs" of a host whose windows are browsers: they pick files and upload them; saving goes to a file they download. */
export function webDialogs(directory: string): StudioDialogs {
  const save = async (suggestedName: string): Promise<GrantedTarget> => {
    const label = safeFileName(suggestedName, 'restored picture');
    const folder = join(directory, randomUUID());
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return { path: join(folder, label), label, overwrite: true };
  };
  return {
    openPhoto: () => Promise.resolve([]),
    openModel: () => Promise.resolve([]),
    saveImage: save,
    saveModel: save,
    show: () => {
      throw new HeirloomError('file', 'A browser cannot show files in a folder.', 'Look in the folder of your downloads.');
    },
  };
}
