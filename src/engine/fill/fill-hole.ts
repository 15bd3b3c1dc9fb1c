import { distanceTo } from '../../shared/raster/distance-transform.ts';
import { fillExemplar } from './fill-exemplar.ts';
import { fillTelea } from './fill-telea.ts';
import { hideSeam } from './hide-seam.ts';
import { matchGrain } from './match-grain.ts';
import type { HoleImage } from './patch-level.ts';

/** Patches of the surroundings, or Telea's march. */
export type HoleMethod = 'exemplar' | 'telea';

export interface FillOptions {
  readonly method: HoleMethod;
  readonly seed: number;
  /** A coarse result to follow, (height, width, channels). */
  readonly guide?: Float32Array;
  /** Hears the fraction done; may reject to stop. */
  report?(done: number): Promise<void>;
}

/** The picture with its hole filled, seam and grain matched: (height, width, channels), equal to the input outside of the hole. */
export async function fillHole(
  image: HoleImage,
  { method, seed, guide, report = () => Promise.resolve() }: FillOptions,
): Promise<Float32Array> {
  const { width, height, hole } = image;
  const holeRadiusPx = widest(hole, width, height);
  if (holeRadiusPx === 0) return image.pixels.slice();
  const found =
    method === 'telea'
      ? undefined
      : await fillExemplar(image, { seed, holeRadiusPx, report, ...(guide === undefined ? {} : { guide }) });
  const filled = found?.pixels ?? fillTelea(image);
  if (found !== undefined) hideSeam(filled, found.beside, image);
  matchGrain(filled, image, seed);
  return filled;
}

/** Half the width of the hole where it is widest; the picture's edge does not count as a rim. */
export function widest(hole: Uint8Array, width: number, height: number): number {
  const known = hole.map((value) => 1 - value);
  let radius = 0;
  for (const distance of distanceTo(known, width, height))
    if (distance > radius && distance < Infinity) radius = distance;
  return radius;
}
