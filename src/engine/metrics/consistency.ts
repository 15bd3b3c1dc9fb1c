import type { Context } from '../context.ts';
import type { ImageStore } from '../image/image-store.ts';
import { colorChannels, type Image } from '../image/image.ts';
import { eachRows } from '../image/map-rows.ts';
import { resizeImage } from '../image/resize.ts';
import { psnrFromError } from './psnr.ts';

/** How well a result, reduced to the input's size, agrees with the input. Values 0..1 are compared. */
export interface Consistency {
  /** Mean squared error over all color samples. */
  readonly meanSquaredError: number;
  readonly psnrDb: number;
  /** The largest difference of one sample. */
  readonly maximum: number;
}

/**
 * Reduces `output` to the size of `input` by MATLAB's bicubic and compares: what a result invents on top of its input does not count, what it changes does
 * (Dahl, Norouzi and Shlens 2017). Works strip by strip, so any size does; alpha is left out, gray beside color counts as color.
 *
 * @throws HeirloomError when scratch space runs out; CancelledError.
 */
export async function measureConsistency(input: Image, output: Image, store: ImageStore, context: Context): Promise<Consistency> {
  const reduced = await resizeImage(output, input.width, input.height, { kernel: 'bicubic', store, context: context.part(0, 0.9) });
  const channels = Math.max(colorChannels(input), colorChannels(reduced));
  let [sum, maximum] = [0, 0];
  try {
    await eachRows(
      input,
      async (rows, y, height) => {
        const others = await reduced.read({ x: 0, y, width: input.width, height });
        for (let pixel = 0; pixel < input.width * height; pixel++) {
          for (let c = 0; c < channels; c++) {
            const a = rows[pixel * input.channels + (colorChannels(input) === 1 ? 0 : c)]!;
            const b = others[pixel * reduced.channels + (colorChannels(reduced) === 1 ? 0 : c)]!;
            sum += (a - b) ** 2;
            maximum = Math.max(maximum, Math.abs(a - b));
          }
        }
      },
      context.part(0.9, 1),
    );
  } finally {
    if (reduced !== output) await reduced.dispose();
  }
  const meanSquaredError = sum / (input.width * input.height * channels);
  return { meanSquaredError, psnrDb: psnrFromError(meanSquaredError * 255 ** 2), maximum };
}
