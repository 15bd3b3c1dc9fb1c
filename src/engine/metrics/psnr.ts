import type { Plane } from './plane.ts';

/** Mean squared error of planes of one size, in squared units of theirs. */
export function meanSquaredError(a: Plane, b: Plane): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i]! - b.data[i]!) ** 2;
  return sum / a.data.length;
}

/** Peak signal-to-noise ratio in dB from a mean squared error on the 0..255 range; Infinity for 0. */
export function psnrFromError(meanSquared: number): number {
  return meanSquared === 0 ? Infinity : 10 * Math.log10(255 ** 2 / meanSquared);
}
