import { distanceTo } from '../../shared/raster/distance-transform.ts';
import { boundsOfHole, partOfPlane } from './bounds-of-hole.ts';
import { fillExemplar } from './fill-exemplar.ts';
import { fillTelea } from './fill-telea.ts';
import { hideSeam } from './hide-seam.ts';
import { matchGrain } from './match-grain.ts';
import type { Guide, HoleImage } from './patch-level.ts';
import type { Prediction } from './predict-hole.ts';

/** Patches that follow a network, the network alone, patches of the surroundings alone, or Telea's march. */
export type HoleMethod = 'together' | 'network' | 'exemplar' | 'telea';

export interface FillOptions {
  readonly method: HoleMethod;
  /** Another seed gives another variant. */
  readonly seed: number;
  /** A fill of the same hole at less than its size, which this one refines. */
  readonly guide?: Guide;
  /** What a network makes of it; 'together' and 'network' do without patches of their own mind only with it or a guide. */
  readonly prediction?: Prediction;
  /** Hears the fraction done; may reject to stop. */
  report?(done: number): Promise<void>;
}

/** What networks draw is soft: the smallest thing one may be trusted with, in pixels that it saw. */
const trustedPx = 2;
/** A difference from the prediction counts little more than one in color: much more, and patches become as soft as the prediction is. */
const guideWeight = 1.1;

/** Fills a hole: here, or in a thread of its own. */
export type HoleFiller = (image: HoleImage, options: FillOptions) => Promise<Float32Array>;

/** The picture with its hole filled, seam and grain matched: (height, width, channels), equal to the input outside of the hole. */
export async function fillHole(image: HoleImage, options: FillOptions): Promise<Float32Array> {
  const { width, height, hole } = image;
  const holeRadiusPx = widest(hole, width, height);
  if (holeRadiusPx === 0) return image.pixels.slice();
  const filled = await fillUngrained(image, options, holeRadiusPx);
  matchGrain(filled, image, options.seed);
  return filled;
}

async function fillUngrained(image: HoleImage, options: FillOptions, holeRadiusPx: number): Promise<Float32Array> {
  const { method, seed, prediction, report = () => Promise.resolve() } = options;
  const predicted = prediction?.pixels ?? options.guide?.pixels;
  if (method === 'network' && predicted !== undefined) return onlyHole(image, predicted);
  const guide = options.guide ?? (method === 'together' ? guideOf(prediction) : undefined);
  const found =
    method === 'telea'
      ? undefined
      : await fillExemplar(image, { seed, holeRadiusPx, report, ...(guide === undefined ? {} : { guide }) });
  if (found === undefined) return fillTelea(image);
  hideSeam(found.pixels, found.beside, image);
  return found.pixels;
}

/** The prediction as what the patches follow, down to where it shows nothing sharp. */
function guideOf(prediction: Prediction | undefined): Guide | undefined {
  if (prediction === undefined) return undefined;
  const { pixels, factor } = prediction;
  return { pixels, detailPx: trustedPx * factor, weight: guideWeight, replacesCoarse: false };
}

/** The picture with what `filled` holds in the hole. */
function onlyHole({ pixels, hole, channels }: HoleImage, filled: Float32Array): Float32Array {
  return pixels.map((value, i) => (hole[Math.floor(i / channels)] === 1 ? filled[i]! : value));
}

/** Half the width of the hole where it is widest; the picture's edge does not count as a rim. */
export function widest(hole: Uint8Array, width: number, height: number): number {
  // Just outside of it everything is known, and nothing farther away can be nearer.
  const box = boundsOfHole(hole, { width, height }, 1);
  const known = partOfPlane(hole, width, box).map((value) => 1 - value);
  let radius = 0;
  for (const distance of distanceTo(known, box.width, box.height))
    if (distance > radius && distance < Infinity) radius = distance;
  return radius;
}
