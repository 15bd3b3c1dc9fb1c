import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { embeddingDistance, recognitionTemplate } from '../../../src/engine/faces/embedding-distance.ts';
import type { Point } from '../../../src/engine/architectures/face-detection.ts';
import { ffhqTemplate } from '../../../src/engine/faces/geometry.ts';
import type { Network } from '../../../src/engine/models/network.ts';
import type { TensorData } from '../../../src/engine/models/runtime.ts';
import type { Pixels } from '../../../src/engine/models/tile-tensors.ts';
import { randomSource } from '../image/make.ts';
import { fakeRecognizer, golden, openHubs } from './face-hubs.ts';

const { hubOf, close } = openHubs();
afterAll(close);

const pointsAt = (sizePx: number): readonly Point[] =>
  ffhqTemplate.map(([x, y]) => [(x * sizePx) / 512, (y * sizePx) / 512] as const);

/** A crop that is `at` everywhere, from coordinates in shares of its side. */
function crop(
  sizePx: number,
  channels: 1 | 3,
  at: (x: number, y: number, channel: number) => number,
): Pixels {
  const data = Float32Array.from({ length: sizePx * sizePx * channels }, (_, i) => {
    const pixel = Math.floor(i / channels);
    return at(((pixel % sizePx) + 0.5) / sizePx, (Math.floor(pixel / sizePx) + 0.5) / sizePx, i % channels);
  });
  return { data, width: sizePx, height: sizePx, channels };
}

/** Bright spots on these points of a dark crop, or on those of an aligned one. */
const spots = (sizePx: number, channels: 1 | 3 = 3, points: readonly Point[] = pointsAt(sizePx)): Pixels =>
  crop(sizePx, channels, (x, y) =>
    Math.min(
      1,
      points.reduce(
        (sum, [px, py]) => sum + Math.exp(-(((x - px / sizePx) ** 2 + (y - py / sizePx) ** 2) / 4e-4)),
        0,
      ),
    ),
  );

/** The points of a face that lies at an angle, `sizePx` wide: an exact similarity of the template. */
const turned = (sizePx: number): readonly Point[] =>
  recognitionTemplate.map(([x, y]) => {
    const [across, down] = [((x - 56) * sizePx) / 160, ((y - 68) * sizePx) / 160];
    return [0.5 * sizePx + across * 0.96 - down * 0.28, 0.5 * sizePx + across * 0.28 + down * 0.96];
  });

/** What the network is given, (2, 3, side, side). */
async function given(
  input: Pixels,
  restored: Pixels,
  cropPxPerImagePx: number,
  points: readonly Point[] = pointsAt(input.width),
): Promise<TensorData> {
  let seen: TensorData | undefined;
  const recognizer = fakeRecognizer((tensor) => {
    seen = tensor;
    return [1, 1];
  });
  await embeddingDistance(input, restored, points, cropPxPerImagePx, recognizer);
  return seen!;
}

const plane = ({ data, dims }: TensorData, face: number, channel: number): Float32Array => {
  const area = dims[2]! * dims[3]!;
  return (data as Float32Array).subarray((face * 3 + channel) * area, (face * 3 + channel + 1) * area);
};

/** Centroid of what is brighter than the ground (−1) within 8 pixels of a point. */
function centroid(pixels: Float32Array, sidePx: number, [x, y]: readonly [number, number]): [number, number] {
  let [sum, sumX, sumY] = [0, 0, 0];
  pixels.forEach((value, i) => {
    const [px, py] = [(i % sidePx) + 0.5, Math.floor(i / sidePx) + 0.5];
    if (Math.hypot(px - x, py - y) > 8) return;
    sum += value + 1;
    sumX += (value + 1) * px;
    sumY += (value + 1) * py;
  });
  return [sumX / sum, sumY / sum];
}

