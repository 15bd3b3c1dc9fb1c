import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resizePixels } from '../../../src/engine/metrics/bicubic.ts';
import { applyLevels } from '../../../src/engine/metrics/degrade-chains.ts';
import { fade, saturate } from '../../../src/engine/metrics/degrade-color.ts';
import { blurPixels, filterPixels, scannerBlur, sharpeningHalo } from '../../../src/engine/metrics/degrade-filters.ts';
import { throughJpeg } from '../../../src/engine/metrics/degrade-jpeg.ts';
import { besselJ1, drawKernel, gaussianKernel, generalizedKernel, plateauKernel, sincKernel, type Kernel } from '../../../src/engine/metrics/degrade-kernels.ts';
import { filmGrain, gaussianNoise, halftone, paperTexture, poissonNoise } from '../../../src/engine/metrics/degrade-noise.ts';
import { damageRecipes, damageStrengths, degradePixels } from '../../../src/engine/metrics/degrade-photo.ts';
import { plainResize } from '../../../src/engine/metrics/degrade-resize.ts';
import type { Pixels } from '../../../src/engine/metrics/pixels.ts';
import { createRandom, seededNormal } from '../../../src/engine/metrics/random.ts';

type Planes = number[][][];
interface Exact extends Record<string, unknown> {
  heightPx: number;
  widthPx: number;
  planes: Planes;
}
interface Golden {
  tolerance: { deviationShare: number; mean: number; correlation: number };
  kernels: { kind: string; size: number; sigmaXPx: number; sigmaYPx: number; thetaRad: number; beta: number; omegaRad: number; rows: number[][] }[];
  exact: Record<string, Exact>;
  noise: ({ kind: string; level: number; mean: number; deviation: number; lag1: number; lag2: number; channels: number; columns: number[]; columnDeviation: number[] } & Record<string, number & boolean>)[];
  seededNormal: { first: { seed: number; values: number[] }[] };
}
const golden = JSON.parse(readFileSync(new URL('../../fixtures/degradations.json', import.meta.url), 'utf8')) as Golden;

/** value(c, y, x) = 0.5 + 0.4 sin(0.7 x + 0.3 y + c) cos(0.5 y − 0.2 x), as the fixture says. */
function pattern(width: number, height: number): Pixels {
  const data = Float32Array.from({ length: width * height * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 0.5 + 0.4 * Math.sin(0.7 * x + 0.3 * y + c) * Math.cos(0.5 * y - 0.2 * x);
  });
  return { width, height, channels: 3, data };
}

function flat(level: number, size = 256): Pixels {
  return { width: size, height: size, channels: 3, data: new Float32Array(size * size * 3).fill(level) };
}

function interleave(planes: Planes): number[] {
  const [height, width] = [planes[0]!.length, planes[0]![0]!.length];
  return Array.from({ length: height * width * 3 }, (_, i) => planes[i % 3]![Math.floor(i / 3 / width)]![Math.floor(i / 3) % width]!);
}

function expectNear(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
  expect(worst).toBeLessThan(tolerance);
}

