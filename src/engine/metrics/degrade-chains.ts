import type { Kernel } from '../image/resample.ts';
import { resizePixels } from './bicubic.ts';
import { drawAging } from './degrade-color.ts';
import { drawDamage, filmDamage } from './degrade-damage.ts';
import { blurPixels, filterPixels, mapValues, scannerBlur, sharpeningHalo } from './degrade-filters.ts';
import { roundToBytes, throughJpeg } from './degrade-jpeg.ts';
import { drawFinalSinc, drawKernel, gaussianKernel } from './degrade-kernels.ts';
import { filmGrain, gaussianNoise, halftone, paperTexture, poissonNoise } from './degrade-noise.ts';
import { plainResize } from './degrade-resize.ts';
import type { Pixels } from './pixels.ts';
import { seededNormal, type Random } from './random.ts';

type Range = readonly [number, number];

/** A fixed, repeatable damage; 0 or null leaves a part out. */
export interface DamageLevels {
  /** On the full picture. */
  readonly blurSigmaPx: number;
  /** On the reduced picture, in 1/255. */
  readonly noiseSigmaLevels: number;
  readonly jpegQuality: number | null;
}

/**
 * Blur, MATLAB-style bicubic reduction, Gaussian noise, 8 bit, JPEG: equal to `degrade_for_evaluation` in `training/imaging.py` but for the rounding of
 * two JPEG libraries. Sides are cut to multiples of `scale` first.
 */
export async function applyLevels(pixels: Pixels, levels: DamageLevels, scale: number, seed: number): Promise<Pixels> {
  const small = reduce(blurPixels(pixels, levels.blurSigmaPx), scale, 'bicubic');
  const sigma = levels.noiseSigmaLevels / 255;
  const noisy = sigma > 0 ? mapValues(small, (value, i) => value + sigma * seededNormal(seed, i)) : small;
  return levels.jpegQuality === null ? roundToBytes(noisy) : throughJpeg(noisy, levels.jpegQuality);
}

function reduce(pixels: Pixels, scale: number, filter: Kernel): Pixels {
  if (scale === 1) return pixels;
  const small = resizePixels(pixels, Math.max(1, Math.floor(pixels.width / scale)), Math.max(1, Math.floor(pixels.height / scale)), filter);
  return mapValues(small, (value) => value);
}

/** To 1 / scale with antialiasing: MATLAB bicubic mostly, sometimes Lanczos or area. */
function reduceWell(pixels: Pixels, scale: number, random: Random): Pixels {
  return reduce(pixels, scale, random.pick(['bicubic', 'lanczos3', 'area'] as const, [0.7, 0.15, 0.15]));
}

function resizePlainly(pixels: Pixels, width: number, height: number, random: Random): Pixels {
  const filter = random.pick(['area', 'bilinear', 'bicubic'] as const);
  return plainResize(pixels, width, height, filter);
}

function drawNoise(pixels: Pixels, random: Random, sigma: Range, scale: Range): Pixels {
  const gray = random.some(0.4);
  return random.some(0.5)
    ? gaussianNoise(pixels, random.uniform(...sigma) / 255, gray, random)
    : poissonNoise(pixels, random.uniform(...scale), gray, random);
}

function drawFactor(random: Random, shares: readonly number[], up: number, down: number): number {
  const kind = random.pick(['up', 'down', 'keep'] as const, shares);
  return kind === 'up' ? random.uniform(1, up) : kind === 'down' ? random.uniform(down, 1) : 1;
}

const clamp = (pixels: Pixels): Pixels => mapValues(pixels, (value) => value);