describe('what the recognition network is given', () => {
  it.each([
    [512, 1],
    [512, 6],
    [256, 1],
    [128, 2],
  ])(
    'has the five points where the template has them (crop of %d px, %d of them for one of the photo)',
    async (sizePx, per) => {
      const points = turned(sizePx);
      const seen = await given(spots(sizePx, 3, points), spots(sizePx, 1, points), per, points);
      expect(seen.dims).toEqual([2, 3, 112, 112]);
      for (const face of [0, 1]) {
        for (const point of recognitionTemplate) {
          const [x, y] = centroid(plane(seen, face, 1), 112, point);
          expect(Math.hypot(x - point[0], y - point[1])).toBeLessThan(0.1);
        }
      }
    },
  );

  it('is red, green and blue from −1 to 1, a gray crop three times', async () => {
    const color = crop(256, 3, (_x, _y, channel) => [1, 0.5, 0][channel]!);
    const seen = await given(
      color,
      crop(256, 1, () => 0.75),
      1,
    );
    const center = 56 * 112 + 56;
    const values = [0, 1, 2].map((channel) => plane(seen, 0, channel)[center]!);
    values.forEach((value, channel) => expect(value).toBeCloseTo([1, 0, -1][channel]!, 4));
    for (const channel of [0, 1, 2]) expect(plane(seen, 1, channel)[center]).toBeCloseTo(0.5, 4);
  });

  it('has in both faces only what the picture resolves: detail the restorer added does not count', async () => {
    const random = randomSource(3);
    const soft = crop(512, 3, (x, y) => 0.5 + 0.3 * Math.sin(7 * x) * Math.cos(5 * y));
    const sharp = { ...soft, data: soft.data.map((value) => value + 0.3 * (random() - 0.5)) };
    const spread = async (per: number): Promise<number> => {
      const seen = await given(soft, sharp, per);
      const [a, b] = [plane(seen, 0, 0), plane(seen, 1, 0)];
      return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length);
    };
    expect(await spread(16)).toBeLessThan(0.3 * (await spread(1)));
  });
});

describe('the distance by face recognition', () => {
  const distance = (a: readonly number[], b: readonly number[]): Promise<number> => {
    const recognizer = fakeRecognizer((_, face) => (face === 0 ? a : b));
    return embeddingDistance(spots(128), spots(128), pointsAt(128), 1, recognizer);
  };

  it('is 1 less the cosine of the angle between the embeddings, whatever their lengths', async () => {
    expect(await distance([1, 2, 3], [2, 4, 6])).toBeCloseTo(0, 6);
    expect(await distance([1, 0], [0, 5])).toBeCloseTo(1, 6);
    expect(await distance([3, 0], [-1, 0])).toBeCloseTo(2, 6);
    expect(await distance([1, 0], [1, 1])).toBeCloseTo(1 - Math.SQRT1_2, 6);
    expect(await distance([0, 0], [1, 1])).toBe(1);
  });

  it('runs the network that is built from weights of ArcFace, the same on every run', async () => {
    const hub = hubOf('recognizer', [['recognizer', 'face-recognize', join(golden, 'arc-face-excited.pth')]]);
    const recognizer = await hub.openNetwork('recognizer');
    const other = crop(256, 3, (x, y) => 0.5 + 0.4 * Math.sin(30 * x * y));
    const once = (a: Pixels, b: Pixels): Promise<number> =>
      embeddingDistance(a, b, pointsAt(256), 1, recognizer);
    expect(await once(other, other)).toBeCloseTo(0, 5);
    const apart = await once(spots(256), other);
    expect(apart).toBeGreaterThan(0.01);
    expect(apart).toBeLessThanOrEqual(2);
    expect(await once(spots(256), other)).toBe(apart);
  });

  it('says so when a network gives no embedding', async () => {
    const broken: Network = { ...fakeRecognizer(() => [1, 1]), run: async () => ({}) };
    await expect(embeddingDistance(spots(128), spots(128), pointsAt(128), 1, broken)).rejects.toThrow(
      'recognizer does not give an embedding for a face as ArcFace does.',
    );
  });
});