describe('the twin of training/degradations.py', () => {
  it.each(golden.kernels.map((kernel, i) => [`${i} ${kernel.kind}`, kernel] as const))('has the same kernel %s', (_, k) => {
    const made: Record<string, () => Kernel> = {
      gaussian: () => gaussianKernel(k.size, k.sigmaXPx, k.sigmaYPx, k.thetaRad),
      generalized: () => generalizedKernel(k.size, k.sigmaXPx, k.sigmaYPx, k.thetaRad, k.beta),
      plateau: () => plateauKernel(k.size, k.sigmaXPx, k.sigmaYPx, k.thetaRad, k.beta),
      sinc: () => sincKernel(k.size, k.omegaRad),
    };
    expectNear(made[k.kind]!().data, k.rows.flat(), 1e-6);
  });

  it.each<[string, (pixels: Pixels, entry: Record<string, never>) => Pixels]>([
    ['blur', (p, e) => blurPixels(p, e['sigmaPx']!)],
    ['bicubicQuarter', (p) => resizePixels(p, p.width / 4, p.height / 4)],
    ['halftone', (p, e) => halftone(p, e['periodPx']!, e['thetaRad']!, e['amount']!)],
    ['fade', (p, e) => fade(p, e['black']!, e['white']!, e['gamma']!)],
    ['saturation', (p, e) => saturate(p, e['keep']!)],
    ['sharpeningHalo', (p, e) => sharpeningHalo(p, e['amount']!, e['sigmaPx']!)],
    ['scannerBlur', (p, e) => scannerBlur(p, e['sigmaAcrossPx']!, e['sigmaAlongPx']!)],
  ])('computes the same %s', (name, apply) => {
    const entry = golden.exact[name]!;
    const result = apply(pattern(entry.widthPx, entry.heightPx), entry as never);
    expectNear(result.data, interleave(entry.planes), 1e-5);
  });

  it('draws the same seeded numbers', () => {
    for (const { seed, values } of golden.seededNormal.first) {
      expectNear(values.map((_, i) => seededNormal(seed, i)), values, 1e-6);
    }
  });

  it.each(golden.noise.filter((entry) => entry.kind !== 'poisson').map((entry, i) => [`${i} ${entry.kind}`, entry] as const))('has noise of the same statistics: %s', (_, entry) => {
    const random = createRandom(7);
    const base = flat(entry.level);
    const made: Record<string, () => Pixels> = {
      gaussian: () => gaussianNoise(base, entry['sigma']!, Boolean(entry['gray']), random),
      filmGrain: () => filmGrain(base, entry['amount']!, entry['sizePx']!, entry['color']!, random),
      paperTexture: () => paperTexture(base, entry['amount']!, entry['sizePx']!, random),
    };
    const field = made[entry.kind]!().data.map((value) => value - entry.level);
    const pick = (c: number, shift: number): Float64Array => Float64Array.from({ length: 256 * 250 }, (_, i) => field[3 * (Math.floor(i / 250) * 256 + (i % 250) + shift) + c]!);
    const { deviationShare, mean, correlation } = golden.tolerance;
    const own = pick(0, 0);
    expect(Math.abs(average(own) - entry.mean)).toBeLessThan(Math.max(mean, 0.02 * entry.deviation));
    expect(Math.abs(deviation(own) / entry.deviation - 1)).toBeLessThan(deviationShare);
    expect(Math.abs(correlate(own, pick(0, 1)) - entry.lag1)).toBeLessThan(correlation);
    expect(Math.abs(correlate(own, pick(0, 2)) - entry.lag2)).toBeLessThan(correlation);
    expect(Math.abs(correlate(own, pick(1, 0)) - entry.channels)).toBeLessThan(correlation);
  });

  it.each([false, true])('has Poisson noise that grows with the light alike, gray %s', (gray) => {
    const entry = golden.noise.find((item) => item.kind === 'poisson' && Boolean(item['gray']) === gray)!;
    const height = 4096;
    const ramp: Pixels = { width: 256, height, channels: 3, data: Float32Array.from({ length: 256 * height * 3 }, (_, i) => (Math.floor(i / 3) % 256) / 255) };
    const noisy = poissonNoise(ramp, entry['scale']!, gray, createRandom(3)).data;
    entry.columns.forEach((x, k) => {
      const column = Float64Array.from({ length: height }, (_, y) => noisy[3 * (y * 256 + x)]! - x / 255);
      expect(Math.abs(deviation(column) / entry.columnDeviation[k]! - 1)).toBeLessThan(0.05);
      expect(Math.abs(average(column))).toBeLessThan(0.0015);
    });
  });
});

