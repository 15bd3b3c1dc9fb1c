import { logGamma } from './gamma.ts';
import { combinePlanes, filterValid, gaussianTaps, padEdge, type Plane } from './plane.ts';

const window = gaussianTaps(7, 7 / 6);

/** Shapes 0.2 to 10 in steps of 0.001, and for each the ratio Γ(2/α)² / (Γ(1/α) Γ(3/α)), which rises with α. */
const shapeStep = 0.001;
const ratios = Float64Array.from({ length: 9801 }, (_, i) => {
  const shape = 0.2 + shapeStep * i;
  return Math.exp(2 * logGamma(2 / shape) - logGamma(1 / shape) - logGamma(3 / shape));
});

/** Mean-subtracted, contrast-normalized coefficients of a plane in 0..255, and its local deviation. */
export interface Normalized {
  readonly coefficients: Plane;
  readonly deviation: Plane;
}

/** (I − μ) / (σ + 1) with a 7×7 Gaussian window of sigma 7/6, edges repeated; σ = √|E[I²] − μ²|. */
export function normalizeContrast(plane: Plane): Normalized {
  const padded = padEdge(plane, 3);
  const mean = filterValid(padded, window);
  const squares = filterValid(combinePlanes(padded, padded, (a, b) => a * b), window);
  const deviation = combinePlanes(squares, mean, (square, mu) => Math.sqrt(Math.abs(square - mu * mu)));
  const centered = combinePlanes(plane, mean, (value, mu) => value - mu);
  return { coefficients: combinePlanes(centered, deviation, (value, sigma) => value / (sigma + 1)), deviation };
}

/** The parameters of an asymmetric generalized Gaussian fitted to numbers by moments (Lasmar et al. 2009). */
interface AsymmetricFit {
  readonly shape: number;
  readonly left: number;
  readonly right: number;
}

/** Fits the values; NaN fields where one side is empty. */
function fitAsymmetric(values: Float64Array): AsymmetricFit {
  let [leftSquares, leftCount, rightSquares, rightCount, magnitude] = [0, 0, 0, 0, 0];
  for (const value of values) {
    magnitude += Math.abs(value);
    if (value < 0) {
      leftSquares += value * value;
      leftCount++;
    } else if (value > 0) {
      rightSquares += value * value;
      rightCount++;
    }
  }
  const leftStd = Math.sqrt(leftSquares / leftCount);
  const rightStd = Math.sqrt(rightSquares / rightCount);
  const skew = leftStd / rightStd;
  const ratio = (magnitude / values.length) ** 2 / ((leftSquares + rightSquares) / values.length);
  const normed = (ratio * (skew ** 3 + 1) * (skew + 1)) / (skew ** 2 + 1) ** 2;
  if (!Number.isFinite(normed)) return { shape: NaN, left: NaN, right: NaN };
  const shape = 0.2 + shapeStep * nearest(ratios, normed);
  const spread = Math.exp(0.5 * (logGamma(1 / shape) - logGamma(3 / shape)));
  return { shape, left: leftStd * spread, right: rightStd * spread };
}

/** Index of the value nearest to `target` in a rising array. */
function nearest(rising: Float64Array, target: number): number {
  let low = 0;
  let high = rising.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rising[middle]! < target) low = middle;
    else high = middle;
  }
  return target - rising[low]! <= rising[high]! - target ? low : high;
}

const shifts = [
  [0, 1],
  [1, 0],
  [1, 1],
  [1, -1],
] as const;

/** The 18 features of one square block: its own fit, then that of its products with four neighbors (wrapped around). */
export function blockFeatures(plane: Plane, left: number, top: number, size: number): number[] {
  const block = new Float64Array(size * size);
  for (let y = 0; y < size; y++) {
    const from = (top + y) * plane.width + left;
    block.set(plane.data.subarray(from, from + size), y * size);
  }
  const own = fitAsymmetric(block);
  const features = [own.shape, (own.left + own.right) / 2];
  const product = new Float64Array(block.length);
  for (const [down, across] of shifts) {
    for (let y = 0; y < size; y++) {
      const row = ((y - down + size) % size) * size;
      for (let x = 0; x < size; x++) product[y * size + x] = block[y * size + x]! * block[row + ((x - across + size) % size)]!;
    }
    const fit = fitAsymmetric(product);
    const mean = (fit.right - fit.left) * Math.exp(logGamma(2 / fit.shape) - logGamma(1 / fit.shape));
    features.push(fit.shape, mean, fit.left, fit.right);
  }
  return features;
}
