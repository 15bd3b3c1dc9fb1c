import { afterAll, describe, expect, it } from 'vitest';

import type { Point } from '../../../src/engine/architectures/face-detection.ts';
import { quietContext } from '../../../src/engine/context.ts';
import { toAffine } from '../../../src/engine/faces/affine.ts';
import { cropFace } from '../../../src/engine/faces/crop-face.ts';
import {
  alignFace,
  applySimilarity,
  ffhqTemplate,
  fitSimilarity,
  invertSimilarity,
  scaleOf,
} from '../../../src/engine/faces/geometry.ts';
import { openBench } from '../image/make.ts';
import { paint } from '../models/networks.ts';

const bench = openBench();
afterAll(() => bench.close());

describe('the placing of faces', () => {
  it('finds rotation, scale and shift again', () => {
    const [angle, scale] = [2.1, 0.37];
    const made = { a: scale * Math.cos(angle), b: scale * Math.sin(angle), tx: 40, ty: -7 };
    const found = fitSimilarity(
      ffhqTemplate,
      ffhqTemplate.map((point) => applySimilarity(made, point)),
    );
    for (const key of ['a', 'b', 'tx', 'ty'] as const) expect(found[key]).toBeCloseTo(made[key], 9);
    const [x, y] = applySimilarity(invertSimilarity(made), applySimilarity(made, [12, 34]));
    expect([x, y]).toEqual([expect.closeTo(12, 9), expect.closeTo(34, 9)]);
    expect(scaleOf(made)).toBeCloseTo(scale, 12);
  });

  it('is the least-squares answer where the points do not fit', () => {
    const to = ffhqTemplate.map(([x, y], i): Point => [x + 9 * Math.sin(3 * i), y + 9 * Math.cos(5 * i)]);
    const best = fitSimilarity(ffhqTemplate, to);
    const errorOf = (map: typeof best): number =>
      ffhqTemplate.reduce((sum, point, i) => {
        const [x, y] = applySimilarity(map, point);
        return sum + (x - to[i]![0]) ** 2 + (y - to[i]![1]) ** 2;
      }, 0);
    for (const key of ['a', 'b', 'tx', 'ty'] as const) {
      for (const sign of [-1, 1])
        expect(errorOf({ ...best, [key]: best[key] + sign * 1e-4 })).toBeGreaterThan(errorOf(best));
    }
  });

  it('refuses points that are all the same', () => {
    expect(() =>
      alignFace(
        Array.from({ length: 5 }, (): Point => [3, 3]),
        512,
      ),
    ).toThrow(RangeError);
  });

  it('scales the template with the crop', () => {
    expect(alignFace(ffhqTemplate, 256).a).toBeCloseTo(0.5, 12);
  });
});

describe('the crop', () => {
  const identity = (size: number) => toAffine(invertSimilarity(alignFace(ffhqTemplate, size)));

  it('is the picture itself where nothing turns or scales', async () => {
    const image = await paint(bench.store, 512, 512, 3, (x, y, c) => ((x * 7 + y * 13 + c * 5) % 97) / 97);
    const crop = await cropFace(image, identity(512), 512, { store: bench.store, context: quietContext() });
    const own = await image.read({ x: 0, y: 0, width: 512, height: 512 });
    expect(
      Math.max(...Array.from({ length: 5000 }, (_, i) => Math.abs(crop.data[i * 157]! - own[i * 157]!))),
    ).toBeLessThan(1e-5);
  });

  it('does not alias when it shrinks: finest stripes become gray', async () => {
    const image = await paint(bench.store, 512, 512, 1, (x) => x % 2);
    const crop = await cropFace(image, identity(128), 128, { store: bench.store, context: quietContext() });
    const inner = crop.data.subarray(128 * 20, 128 * 100).filter((_, i) => i % 128 > 8 && i % 128 < 120);
    expect(Math.max(...inner.map((value) => Math.abs(value - 0.5)))).toBeLessThan(0.01);
  });

  it('turns a tilted ramp upright', async () => {
    const angle = 0.5;
    const points = ffhqTemplate.map(([x, y]): Point => {
      const [u, v] = [(x - 256) * 0.2, (y - 256) * 0.2];
      return [
        100 + u * Math.cos(angle) - v * Math.sin(angle),
        90 + u * Math.sin(angle) + v * Math.cos(angle),
      ];
    });
    const image = await paint(bench.store, 200, 180, 4, (x, y, c) =>
      c === 3 ? 1 : 0.5 + 0.004 * ((x + 0.5 - 100) * Math.cos(angle) + (y + 0.5 - 90) * Math.sin(angle)),
    );
    const toImage = toAffine(invertSimilarity(alignFace(points, 64)));
    const crop = await cropFace(image, toImage, 64, { store: bench.store, context: quietContext() });
    expect(crop.channels).toBe(3);
    for (const y of [8, 30, 55]) {
      for (const x of [8, 31, 50])
        expect(crop.data[(y * 64 + x) * 3]).toBeCloseTo(0.5 + 0.004 * (x + 0.5 - 32) * 1.6, 3);
    }
  });

  it('mirrors the picture for a face that is half outside', async () => {
    const image = await paint(bench.store, 101, 57, 1, (x) => x / 101);
    const points = ffhqTemplate.map(([x, y]): Point => [(x - 256) * 0.2, y * 0.2]);
    const crop = await cropFace(image, toAffine(invertSimilarity(alignFace(points, 64))), 64, {
      store: bench.store,
      context: quietContext(),
    });
    expect(crop.data.every((value) => Number.isFinite(value) && value > -0.05 && value < 1.05)).toBe(true);
    for (const x of [36, 44, 52]) expect(crop.data[30 * 64 + x]).toBeCloseTo(crop.data[30 * 64 + 63 - x]!, 2);
  });
});
