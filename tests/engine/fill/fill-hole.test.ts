import { describe, expect, test } from 'vitest';
import { extendSmoothly } from '../../../src/engine/fill/extend-smoothly.ts';
import { fillExemplar } from '../../../src/engine/fill/fill-exemplar.ts';
import { fillHole } from '../../../src/engine/fill/fill-hole.ts';
import { fillTelea } from '../../../src/engine/fill/fill-telea.ts';
import { hideSeam } from '../../../src/engine/fill/hide-seam.ts';
import { matchGrain } from '../../../src/engine/fill/match-grain.ts';
import { seededNormal } from '../../../src/engine/metrics/random.ts';
import { errorInHole, meanFill, stepsAcross, textured, textures } from './textures.ts';

const box = (x: number, y: number): boolean => x >= 36 && x < 60 && y >= 34 && y < 58;
const blob = (x: number, y: number): boolean => (x - 46) ** 2 + 1.5 * (y - 50) ** 2 < 14 ** 2;
const hair = (x: number, y: number): boolean => Math.abs(x - 20 - 0.6 * y) < 1.2;
const [, , edge] = textures;

describe('patches', () => {
  test.each(textures)('continue $name far better than a mean or a smooth fill', async (texture) => {
    for (const [channels, isHole] of [
      [1, box],
      [3, blob],
    ] as const) {
      const { image, truth } = textured(texture, 96, channels, isHole);
      const filled = await fillHole(image, { method: 'exemplar', seed: 1 });
      const smooth = image.pixels.slice();
      extendSmoothly(
        smooth,
        image.hole.map((value) => 1 - value),
        96,
        96,
        channels,
      );
      const error = errorInHole(image, filled, truth);
      expect(error).toBeLessThan(0.5 * errorInHole(image, meanFill(image), truth));
      expect(error).toBeLessThan(0.6 * errorInHole(image, smooth, truth));
      filled.forEach((value, i) => {
        if (image.hole[Math.floor(i / channels)] === 0) expect(value).toBe(image.pixels[i]);
      });
    }
  });

  test('leave no seam: on average the steps across the rim are no larger than those of the texture itself', async () => {
    let sum = 0;
    for (const texture of textures) {
      const { image, truth } = textured(texture, 96, 3, blob);
      const own = stepsAcross(image, truth);
      const ratio = stepsAcross(image, await fillHole(image, { method: 'exemplar', seed: 1 })) / own;
      expect(ratio, texture.name).toBeLessThan(1.3);
      expect(stepsAcross(image, meanFill(image)) / own, texture.name).toBeGreaterThan(1.3);
      sum += ratio;
    }
    expect(sum / textures.length).toBeLessThan(1.08);
  });

  test('keep the statistics of noise', async () => {
    const { image } = textured(
      { name: 'noise', at: (x, y) => 0.5 + 0.1 * seededNormal(9, y * 96 + x) },
      96,
      1,
      box,
    );
    const filled = await fillHole(image, { method: 'exemplar', seed: 4 });
    const inside = filled.filter((_, i) => image.hole[i] === 1);
    const mean = inside.reduce((sum, value) => sum + value, 0) / inside.length;
    const deviation = Math.sqrt(inside.reduce((sum, value) => sum + (value - mean) ** 2, 0) / inside.length);
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
    expect(deviation).toBeGreaterThan(0.075);
    expect(deviation).toBeLessThan(0.125);
  });

  test('give the same for the same seed and a variant for another', async () => {
    const { image } = textured(
      { name: 'noise', at: (x, y) => 0.5 + 0.1 * seededNormal(9, y * 96 + x) },
      96,
      1,
      blob,
    );
    const [a, b, c] = await Promise.all(
      [1, 1, 2].map((seed) => fillHole(image, { method: 'exemplar', seed })),
    );
    expect(a).toEqual(b);
    expect(errorInHole(image, a!, c!)).toBeGreaterThan(0.01);
  });

  test('follow a guide where the surroundings leave it open', async () => {
    const { image, truth } = textured(
      {
        name: 'island',
        at: (x, y) =>
          ((x - 48) ** 2 + (y - 46) ** 2 < 36 || x > 72 ? 0.85 : 0.25) + 0.02 * seededNormal(2, y * 96 + x),
      },
      96,
      1,
      box,
    );
    const free = await fillExemplar(image, { seed: 1, holeRadiusPx: 12 });
    const guided = await fillExemplar(image, { seed: 1, holeRadiusPx: 12, guide: { pixels: truth, detailPx: 1, weight: 1.5, replacesCoarse: true } });
    expect(errorInHole(image, free!.pixels, truth)).toBeGreaterThan(0.08);
    expect(errorInHole(image, guided!.pixels, truth)).toBeLessThan(
      0.6 * errorInHole(image, free!.pixels, truth),
    );
  });

  test('never take from what is blocked', async () => {
    const { image } = textured(
      { name: 'halves', at: (x) => (x < 48 ? 0.2 : 0.9) },
      96,
      1,
      (x, y) => x > 20 && x < 40 && y > 30 && y < 60,
    );
    const blocked = Uint8Array.from({ length: 96 * 96 }, (_, i) => (i % 96 < 60 && i % 96 > 4 ? 0 : 1));
    const filled = await fillExemplar({ ...image, blocked }, { seed: 1, holeRadiusPx: 10 });
    for (let i = 0; i < 96 * 96; i++) if (image.hole[i] === 1) expect(filled!.pixels[i]).toBeCloseTo(0.2, 1);
    const all = new Uint8Array(96 * 96).fill(1);
    expect(await fillExemplar({ ...image, blocked: all }, { seed: 1, holeRadiusPx: 10 })).toBeUndefined();
  });

  test('fill whatever is left of a picture that is nearly all hole, or hardly a picture', async () => {
    for (const [side, isHole] of [
      [40, (x: number) => x > 1],
      [5, (x: number) => x === 2],
      [1, () => false],
      [2, (x: number) => x === 1],
    ] as const) {
      const { image } = textured(edge!, side, 3, isHole);
      const filled = await fillHole(image, { method: 'exemplar', seed: 1 });
      expect(filled.every((value) => Number.isFinite(value))).toBe(true);
    }
  });

  test('can be stopped', async () => {
    const { image } = textured(edge!, 96, 1, box);
    await expect(
      fillHole(image, { method: 'exemplar', seed: 1, report: () => Promise.reject(new Error('stop')) }),
    ).rejects.toThrow('stop');
  });
});

