import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { sharp } from '../../../src/engine/image/sharp.ts';
import { resizePixels } from '../../../src/engine/metrics/bicubic.ts';
import { areasToMeasure, compareImages, measureCropped, measurePixels } from '../../../src/engine/metrics/compare-images.ts';
import { blurPixels } from '../../../src/engine/metrics/degrade-filters.ts';
import { roundToBytes, throughJpeg } from '../../../src/engine/metrics/degrade-jpeg.ts';
import { gaussianNoise } from '../../../src/engine/metrics/degrade-noise.ts';
import { featureDistance } from '../../../src/engine/metrics/feature-distance.ts';
import { logGamma } from '../../../src/engine/metrics/gamma.ts';
import { niqe, niqeModelFromJson, readNiqeModel } from '../../../src/engine/metrics/niqe.ts';
import { lumaPlane } from '../../../src/engine/metrics/plane.ts';
import { cutPixels, readPixels, type Pixels } from '../../../src/engine/metrics/pixels.ts';
import { createRandom, seededNormal } from '../../../src/engine/metrics/random.ts';
import { pseudoInverseForm, symmetricEigen } from '../../../src/engine/metrics/symmetric-eigen.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';

async function open(file: string): Promise<Pixels> {
  const { data, info } = await sharp(file).removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels: 3, data: Float32Array.from(data, (value) => value / 255) };
}

/** Edges, texture and color at several scales. */
function scene(width = 224, height = 192): Pixels {
  const data = new Float32Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const shape = Math.sin(x / 9) * Math.cos(y / 13) > 0.2 ? 0.75 : 0.3;
    const fine = 0.1 * Math.sin(0.9 * x + 0.4 * y) + 0.04 * seededNormal(9, i);
    [0, 1, 2].forEach((c) => (data[3 * i + c] = Math.min(1, Math.max(0, shape + fine + 0.08 * Math.sin(x / 40 + 2 * c)))));
  }
  return { width, height, channels: 3, data };
}

describe('measures of a pair', () => {
  const a = scene();

  it('are perfect for equal pictures', async () => {
    const { measures } = await measurePixels(a, a);
    expect(measures).toEqual({ 'psnr-y': Infinity, 'ssim-y': 1, 'psnr-rgb': Infinity, 'ssim-rgb': 1, 'ms-ssim-y': 1, 'feature-distance': 0 });
  });

  it('give the PSNR of a known error', async () => {
    const flat = (level: number): Pixels => ({ width: 40, height: 40, channels: 3, data: new Float32Array(4800).fill(level) });
    const { measures } = await measurePixels(flat(0.5), flat(0.6));
    expect(measures['psnr-rgb']).toBeCloseTo(20, 4);
    expect(measures['psnr-y']).toBeCloseTo(20 + 20 * Math.log10(255 / 219), 4);
    // Two flat pictures differ in luminance alone: (2 m n + c1) / (m² + n² + c1).
    const [m, n, c1] = [127.5, 153, 2.55 ** 2];
    expect(measures['ssim-rgb']).toBeCloseTo((2 * m * n + c1) / (m * m + n * n + c1), 6);
    expect(measures['ms-ssim-y']).toBeUndefined();
  });

  it('fall as blur, noise and JPEG grow, the feature distance rises', async () => {
    const series: Record<string, Pixels[]> = {
      blur: [0.6, 1, 1.8, 3].map((sigma) => blurPixels(a, sigma)),
      noise: [4, 10, 20, 40].map((sigma) => gaussianNoise(a, sigma / 255, false, createRandom(1))),
      jpeg: await Promise.all([90, 60, 30, 10].map((quality) => throughJpeg(a, quality))),
    };
    for (const [name, pictures] of Object.entries(series)) {
      const all = await Promise.all(pictures.map((picture) => measurePixels(a, picture)));
      for (const measure of ['psnr-y', 'ssim-y', 'ms-ssim-y'] as const) {
        const values = all.map(({ measures }) => measures[measure]!);
        expect(values, `${measure} ${name}`).toEqual(values.toSorted((x, y) => y - x));
      }
      const distances = all.map(({ measures }) => measures['feature-distance']!);
      expect(distances, name).toEqual(distances.toSorted((x, y) => x - y));
      expect(distances[0]).toBeGreaterThan(0);
    }
  });

  it('call a blurred picture worse than a noisy one of the same PSNR', async () => {
    const blurred = blurPixels(a, 2.2);
    const error = blurred.data.reduce((sum, value, i) => sum + (value - a.data[i]!) ** 2, 0) / a.data.length;
    const noisy = gaussianNoise(a, Math.sqrt(error), false, createRandom(2));
    expect(featureDistance(a, blurred)!).toBeGreaterThan(featureDistance(a, noisy)!);
  });

  it('see color, are symmetric in the feature distance and take gray for color', async () => {
    const tinted = { ...a, data: a.data.map((value, i) => (i % 3 === 0 ? Math.min(1, value + 0.05) : value)) };
    expect(featureDistance(a, tinted)!).toBeGreaterThan(0.001);
    expect(featureDistance(a, tinted)!).toBeCloseTo(featureDistance(tinted, a)!, 10);
    const gray: Pixels = { width: 32, height: 32, channels: 1, data: Float32Array.from({ length: 1024 }, (_, i) => (i % 32) / 32) };
    const same: Pixels = { width: 32, height: 32, channels: 3, data: Float32Array.from({ length: 3072 }, (_, i) => (Math.floor(i / 3) % 32) / 32) };
    const { measures } = await measurePixels(gray, same);
    expect(measures['psnr-rgb']).toBe(Infinity);
    expect(measures['feature-distance']).toBe(0);
  });
});

