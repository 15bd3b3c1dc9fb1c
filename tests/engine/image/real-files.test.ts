import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quietContext } from '../../../src/engine/context.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { defaultExportOptions, savePhoto } from '../../../src/engine/image/encode.ts';
import { HeirloomError } from '../../../src/shared/failure.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { openBench, readAll } from './make.ts';

let bench: ReturnType<typeof openBench>;
beforeAll(() => void (bench = openBench()));
afterAll(() => bench.close());

const folders = ['eval/restricted/tiny-and-odd', 'eval/restricted/real-esrgan-inputs'];
const files =
  sharedData === undefined
    ? []
    : folders.flatMap((folder) =>
        readdirSync(path.join(sharedData!, folder), { recursive: true })
          .map((name) => path.join(sharedData!, folder, String(name)))
          .filter((file) => statSync(file).isFile()),
      );

describe(`real files${sharedDataNote}`, () => {
  it.skipIf(sharedData === undefined)(
    'each opens and saves without loss, or fails with one sentence',
    async () => {
      expect(files.length).toBeGreaterThan(10);
      for (const file of files) {
        const photo = await openPhoto(file, { store: bench.store }).catch((error: unknown) => error);
        if (photo instanceof Error) {
          expect(photo, file).toBeInstanceOf(HeirloomError);
          expect(photo.message, file).toMatch(/^[^\n]+\.$/);
          continue;
        }
        const { image, metadata } = photo as Awaited<ReturnType<typeof openPhoto>>;
        const target = bench.file('copy');
        const format = metadata.bitDepth === 8 ? 'png' : 'tiff';
        await savePhoto(
          image,
          metadata,
          target,
          { ...defaultExportOptions(metadata), format },
          { store: bench.store, context: quietContext(), overwrite: true },
        );
        const again = await openPhoto(target, { store: bench.store });
        expect(
          [again.image.width, again.image.height, again.image.channels, again.metadata.bitDepth],
          file,
        ).toEqual([image.width, image.height, image.channels, metadata.bitDepth]);
        expect(
          Buffer.compare(
            Buffer.from((await readAll(again.image)).buffer),
            Buffer.from((await readAll(image)).buffer),
          ),
          file,
        ).toBe(0);
        await Promise.all([image.dispose(), again.image.dispose()]);
      }
    },
  );
});
