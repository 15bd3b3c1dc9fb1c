import type { Random } from './random.ts';

/** A square convolution kernel with an odd side, row by row, sum 1. The twin of `training/degradations.py`. */
export interface Kernel {
  readonly size: number;
  readonly data: Float64Array;
}

function makeKernel(size: number, value: (x: number, y: number) => number): Kernel {
  const half = (size - 1) / 2;
  const data = Float64Array.from({ length: size * size }, (_, i) => value((i % size) - half, Math.floor(i / size) - half));
  const sum = data.reduce((a, b) => a + b, 0);
  return { size, data: data.map((v) => v / sum) };
}

/** q' S⁻¹ q, S = R diag(σx², σy²) R', x rightward and y downward. */
function mahalanobis(x: number, y: number, sigmaX: number, sigmaY: number, theta: number): number {
  const along = Math.cos(theta) * x + Math.sin(theta) * y;
  const across = -Math.sin(theta) * x + Math.cos(theta) * y;
  return (along / sigmaX) ** 2 + (across / sigmaY) ** 2;
}

/** exp(−m / 2). */
export function gaussianKernel(size: number, sigmaX: number, sigmaY: number, theta: number): Kernel {
  return makeKernel(size, (x, y) => Math.exp(-0.5 * mahalanobis(x, y, sigmaX, sigmaY, theta)));
}

/** exp(−m^β / 2): flatter than a Gaussian for β > 1, with heavier tails below. */
export function generalizedKernel(size: number, sigmaX: number, sigmaY: number, theta: number, beta: number): Kernel {
  return makeKernel(size, (x, y) => Math.exp(-0.5 * mahalanobis(x, y, sigmaX, sigmaY, theta) ** beta));
}

/** 1 / (m^β + 1). */
export function plateauKernel(size: number, sigmaX: number, sigmaY: number, theta: number, beta: number): Kernel {
  return makeKernel(size, (x, y) => 1 / (mahalanobis(x, y, sigmaX, sigmaY, theta) ** beta + 1));
}

/** Circular low-pass with cut-off `omega` (0 to π): ω J₁(ω r) / (2 π r), center ω² / (4 π). Rings. */
export function sincKernel(size: number, omega: number): Kernel {
  return makeKernel(size, (x, y) => {
    const r = Math.hypot(x, y);
    return r === 0 ? omega ** 2 / (4 * Math.PI) : (omega * besselJ1(omega * r)) / (2 * Math.PI * r);
  });
}

/** The kernel that changes nothing. */
export const identityKernel: Kernel = { size: 1, data: Float64Array.of(1) };

/** Bessel function of the first kind, order 1, by its integral (1/π) ∫ cos(t − x sin t) dt over 0..π; error below 1e-14 for |x| < 60. */
export function besselJ1(x: number): number {
  const steps = 128;
  let sum = 0;
  for (let k = 0; k < steps; k++) {
    const t = (Math.PI * (k + 0.5)) / steps;
    sum += Math.cos(t - x * Math.sin(t));
  }
  return sum / steps;
}

const kinds = ['iso', 'aniso', 'generalized-iso', 'generalized-aniso', 'plateau-iso', 'plateau-aniso'] as const;
const kindShares = [0.45, 0.25, 0.12, 0.03, 0.12, 0.03];

/** 7, 9, … 21. */
function drawSize(random: Random): number {
  return 7 + 2 * random.below(8);
}

/** Half the draws uniform below 1, half above. */
function drawBeta(random: Random, low: number, high: number): number {
  return random.some(0.5) ? random.uniform(low, 1) : random.uniform(1, high);
}

/** One kernel of Real-ESRGAN's mixture, with deviations from `sigma`. */
export function drawKernel(random: Random, sigma: readonly [number, number], sincShare = 0.1): Kernel {
  const size = drawSize(random);
  if (random.some(sincShare)) return sincKernel(size, random.uniform(Math.PI / (size < 13 ? 3 : 5), Math.PI));
  const kind = random.pick(kinds, kindShares);
  const sigmaX = random.uniform(...sigma);
  const isotropic = !kind.endsWith('aniso');
  const sigmaY = isotropic ? sigmaX : random.uniform(...sigma);
  const theta = isotropic ? 0 : random.uniform(-Math.PI, Math.PI);
  if (kind.startsWith('generalized')) return generalizedKernel(size, sigmaX, sigmaY, theta, drawBeta(random, 0.5, 4));
  if (kind.startsWith('plateau')) return plateauKernel(size, sigmaX, sigmaY, theta, drawBeta(random, 1, 2));
  return gaussianKernel(size, sigmaX, sigmaY, theta);
}

/** Real-ESRGAN's last filter: a sinc most times, otherwise nothing. */
export function drawFinalSinc(random: Random, share = 0.8): Kernel {
  if (!random.some(share)) return identityKernel;
  return sincKernel(drawSize(random), random.uniform(Math.PI / 3, Math.PI));
}