describe('compareImages', () => {
  const image = (pixels: Pixels) => floatImage(pixels.width, pixels.height, pixels.channels, pixels.data);

  it('says when sizes differ or the crop leaves nothing', async () => {
    const [a, b] = [image(scene(40, 40)), image(scene(40, 41))];
    await expect(compareImages(a, b)).rejects.toThrow('different sizes: 40×40 and 40×41');
    await expect(compareImages(a, a, { crop: 20 })).rejects.toThrow('border of 20 pixels');
  });

  it('cuts the border and leaves alpha out', async () => {
    const [width, height] = [48, 40];
    const rgba = (edge: number, alpha: number): Float32Array =>
      Float32Array.from({ length: width * height * 4 }, (_, i) => {
        const [x, y] = [Math.floor(i / 4) % width, Math.floor(i / 4 / width)];
        if (i % 4 === 3) return alpha;
        return x < 4 || y < 4 || x >= width - 4 || y >= height - 4 ? edge : ((x * y) % 17) / 17;
      });
    const report = await compareImages(floatImage(width, height, 4, rgba(0, 1)), floatImage(width, height, 4, rgba(1, 0.5)), { crop: 4, which: ['psnr-rgb', 'ssim-y'] });
    expect(report).toEqual({ width, height, crop: 4, measuredShare: 1, measures: { 'psnr-rgb': Infinity, 'ssim-y': 1 } });
  });

  it('measures 1×1 pictures as far as that goes', async () => {
    const one = floatImage(1, 1, 1, Float32Array.of(0.5));
    const { measures } = await compareImages(one, one);
    expect(measures['psnr-y']).toBe(Infinity);
    expect([measures['ssim-y'], measures['ms-ssim-y'], measures['feature-distance']]).toEqual([undefined, undefined, undefined]);
  });

  it('spreads nine areas over a large picture', () => {
    const areas = areasToMeasure(10000, 6000);
    expect(areas).toHaveLength(9);
    expect(areas[0]).toEqual({ x: 0, y: 0, width: 1024, height: 1024 });
    expect(areas[8]).toEqual({ x: 8976, y: 4976, width: 1024, height: 1024 });
    expect(areasToMeasure(4000, 3000)).toHaveLength(1);
  });
});

describe('numbers behind NIQE', () => {
  it('has the gamma function', () => {
    [0.1, 0.5, 1, 5, 10].forEach((x, i) => expect(logGamma(x)).toBeCloseTo([2.252712651734206, 0.5723649429247001, 0, 3.1780538303479458, 12.801827480081469][i]!, 10));
  });

  it('decomposes symmetric matrices and inverts what is not zero', () => {
    const matrix = [[4, 1, 0], [1, 3, 0], [0, 0, 0]].map((row) => Float64Array.from(row));
    const { values, vectors } = symmetricEigen(matrix);
    expect(values.toSorted()[2]).toBeCloseTo((7 + Math.sqrt(5)) / 2, 12);
    expect(vectors[0]!.reduce((dot, v, k) => dot + v * vectors[1]![k]!, 0)).toBeCloseTo(0, 12);
    // x' A⁻¹ x on the upper block, whose inverse is [[3, −1], [−1, 4]] / 11; the zero direction does not count.
    expect(pseudoInverseForm(matrix, Float64Array.of(1, 2, 5))).toBeCloseTo((3 - 4 + 16) / 11, 10);
  });

  it('refuses files that hold something else', async () => {
    expect(() => niqeModelFromJson({ mu_pris_param: [1, 2] }, 'a.json')).toThrow('a.json does not hold NIQE parameters');
    await expect(readNiqeModel('/nowhere/niqe.json')).rejects.toThrow('/nowhere/niqe.json cannot be read');
  });
});

const reference = fileURLToPath(new URL('../../../../shared/reference/niqe_params.json', import.meta.url));

