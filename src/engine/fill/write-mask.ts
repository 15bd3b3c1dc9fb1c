import type { Mask } from '../../shared/mask.ts';
import { rasterizeMask } from '../../shared/raster/rasterize-mask.ts';
import type { Context } from '../context.ts';
import { nodeFiles } from '../image/files.ts';
import { rowsPerStripOf } from '../image/map-rows.ts';
import { createPngWriter } from '../image/png-writer.ts';
import { writeSafely } from '../image/safe-write.ts';
import { fromFloats } from '../image/samples.ts';

export interface WriteMaskOptions {
  /** The photo it belongs to: never written over. */
  readonly photo: string;
  readonly overwrite: boolean;
}

/**
 * Saves a mask as a gray PNG of the size it was painted on, white where something is selected, soft edges in between.
 *
 * @throws HeirloomError `bad-input` when `path` is the photo or exists and may not be replaced; `file`; CancelledError.
 */
export async function writeMask(
  mask: Mask,
  path: string,
  { photo, overwrite }: WriteMaskOptions,
  context: Context,
): Promise<void> {
  const { width, height } = mask;
  // What is selected is white, whether a step acts there or keeps off.
  const { window: _part, ...whole } = mask;
  const selection: Mask = { ...whole, mode: 'act' };
  await writeSafely(
    path,
    photo,
    async (temporary) => {
      const handle = await nodeFiles.open(temporary, 'r+');
      try {
        const none = { dpi: undefined, icc: undefined, exif: undefined, iptc: undefined, xmp: undefined };
        const sink = await createPngWriter(handle, { width, height, channels: 1, bitDepth: 8, ...none });
        const rows = rowsPerStripOf(width);
        for (let y = 0; y < height; y += rows) {
          const strip = { x: 0, y, width, height: Math.min(rows, height - y) };
          const bytes = new Uint8Array(strip.width * strip.height);
          fromFloats(rasterizeMask(selection, mask, strip), bytes, 0);
          await sink.append(bytes);
          context.report((y + strip.height) / height);
        }
        await sink.finish();
      } finally {
        await handle.close();
      }
    },
    { overwrite, files: nodeFiles, context },
  );
}