describe('the march', () => {
  test('carries slopes and edges across a hair', () => {
    const slope = textured({ name: 'slope', at: (x, y) => 0.1 + 0.004 * x + 0.003 * y }, 96, 1, hair);
    expect(errorInHole(slope.image, fillTelea(slope.image), slope.truth)).toBeLessThan(0.004);
    const { image, truth } = textured(edge!, 96, 3, hair);
    const filled = fillTelea(image);
    expect(errorInHole(image, filled, truth)).toBeLessThan(0.1 * errorInHole(image, meanFill(image), truth));
  });
});

describe('seam and grain', () => {
  test('the smooth continuation solves Laplace: a plane stays a plane, extremes stay on the rim', () => {
    const { image, truth } = textured(
      { name: 'plane', at: (x, y) => 0.2 + 0.003 * x + 0.002 * y },
      96,
      1,
      blob,
    );
    const values = image.pixels.slice();
    extendSmoothly(
      values,
      image.hole.map((value) => 1 - value),
      96,
      96,
      1,
    );
    expect(errorInHole(image, values, truth)).toBeLessThan(0.001);
  });

  test('a fill of another brightness is brought to that of its surroundings', () => {
    const { image, truth } = textured({ name: 'plane', at: (x) => 0.3 + 0.003 * x }, 96, 1, blob);
    const filled = truth.map((value, i) => (image.hole[i] === 1 ? value + 0.2 : value));
    const beside = truth.map((value, i) =>
      image.hole[i - 1] === 1 ||
      image.hole[i + 1] === 1 ||
      image.hole[i - 96] === 1 ||
      image.hole[i + 96] === 1
        ? value + 0.2
        : NaN,
    );
    hideSeam(filled, beside, image);
    expect(errorInHole(image, filled, truth)).toBeLessThan(1e-4);
  });

  test('a clean fill gets the grain around it, a grainy one none on top', () => {
    const grainy = (deviation: number) =>
      textured({ name: 'grain', at: (x, y, c) => 0.5 + deviation * seededNormal(c, y * 96 + x) }, 96, 3, box);
    const { image, truth } = grainy(0.03);
    const deviationOf = (pixels: Float32Array): number =>
      Math.sqrt(
        errorInHole(
          image,
          pixels.map((value) => (value - 0.5) ** 2),
          new Float32Array(pixels.length),
        ),
      );
    const clean = meanFill(image);
    matchGrain(clean, image, 1);
    expect(deviationOf(clean)).toBeGreaterThan(0.025);
    expect(deviationOf(clean)).toBeLessThan(0.035);
    const kept = truth.slice();
    matchGrain(kept, image, 1);
    expect(deviationOf(kept)).toBeLessThan(0.034);
    const none = grainy(0).image;
    const flat = meanFill(none);
    matchGrain(flat, none, 1);
    expect(flat).toEqual(meanFill(none));
  });
});