describe('published values', () => {
  let set14: string;
  let restricted: string;
  beforeAll(() => {
    restricted = path.join(sharedData ?? '', 'eval/restricted');
    set14 = path.join(restricted, 'set14');
  });

  it.skipIf(sharedData === undefined)(`reproduces bicubic ×4 on Set5: 28.42 dB, SSIM 0.81${sharedDataNote}`, async () => {
    const results: Awaited<ReturnType<typeof measurePixels>>['measures'][] = [];
    for (const name of ['baby', 'bird', 'butterfly', 'head', 'woman']) {
      const high = await open(path.join(restricted, 'set5', `${name}.png`));
      const low = await open(path.join(restricted, 'set5-lr-bicubic/X4', `${name}x4.png`));
      const large = roundToBytes(resizePixels(low, low.width * 4, low.height * 4));
      const cut = cutPixels(high, { x: 0, y: 0, width: large.width, height: large.height });
      results.push((await measureCropped(cut, large, 4, { which: ['psnr-y', 'ssim-y'] })).measures);
    }
    const mean = (key: 'psnr-y' | 'ssim-y'): number => results.reduce((sum, result) => sum + result[key]!, 0) / results.length;
    expect(Math.abs(mean('psnr-y') - 28.42)).toBeLessThan(0.05);
    expect(Math.abs(mean('ssim-y') - 0.8104)).toBeLessThan(0.003);
  });

  it.skipIf(sharedData === undefined)(`reproduces bicubic ×4 on Set14 with its own reduction: 26.00 dB${sharedDataNote}`, async () => {
    const names = 'baboon barbara bridge coastguard comic face flowers foreman lenna man monarch pepper ppt3 zebra'.split(' ');
    const psnr: number[] = [];
    for (const name of names) {
      const whole = await open(path.join(set14, `${name}.png`));
      const high = cutPixels(whole, { x: 0, y: 0, width: whole.width - (whole.width % 4), height: whole.height - (whole.height % 4) });
      const low = roundToBytes(resizePixels(high, high.width / 4, high.height / 4));
      const large = roundToBytes(resizePixels(low, high.width, high.height));
      // MATLAB takes the luma of color files only: the one gray file (bridge) is measured on its own 0..255.
      const measure = name === 'bridge' ? 'psnr-rgb' : 'psnr-y';
      psnr.push((await measureCropped(high, large, 4, { which: [measure] })).measures[measure]!);
    }
    expect(Math.abs(psnr.reduce((a, b) => a + b, 0) / psnr.length - 26.0)).toBeLessThan(0.05);
  });

  it.skipIf(sharedData === undefined || !existsSync(reference))(`reproduces BasicSR's values for baboon${sharedDataNote}`, async () => {
    const baboon = await open(path.join(set14, 'baboon.png'));
    const model = await readNiqeModel(reference);
    expect(niqe(lumaPlane(baboon), model)).toBeCloseTo(5.7296, 2);
    const high = cutPixels(baboon, { x: 0, y: 0, width: baboon.width - (baboon.width % 4), height: baboon.height - (baboon.height % 4) });
    const large = roundToBytes(resizePixels(roundToBytes(resizePixels(high, high.width / 4, high.height / 4)), high.width, high.height));
    const { measures } = await measureCropped(high, large, 4, { which: ['psnr-rgb', 'ssim-rgb', 'psnr-y', 'ssim-y'] });
    expect(Math.abs(measures['psnr-rgb']! - 20.41971)).toBeLessThan(0.02);
    expect(Math.abs(measures['ssim-rgb']! - 0.391853)).toBeLessThan(0.002);
    expect(Math.abs(measures['psnr-y']! - 22.441898)).toBeLessThan(0.02);
    expect(Math.abs(measures['ssim-y']! - 0.453097)).toBeLessThan(0.002);
    const blurred = blurPixels(baboon, 2);
    expect(niqe(lumaPlane(blurred), model)!).toBeGreaterThan(6);
  });

  it('has no NIQE for pictures without two blocks', () => {
    const model = niqeModelFromJson({ mu_pris_param: Array.from({ length: 36 }, () => 0), cov_pris_param: Array.from({ length: 1296 }, (_, i) => (i % 37 === 0 ? 1 : 0)) }, 'unit');
    expect(niqe(lumaPlane(scene(96, 96)), model)).toBeUndefined();
    expect(niqe(lumaPlane(scene(192, 96)), model)!).toBeGreaterThan(0);
  });
});

it('reads a rectangle without alpha', async () => {
  const image = floatImage(2, 1, 2, Float32Array.of(0.1, 1, 0.2, 0));
  const pixels = await readPixels(image);
  expect(pixels.channels).toBe(1);
  expect(Array.from(pixels.data)).toEqual([Math.fround(0.1), Math.fround(0.2)]);
});
