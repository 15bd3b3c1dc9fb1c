import type { PatchField } from './patch-field.ts';
import { type PatchLevel, patchRadius, patchSide } from './patch-level.ts';

/** How the patches over a pixel agree on its value. */
export type VoteKind =
  /** Mean, the better patches counting more: Wexler, Shechtman and Irani, "Space-Time Completion of Video" (2007). */
  | 'weighted'
  /** The best patch alone: sharp, for the last time. */
  | 'best';

/**
 * What the field's patches say the pixels `which` should be: (which.length, channels).
 *
 * The weights are exp(-d / 2s) of a patch's distance d, s being the mean of those over the pixel.
 */
export function votePixels(
  level: PatchLevel,
  field: PatchField,
  which: Int32Array,
  kind: VoteKind,
): Float32Array {
  const { width, height, channels, data } = level;
  const { nearest, cost } = field;
  const result = new Float32Array(which.length * channels);
  const from = new Int32Array(patchSide * patchSide);
  const costs = new Float64Array(patchSide * patchSide);
  for (let n = 0; n < which.length; n++) {
    const pixel = which[n]!;
    const x = pixel % width;
    const y = (pixel - x) / width;
    let count = 0;
    let sum = 0;
    let best = -1;
    for (let dy = -patchRadius; dy <= patchRadius; dy++) {
      if (y + dy < 0 || y + dy >= height) continue;
      for (let dx = -patchRadius; dx <= patchRadius; dx++) {
        if (x + dx < 0 || x + dx >= width) continue;
        const center = pixel + dy * width + dx;
        const source = nearest[center]!;
        if (source < 0) continue;
        from[count] = source - dy * width - dx;
        costs[count] = cost[center]!;
        if (best < 0 || costs[count]! < costs[best]!) best = count;
        sum += costs[count]!;
        count++;
      }
    }
    const to = n * channels;
    if (count === 0) {
      for (let c = 0; c < channels; c++) result[to + c] = data[pixel * channels + c]!;
      continue;
    }
    if (kind === 'best') {
      for (let c = 0; c < channels; c++) result[to + c] = data[from[best]! * channels + c]!;
      continue;
    }
    const spread = 2 * (sum / count - costs[best]!) + 1e-9;
    let total = 0;
    for (let k = 0; k < count; k++) {
      const weight = Number.isFinite(spread) ? Math.exp((costs[best]! - costs[k]!) / spread) : 1;
      total += weight;
      for (let c = 0; c < channels; c++) result[to + c]! += weight * data[from[k]! * channels + c]!;
    }
    for (let c = 0; c < channels; c++) result[to + c]! /= total;
  }
  return result;
}
