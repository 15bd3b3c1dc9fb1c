import { describe, expect, it } from 'vitest';

import { ffhqTemplate } from '../../../src/engine/faces/geometry.ts';
import { identityDistance } from '../../../src/engine/faces/identity-distance.ts';
import { identityLimit } from '../../../src/engine/faces/identity-guard.ts';
import { resampleArray } from '../../../src/engine/image/resample.ts';
import type { Pixels } from '../../../src/engine/models/tile-tensors.ts';
import { randomSource } from '../image/make.ts';

const sizePx = 128;
const points = ffhqTemplate.map(([x, y]) => [x / 4, y / 4] as const);

/** A drawn face: eyes, brows, nose and mouth; `features` move and size them. */
function drawn(features: { readonly eyes: number; readonly mouth: number; readonly nose: number }): Pixels {
  const data = new Float32Array(sizePx * sizePx * 3).fill(0.75);
  const spot = (x: number, y: number, rx: number, ry: number, value: number): void => {
    for (let i = 0; i < sizePx * sizePx; i++) {
      const away = Math.hypot(((i % sizePx) + 0.5 - x) / rx, (Math.floor(i / sizePx) + 0.5 - y) / ry);
      const share = Math.min(1, Math.max(0, 1.5 - away));
      for (let c = 0; c < 3; c++) data[i * 3 + c] = data[i * 3 + c]! * (1 - share) + value * share;
    }
  };
  const [leftEye, rightEye, nose, leftMouth, rightMouth] = points as [
    readonly [number, number],
    readonly [number, number],
    readonly [number, number],
    readonly [number, number],
    readonly [number, number],
  ];
  for (const [x, y] of [leftEye, rightEye]) {
    spot(x, y - 9, 9, 2 * features.eyes, 0.3);
    spot(x, y, 7 * features.eyes, 3, 0.95);
    spot(x + features.nose, y, 3, 3, 0.1);
  }
  spot(nose[0] + 2 * features.nose, nose[1], 3 + features.nose, 6, 0.55);
  spot(
    (leftMouth[0] + rightMouth[0]) / 2,
    leftMouth[1] + 4 * (features.mouth - 1),
    14 * features.mouth,
    3,
    0.4,
  );
  return { data, width: sizePx, height: sizePx, channels: 3 };
}

const face = drawn({ eyes: 1, mouth: 1, nose: 0 });
const stranger = drawn({ eyes: 1.8, mouth: 0.5, nose: 3 });

/** As an old print shows it: `px` wide, with noise. */
function degraded(pixels: Pixels, px: number, noise: number): Pixels {
  const random = randomSource(5);
  const from = { width: sizePx, height: sizePx, channels: 3 as const, pixels: pixels.data };
  const small = resampleArray(from, px, px, 'bicubic');
  const noisy = small.pixels.map(
    (value) => value + noise * Math.sqrt(3) * (random() + random() + random() + random() - 2),
  );
  return { ...pixels, data: resampleArray({ ...small, pixels: noisy }, sizePx, sizePx, 'bicubic').pixels };
}

describe('the distance from the person', () => {
  it('is 0 for the same face, also brighter and with more contrast', () => {
    expect(identityDistance(face, face, points, 1)).toBeLessThan(1e-3);
    const brighter = { ...face, data: face.data.map((value) => 0.1 + 0.8 * value) };
    expect(identityDistance(face, brighter, points, 1)).toBeLessThan(0.02);
  });

  it.each([
    [64, 0.02],
    [40, 0.03],
  ])(
    'stays below the limit for the clear face behind %d blurred and noisy pixels, not for a stranger',
    (px, noise) => {
      const input = degraded(face, px, noise);
      expect(identityDistance(input, face, points, sizePx / px)).toBeLessThan(identityLimit);
      expect(identityDistance(input, stranger, points, sizePx / px)).toBeGreaterThan(identityLimit);
    },
  );

  it('rises as features turn into those of another', () => {
    const between = (share: number): Pixels => ({
      ...face,
      data: face.data.map((value, i) => value + share * (stranger.data[i]! - value)),
    });
    const distances = [0, 0.25, 0.5, 0.75, 1].map((share) =>
      identityDistance(face, between(share), points, 1),
    );
    for (let i = 1; i < distances.length; i++) expect(distances[i]!).toBeGreaterThan(distances[i - 1]!);
  });
});
