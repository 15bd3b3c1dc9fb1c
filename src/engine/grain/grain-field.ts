import type { Rect } from '../image/image.ts';

/**
 * Noise of mean 0 and deviation 1 that depends on place and seed alone: a part of it is the same wherever it is asked for.
 * (rect.height, rect.width)
 *
 * @param sizePx blur of white noise, a Gaussian of this many pixels; 0 is white.
 */
export function grainField(rect: Rect, sizePx: number, seed: number): Float32Array {
  const reach = sizePx < 0.25 ? 0 : Math.ceil(3 * sizePx);
  const width = rect.width + 2 * reach;
  const height = rect.height + 2 * reach;
  const white = new Float32Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      white[y * width + x] = whiteAt(rect.x - reach + x, rect.y - reach + y, seed);
  if (reach === 0) return white;
  const taps = Float32Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sizePx ** 2)),
  );
  // Independent numbers: variances add up, so this makes the deviation 1 again.
  const norm = Math.sqrt(taps.reduce((sum, tap) => sum + tap * tap, 0));
  for (let i = 0; i < taps.length; i++) taps[i]! /= norm;
  const across = new Float32Array(rect.width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < rect.width; x++) {
      let sum = 0;
      for (let k = 0; k < taps.length; k++) sum += taps[k]! * white[y * width + x + k]!;
      across[y * rect.width + x] = sum;
    }
  }
  const result = new Float32Array(rect.width * rect.height);
  for (let y = 0; y < rect.height; y++) {
    for (let k = 0; k < taps.length; k++) {
      const from = (y + k) * rect.width;
      const tap = taps[k]!;
      for (let x = 0; x < rect.width; x++) result[y * rect.width + x]! += tap * across[from + x]!;
    }
  }
  return result;
}

/** Nearly normal: the sum of four hashed numbers, whose variance is 4/12. */
function whiteAt(x: number, y: number, seed: number): number {
  let state = (Math.imul(x, 0x9e3779b1) ^ Math.imul(y, 0x85ebca77) ^ Math.imul(seed + 1, 0xc2b2ae3d)) | 0;
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    sum += ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  return (sum - 2) * Math.sqrt(3);
}
