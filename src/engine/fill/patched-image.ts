import type { Image, Rect } from '../image/image.ts';
import { clipRect } from '../../shared/raster/rasterize-mask.ts';

export interface Patch {
  readonly rect: Rect;
  /** (rect.height, rect.width, channels of the picture) */
  readonly pixels: Float32Array;
}

/** The picture below a patched one, and the bytes of the patches. */
const patched = new WeakMap<Image, { readonly below: Image; readonly sizeBytes: number }>();

/** What a picture is seen through from, when it is `patchedImage`'s. */
export function belowPatches(image: Image): { readonly below: Image; readonly sizeBytes: number } | undefined {
  return patched.get(image);
}

/** The same patched picture with another way to let it go. */
export function withDispose(image: Image, dispose: () => Promise<void>): Image {
  const same = { ...image, dispose };
  const known = patched.get(image);
  if (known !== undefined) patched.set(same, known);
  return same;
}

/** A picture with some rectangles replaced, seen through; `patches` may grow while it is in use. The picture below must outlive it. */
export function patchedImage(image: Image, patches: readonly Patch[]): Image {
  const { width, height, channels, sampleType } = image;
  const result: Image = {
    width,
    height,
    channels,
    sampleType,
    read: async (rect) => {
      const result = await image.read(rect);
      for (const { rect: from, pixels } of patches) {
        const both = clipRect({ ...from, x: from.x - rect.x, y: from.y - rect.y }, rect);
        if (both.width <= 0 || both.height <= 0) continue;
        for (let y = both.y; y < both.y + both.height; y++) {
          const at = ((y + rect.y - from.y) * from.width + both.x + rect.x - from.x) * channels;
          result.set(pixels.subarray(at, at + both.width * channels), (y * rect.width + both.x) * channels);
        }
      }
      return result;
    },
    dispose: async () => {},
  };
  const sizeBytes = patches.reduce((sum, { pixels }) => sum + pixels.byteLength, 0);
  patched.set(result, { below: image, sizeBytes });
  return result;
}
