import type { Context } from '../context.ts';
import { colorChannels, hasAlpha, type Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { mapRows } from '../image/map-rows.ts';

/** The picture's luma (Rec. 601, as Pillow's 'L') in one channel; what is transparent lies on white. */
export async function grayPicture(image: Image, store: ImageStore, context: Context): Promise<Image> {
  const { channels } = image;
  const toGray = (rows: Float32Array): Float32Array => {
    const gray = new Float32Array(rows.length / channels);
    for (let i = 0, at = 0; i < gray.length; i++, at += channels) gray[i] = lumaAt(rows, at, channels);
    return gray;
  };
  return mapRows(image, { store, channels: 1 }, toGray, context);
}

/** Luma of the pixel that begins at `at`. */
export function lumaAt(pixels: Float32Array, at: number, channels: Image['channels']): number {
  const luma =
    colorChannels({ channels }) === 1
      ? pixels[at]!
      : 0.299 * pixels[at]! + 0.587 * pixels[at + 1]! + 0.114 * pixels[at + 2]!;
  if (!hasAlpha({ channels })) return luma;
  const alpha = pixels[at + channels - 1]!;
  return 1 + alpha * (luma - 1);
}
