import { boxSum } from './box-sum.ts';
import type { Guide, HoleImage } from './patch-level.ts';
import type { Prediction } from './predict-hole.ts';

/** What networks draw is soft: the smallest thing it may be trusted with, in pixels that it saw. */
const trustedPx = 3;
/** Below 1: where patches and the network disagree the network wins only by the sum of many pixels. */
const guideWeight = 1;
/** Reach of the blur above which the network's tones are kept, in pixels that it saw. */
const tonePx = 6;

/** The prediction as what the patches follow: its weight falls towards full size, where it shows nothing. */
export function predictionGuide(prediction: Prediction | undefined): Guide | undefined {
  if (prediction === undefined) return undefined;
  const { pixels, factor } = prediction;
  return { pixels, detailPx: trustedPx * factor, weight: guideWeight, replacesCoarse: false };
}

/**
 * Gives a fill of patches the tones of the prediction, in place: the smooth part of their difference, which fades out at the rim, where
 * both meet what is known.
 */
export function joinPrediction(filled: Float32Array, image: HoleImage, { pixels, factor }: Prediction): void {
  const { width, height, channels, hole } = image;
  const difference = filled.map((value, i) => (hole[Math.floor(i / channels)] === 1 ? pixels[i]! - value : 0));
  const reach = Math.round((tonePx * factor) / 2);
  // Two box filters, nearly a Gaussian.
  const twice = boxSum(boxSum(difference, width, height, channels, reach), width, height, channels, reach);
  const share = 1 / (2 * reach + 1) ** 4;
  for (let i = 0; i < filled.length; i++)
    if (hole[Math.floor(i / channels)] === 1) filled[i]! += share * twice[i]!;
}
