import type { Image, Rect } from '../image/image.ts';
import { clipRect } from '../../shared/raster/rasterize-mask.ts';

export interface Patch {
  readonly rect: Rect;
  /** (rect.height, rect.width, channels of the picture) */
  readonly pixels: Float32Array;
}

/** A picture with some rectangles replaced, seen through; `patches` may grow while it is in use. The picture below must outlive it. */
export function patchedImage(image: Image, patches: readonly Patch[]): Image {
  const { width, height, channels, sampleType } = image;
  return {
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
}
