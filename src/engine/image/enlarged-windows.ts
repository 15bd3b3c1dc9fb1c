import type { Image, Rect } from './image.ts';
import { addWeighted, premultiply, resampleRow, resampleTaps, type Taps, unpremultiply } from './resample.ts';

/**
 * A picture resampled to another size by Lanczos, of which only what is read is computed: the same pixels as `resizeImage` makes, for those who look at a few places.
 *
 * Lives as long as `image`.
 */
export function enlargedWindows(
  image: Image,
  { width, height }: { readonly width: number; readonly height: number },
): Image {
  const { channels } = image;
  const across = resampleTaps(image.width, width, 'lanczos3');
  const down = resampleTaps(image.height, height, 'lanczos3');
  const read = async (rect: Rect): Promise<Float32Array> => {
    const [left, right] = reach(across, rect.x, rect.width);
    const [top, bottom] = reach(down, rect.y, rect.height);
    const source = { x: left, y: top, width: right - left, height: bottom - top };
    const pixels = await image.read(source);
    premultiply(pixels, channels);
    const inWindow: Taps = {
      taps: across.taps,
      indices: across.indices
        .subarray(rect.x * across.taps, (rect.x + rect.width) * across.taps)
        .map((index) => index - left),
      weights: across.weights.subarray(rect.x * across.taps, (rect.x + rect.width) * across.taps),
    };
    const rowLength = rect.width * channels;
    const wide = Array.from({ length: source.height }, (_, row) => {
      const target = new Float32Array(rowLength);
      resampleRow(pixels, row * source.width * channels, channels, inWindow, target);
      return target;
    });
    const out = new Float32Array(rowLength * rect.height);
    for (let y = 0; y < rect.height; y++) {
      const target = out.subarray(y * rowLength, (y + 1) * rowLength);
      for (let t = (rect.y + y) * down.taps; t < (rect.y + y + 1) * down.taps; t++)
        addWeighted(target, wide[down.indices[t]! - top]!, down.weights[t]!);
    }
    unpremultiply(out, channels);
    return image.sampleType === 'f32' ? out : out.map((value) => Math.min(1, Math.max(0, value)));
  };
  return { width, height, channels, sampleType: 'f32', read, dispose: async () => {} };
}

/** The source samples that some outputs are made of. */
function reach({ taps, indices }: Taps, first: number, count: number): readonly [number, number] {
  let [low, high] = [Infinity, 0];
  for (let t = first * taps; t < (first + count) * taps; t++) {
    low = Math.min(low, indices[t]!);
    high = Math.max(high, indices[t]!);
  }
  return [low, high + 1];
}