function average(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
function deviation(values: Float64Array): number {
  const mean = average(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
function correlate(a: Float64Array, b: Float64Array): number {
  const [ma, mb] = [average(a), average(b)];
  return a.reduce((sum, value, i) => sum + (value - ma) * (b[i]! - mb), 0) / a.length / deviation(a) / deviation(b);
}

describe('degradePixels', () => {
  const photo = pattern(96, 80);

  it('is the same for a seed and different for another', async () => {
    for (const damage of [...damageRecipes, 'strong']) {
      const [a, b, c] = await Promise.all([1, 1, 2].map((seed) => degradePixels(photo, { damage, seed, scale: 2 })));
      expect([a!.width, a!.height]).toEqual([48, 40]);
      expect(a!.data).toEqual(b!.data);
      expect(a!.data).not.toEqual(c!.data);
      expect(a!.data.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
  });

  it('gets worse from strength to strength', async () => {
    const clean = await degradePixels(photo, { damage: 'clean', scale: 1 });
    const errors: number[] = [];
    for (const { name } of damageStrengths) {
      const bad = await degradePixels(photo, { damage: name, scale: 1 });
      errors.push(bad.data.reduce((sum, value, i) => sum + (value - clean.data[i]!) ** 2, 0));
    }
    expect(errors[0]).toBe(0);
    for (let i = 1; i < errors.length; i++) expect(errors[i]).toBeGreaterThan(errors[i - 1]!);
  });

  it('keeps gray gray and cuts sides to multiples of the scale', async () => {
    const gray: Pixels = { width: 35, height: 50, channels: 1, data: Float32Array.from({ length: 35 * 50 }, (_, i) => (i % 35) / 35) };
    for (const damage of [...damageRecipes, 'medium']) {
      const result = await degradePixels(gray, { damage, seed: 4, scale: 4 });
      expect([result.channels, result.width, result.height]).toEqual([1, 8, 12]);
    }
  });

  it('says what it does not know', async () => {
    await expect(degradePixels(photo, { damage: 'rain' })).rejects.toThrow('There is no damage called "rain".');
    await expect(degradePixels(photo, { damage: 'mild', scale: 2.5 })).rejects.toThrow('scale');
    await expect(degradePixels(photo, { damage: 'mild', seed: -1 })).rejects.toThrow('seed');
    await expect(degradePixels(flat(0.5, 2), { damage: 'mild', scale: 4 })).rejects.toThrow('2×2 cannot be made 4 times smaller');
  });

  it('leaves levels of nothing alone but for 8 bit', async () => {
    const same = await applyLevels(photo, { blurSigmaPx: 0, noiseSigmaLevels: 0, jpegQuality: null }, 1, 1);
    const worst = same.data.reduce((most, value, i) => Math.max(most, Math.abs(value - photo.data[i]!)), 0);
    expect(worst).toBeLessThanOrEqual(0.5 / 255 + 1e-6);
  });
});

describe('parts of the degradations', () => {
  it('has J1 as in tables (Abramowitz and Stegun 9.4)', () => {
    expect(besselJ1(1)).toBeCloseTo(0.4400505857, 9);
    expect(besselJ1(5)).toBeCloseTo(-0.3275791376, 9);
    expect(besselJ1(30)).toBeCloseTo(-0.1187510626, 8);
  });

  it('draws kernels of sum 1 that keep a flat picture flat', () => {
    const random = createRandom(11);
    for (let i = 0; i < 40; i++) {
      const kernel = drawKernel(random, [0.2, 3]);
      expect(kernel.data.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
      expect(kernel.size % 2).toBe(1);
    }
    const result = filterPixels(flat(0.4, 16), drawKernel(random, [0.2, 3]));
    for (const value of result.data) expect(value).toBeCloseTo(0.4, 5);
  });

  it('draws Poisson numbers with their mean and variance', () => {
    const random = createRandom(21);
    for (const mean of [0.3, 4, 12, 180]) {
      const draws = Float64Array.from({ length: 20000 }, () => random.poisson(mean));
      expect(Math.abs(average(draws) / mean - 1)).toBeLessThan(0.03);
      expect(Math.abs(deviation(draws) ** 2 / mean - 1)).toBeLessThan(0.06);
    }
  });

  it('resizes without antialiasing as PyTorch does', () => {
    const row: Pixels = { width: 4, height: 1, channels: 1, data: Float32Array.of(0.1, 0.9, 0.3, 0.5) };
    const values = (filter: 'area' | 'bilinear' | 'bicubic', width: number): number[] => Array.from(plainResize(row, width, 1, filter).data, (value) => Math.round(1e4 * value) / 1e4);
    expect(values('area', 2)).toEqual([0.5, 0.4]);
    expect(values('area', 3)).toEqual([0.5, 0.6, 0.4]);
    expect(values('bilinear', 2)).toEqual([0.5, 0.4]);
    expect(values('bilinear', 8)).toEqual([0.1, 0.3, 0.7, 0.75, 0.45, 0.35, 0.45, 0.5]);
    expect(values('bicubic', 2)).toEqual([0.5562, 0.3438]);
  });

  it('loses more the lower the JPEG quality', async () => {
    const photo = pattern(64, 64);
    const errors: number[] = [];
    for (const quality of [95, 70, 40, 15]) {
      const coded = await throughJpeg(photo, quality);
      errors.push(coded.data.reduce((sum, value, i) => sum + (value - photo.data[i]!) ** 2, 0));
    }
    for (let i = 1; i < errors.length; i++) expect(errors[i]).toBeGreaterThan(errors[i - 1]!);
  });
});
