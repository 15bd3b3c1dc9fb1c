import type { Point } from '../architectures/face-detection.ts';
import { resampleArray } from '../image/resample.ts';
import type { Pixels } from '../models/tile-tensors.ts';
import { blurPlane } from '../image/blur-plane.ts';
import { grayOf } from './match-color.ts';

/** A crop is compared at most at this side: finer structure is what a restorer is there to add. */
const finestPx = 96;
const coarsestPx = 24;
/** Small against the variance of features, large against that of noise (range 0 to 1). */
const stabilizer = 0.0009;

/**
 * How far the structure of a restored face is from the face it was made from: 0 for the same, about 1 for another's.
 *
 * Both crops are brought to the resolution that the input really has (`cropPxPerImagePx` crop pixels came from one of the picture), and the light-independent structure
 * term of SSIM (Wang et al. 2004) is averaged around eyes, nose and mouth. Brightness and contrast do not count.
 *
 * @param points left eye, right eye, nose, left and right mouth corner, in pixels of the crop.
 */
export function identityDistance(
  input: Pixels,
  restored: Pixels,
  points: readonly Point[],
  cropPxPerImagePx: number,
): number {
  const sizePx = sizeSeen(input.width, cropPxPerImagePx, finestPx);
  const [a, b] = [reduced(input, sizePx), reduced(restored, sizePx)];
  const structure = structureMap(a, b, sizePx);
  const weights = featureWeights(points, input.width, sizePx);
  let [sum, total] = [0, 0];
  structure.forEach((value, i) => {
    sum += value * weights[i]!;
    total += weights[i]!;
  });
  return total > 0 ? Math.min(1, Math.max(0, 1 - sum / total)) : 1;
}

/** Side at which a crop is compared: what it really has, neither finer than `finestPx` nor coarser than tells anything. */
export function sizeSeen(cropPx: number, cropPxPerImagePx: number, finestPx: number): number {
  return Math.round(Math.min(finestPx, Math.max(coarsestPx, cropPx / Math.max(1, cropPxPerImagePx))));
}

function reduced(pixels: Pixels, sizePx: number): Float32Array {
  const gray = { width: pixels.width, height: pixels.height, channels: 1 as const, pixels: grayOf(pixels) };
  return resampleArray(gray, sizePx, sizePx, 'lanczos3').pixels;
}

/** Local correlation, near 1 where neither plane shows any structure. */
function structureMap(a: Float32Array, b: Float32Array, sizePx: number): Float32Array {
  const size = { width: sizePx, height: sizePx };
  const blur = (plane: Float32Array): Float32Array => blurPlane(plane, size, Math.max(1.5, sizePx / 32));
  const product = (p: Float32Array, q: Float32Array): Float32Array =>
    blur(p.map((value, i) => value * q[i]!));
  const [meanA, meanB] = [blur(a), blur(b)];
  const [squareA, squareB, mixed] = [product(a, a), product(b, b), product(a, b)];
  return mixed.map((value, i) => {
    const variance = (square: Float32Array, mean: Float32Array): number =>
      Math.max(0, square[i]! - mean[i]! ** 2);
    const spread = Math.sqrt(variance(squareA, meanA) * variance(squareB, meanB));
    return (value - meanA[i]! * meanB[i]! + stabilizer / 2) / (spread + stabilizer / 2);
  });
}

/** Gaussian spots on the features. */
function featureWeights(points: readonly Point[], cropPx: number, sizePx: number): Float32Array {
  const weights = new Float32Array(sizePx * sizePx);
  const spread = 2 * (0.07 * sizePx) ** 2;
  for (const [x, y] of points) {
    const [px, py] = [(x * sizePx) / cropPx, (y * sizePx) / cropPx];
    for (let i = 0; i < weights.length; i++) {
      const [dx, dy] = [(i % sizePx) + 0.5 - px, Math.floor(i / sizePx) + 0.5 - py];
      weights[i]! += Math.exp(-(dx * dx + dy * dy) / spread);
    }
  }
  return weights;
}
