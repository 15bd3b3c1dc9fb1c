import type { PatchField } from './patch-field.ts';
import { type PatchLevel, patchRadius, patchSide } from './patch-level.ts';

/**
 * What the field's patches say the pixels `which` should be: (which.length, channels).
 *
 * The mean of the patches over a pixel, the better ones counting more (Wexler, Shechtman and Irani, "Space-Time Completion of Video", 2007):
 * by exp(-(d - best) / spread) of a patch's distance d, taken as (1 - (d - best) / (16 spread))^16, the spread being `softness` times how much the mean of d exceeds the best.
 */
export function votePixels(
  level: PatchLevel,
  field: PatchField,
  which: Int32Array,
  softness: number,
): Float32Array {
  const { width, height, channels, data } = level;
  const { nearest, cost } = field;
  const result = new Float32Array(which.length * channels);
  const from = new Int32Array(patchSide * patchSide);
  const costs = new Float64Array(patchSide * patchSide);
  const votes = new Float64Array(channels);
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
    const spread = softness * (sum / count - costs[best]!) + 1e-9;
    const least = costs[best]!;
    const step = Number.isFinite(spread) ? 1 / (16 * spread) : 0;
    let total = 0;
    votes.fill(0);
    for (let k = 0; k < count; k++) {
      const near = step === 0 ? 1 : 1 - (costs[k]! - least) * step;
      if (near <= 0) continue;
      const fourth = near * near * near * near;
      const weight = fourth * fourth * fourth * fourth;
      total += weight;
      const at = from[k]! * channels;
      for (let c = 0; c < channels; c++) votes[c]! += weight * data[at + c]!;
    }
    for (let c = 0; c < channels; c++) result[to + c] = votes[c]! / total;
  }
  return result;
}
