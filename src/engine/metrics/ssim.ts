import { combinePlanes, filterValid, gaussianTaps, halvePlane, meanOf, type Plane } from './plane.ts';

const taps = gaussianTaps(11, 1.5);
const c1 = (0.01 * 255) ** 2;
const c2 = (0.03 * 255) ** 2;

/** Means of luminance × contrast-structure (SSIM) and of contrast-structure alone. */
interface SsimMeans {
  readonly ssim: number;
  readonly contrast: number;
}

function ssimMeans(a: Plane, b: Plane): SsimMeans {
  const product = (p: Plane, q: Plane): Plane => filterValid(combinePlanes(p, q, (x, y) => x * y), taps);
  const meanA = filterValid(a, taps).data;
  const meanB = filterValid(b, taps).data;
  const squareA = product(a, a).data;
  const squareB = product(b, b).data;
  const mixed = product(a, b).data;
  let ssim = 0;
  let contrast = 0;
  for (let i = 0; i < mixed.length; i++) {
    const mu = meanA[i]!;
    const nu = meanB[i]!;
    const cs = (2 * (mixed[i]! - mu * nu) + c2) / (squareA[i]! - mu * mu + (squareB[i]! - nu * nu) + c2);
    contrast += cs;
    ssim += (cs * (2 * mu * nu + c1)) / (mu * mu + nu * nu + c1);
  }
  return { ssim: ssim / mixed.length, contrast: contrast / mixed.length };
}

/**
 * Structural similarity of two planes in 0..255, 1 for equal ones: Gaussian window 11×11, sigma 1.5, valid area only
 * (Wang et al. 2004). Undefined when a side is below 11 pixels.
 */
export function ssim(a: Plane, b: Plane): number | undefined {
  return Math.min(a.width, a.height) < 11 ? undefined : ssimMeans(a, b).ssim;
}

/** The mean of `ssim` over channels. */
export function ssimOfChannels(a: readonly Plane[], b: readonly Plane[]): number | undefined {
  const values = a.map((plane, channel) => ssim(plane, b[channel]!));
  return values.some((value) => value === undefined) ? undefined : meanOf(values as number[]);
}

const scaleWeights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/**
 * Multi-scale structural similarity over five scales, halved by 2×2 means (Wang, Simoncelli and Bovik 2003). Undefined when the
 * smallest scale would be below the window, that is when a side is below 176 pixels.
 */
export function multiScaleSsim(a: Plane, b: Plane): number | undefined {
  if (Math.min(a.width, a.height) < 11 * 2 ** (scaleWeights.length - 1)) return undefined;
  let result = 1;
  let [p, q] = [a, b];
  scaleWeights.forEach((weight, scale) => {
    const means = ssimMeans(p, q);
    const last = scale === scaleWeights.length - 1;
    result *= Math.max(0, last ? means.ssim : means.contrast) ** weight;
    if (!last) [p, q] = [halvePlane(p), halvePlane(q)];
  });
  return result;
}