/** Real-ESRGAN's two-stage chain (Wang et al. 2021) from (h, w) to (h / scale, w / scale). */
export async function highOrder(pixels: Pixels, scale: number, random: Random): Promise<Pixels> {
  const { width, height } = pixels;
  const final = { width: Math.max(1, Math.floor(width / scale)), height: Math.max(1, Math.floor(height / scale)) };
  const resizeBy = (y: Pixels, base: { width: number; height: number }, factor: number, least: number): Pixels =>
    resizePlainly(y, Math.max(least, Math.floor(base.width * factor)), Math.max(least, Math.floor(base.height * factor)), random);

  let y = clamp(filterPixels(pixels, drawKernel(random, [0.2, 3])));
  y = resizeBy(y, pixels, drawFactor(random, [0.2, 0.7, 0.1], 1.5, 0.15), 16);
  y = drawNoise(y, random, [1, 30], [0.05, 3]);
  y = await throughJpeg(y, random.uniform(30, 95));

  if (random.some(0.8)) y = clamp(filterPixels(y, drawKernel(random, [0.2, 1.5])));
  y = resizeBy(y, final, drawFactor(random, [0.3, 0.4, 0.3], 1.2, 0.3), 12);
  y = drawNoise(y, random, [1, 25], [0.05, 2.5]);
  const sinc = drawFinalSinc(random);
  const quality = random.uniform(30, 95);
  if (random.some(0.5)) {
    y = clamp(filterPixels(resizePlainly(y, final.width, final.height, random), sinc));
    return throughJpeg(y, quality);
  }
  y = await throughJpeg(y, quality);
  return roundToBytes(filterPixels(resizePlainly(y, final.width, final.height, random), sinc));
}

/** Blur, reduction, noise and JPEG once, mild to strong. */
export async function singleOrder(pixels: Pixels, scale: number, random: Random): Promise<Pixels> {
  const level = random.unit();
  const wobble = (): number => Math.min(1, Math.max(0, level + 0.2 * random.normal()));
  const sigma = 0.1 + 2.3 * wobble();
  const other = random.some(0.3) ? sigma * random.uniform(0.6, 1) : sigma;
  let y = clamp(filterPixels(pixels, gaussianKernel(21, sigma, other, random.uniform(-Math.PI, Math.PI))));
  y = reduceWell(y, scale, random);
  if (random.some(0.85)) y = gaussianNoise(y, (17 * wobble() ** 1.2) / 255, random.some(0.3), random);
  return random.some(0.8) ? throughJpeg(y, 95 - 57 * wobble()) : roundToBytes(y);
}

/** Lens blur, aging, grain, paper, print, dust, then a scanner: reduction, blur, halos, sensor noise, JPEG. */
export async function oldPhoto(pixels: Pixels, scale: number, random: Random): Promise<Pixels> {
  let y = clamp(filterPixels(pixels, drawKernel(random, [0.2, 2.5])));
  y = reduceWell(y, scale, random);
  if (random.some(0.7)) y = drawAging(y, random);
  if (random.some(0.85)) y = filmGrain(y, random.uniform(0.01, 0.09), random.uniform(0, 1.3), random.pick([0, 0.3, 0.6]), random);
  if (random.some(0.3)) y = paperTexture(y, random.uniform(0.01, 0.07), random.uniform(0.5, 1.5), random);
  if (random.some(0.15)) y = clamp(halftone(y, random.uniform(2.2, 4.5), random.uniform(0, Math.PI / 2), random.uniform(0.05, 0.45)));
  if (random.some(0.35)) {
    const tone = random.some(0.7) ? random.uniform(0.7, 1) : random.uniform(0, 0.3);
    y = filmDamage(y, drawDamage(y, random.uniform(0.2, 0.9), random), tone);
  }
  if (random.some(0.6)) y = clamp(scannerBlur(y, random.uniform(0.2, 0.9), random.uniform(0.2, 1.1)));
  if (random.some(0.4)) y = sharpeningHalo(y, random.uniform(0.3, 2), random.uniform(0.6, 1.8));
  y = gaussianNoise(y, random.uniform(0, 5) / 255, random.some(0.5), random);
  return random.some(0.85) ? throughJpeg(y, random.uniform(50, 97)) : roundToBytes(y);
}
