import { afterAll, describe, expect, it } from 'vitest';

import type { Point } from '../../../src/engine/architectures/face-detection.ts';
import { quietContext } from '../../../src/engine/context.ts';
import { toAffine } from '../../../src/engine/faces/affine.ts';
import { cropFace } from '../../../src/engine/faces/crop-face.ts';
import { maskFromClasses, maskFromPoints } from '../../../src/engine/faces/face-mask.ts';
import {
  alignFace,
  applySimilarity,
  ffhqTemplate,
  invertSimilarity,
} from '../../../src/engine/faces/geometry.ts';
import { grainOf } from '../../../src/engine/faces/grain.ts';
import { changeOf } from '../../../src/engine/faces/match-color.ts';
import { type FacePatch, pasteFaces } from '../../../src/engine/faces/paste-faces.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import { resizeImage } from '../../../src/engine/image/resize.ts';
import type { Pixels } from '../../../src/engine/models/tile-tensors.ts';
import { openBench, randomSource } from '../image/make.ts';
import { halftone, paint, pixelsOf } from '../models/networks.ts';

const bench = openBench();
afterAll(() => bench.close());
const tools = { store: bench.store, context: quietContext() };
const sizePx = 96;

/** A face of about `facePx` around a point, tilted. */
function faceAt(x: number, y: number, facePx: number, angle = 0.3): Point[] {
  return ffhqTemplate.map(([px, py]): Point => {
    const [u, v] = [((px - 256) * facePx) / 512, ((py - 256) * facePx) / 512];
    return [x + u * Math.cos(angle) - v * Math.sin(angle), y + u * Math.sin(angle) + v * Math.cos(angle)];
  });
}

async function patchOf(
  image: Image,
  points: readonly Point[],
  restore: (input: Pixels) => Pixels,
  strength = 1,
): Promise<FacePatch> {
  const toCrop = alignFace(points, sizePx);
  const input = await cropFace(image, toAffine(invertSimilarity(toCrop)), sizePx, tools);
  const mask = maskFromPoints(
    points.map((point) => applySimilarity(toCrop, point)),
    sizePx,
  );
  return { toCrop, change: changeOf(input, restore(input), mask), mask, strength };
}

const same = (input: Pixels): Pixels => ({ ...input, data: input.data.slice() });
/** Adds stripes of its own. */
const striped = (input: Pixels): Pixels => ({
  ...input,
  data: input.data.map((value, i) => value + 0.2 * Math.sin((Math.floor(i / input.channels) % sizePx) * 0.9)),
});

function changedShare(a: Float32Array, b: Float32Array): number {
  return a.reduce((count, value, i) => count + (value === b[i] ? 0 : 1), 0) / a.length;
}

describe('pasting', () => {
  it.each([
    [1, 3],
    [2, 3],
    [4, 4],
    [1.37, 1],
    [0.6, 3],
  ] as const)(
    'changes no bit with a restorer that changes nothing, at ×%d with %d channels',
    async (factor, channels) => {
      const original = await paint(bench.store, 131, 97, channels, (x, y, c) =>
        c === 3 ? ((x * y) % 7) / 6 : halftone(x, y, c),
      );
      const plain = await resizeImage(original, Math.round(131 * factor), Math.round(97 * factor), {
        kernel: 'lanczos3',
        ...tools,
      });
      const patches = [
        await patchOf(original, faceAt(60, 50, 60), same),
        await patchOf(original, faceAt(2, 90, 80, -1), same),
      ];
      const pasted = await pasteFaces(plain, original, patches, tools);
      expect(await pixelsOf(pasted)).toEqual(await pixelsOf(plain));
    },
  );

  it.each([1, 2, 3.3])('puts the change where the face is, at ×%d', async (factor) => {
    const original = await paint(bench.store, 120, 90, 1, () => 0.5);
    const points = faceAt(80, 30, 50, 0.7);
    const background = await resizeImage(original, Math.round(120 * factor), Math.round(90 * factor), {
      kernel: 'lanczos3',
      ...tools,
    });
    // A bright spot on the nose, which lies at (257, 314) of 512.
    const spot = (input: Pixels): Pixels => ({
      ...input,
      data: input.data.map(
        (value, i) =>
          value +
          0.4 * Math.exp(-(((i % sizePx) + 0.5 - 48.2) ** 2 + (Math.floor(i / sizePx) + 0.5 - 59) ** 2) / 18),
      ),
    });
    const patch = await patchOf(original, points, spot);
    const after = await pixelsOf(await pasteFaces(background, original, [patch], tools));
    let brightest = 0;
    after.forEach((value, i) => (brightest = value > after[brightest]! ? i : brightest));
    const [x, y] = [(brightest % background.width) + 0.5, Math.floor(brightest / background.width) + 0.5];
    expect(Math.hypot(x - points[2]![0] * factor, y - points[2]![1] * factor)).toBeLessThan(
      0.6 * factor + 0.6,
    );
  });

  it('changes what lies under the mask, and no bit elsewhere, alpha included', async () => {
    const original = await paint(bench.store, 131, 97, 4, (x, y, c) =>
      c === 3 ? ((x * y) % 7) / 6 : halftone(x, y, c),
    );
    const before = await pixelsOf(original);
    const after = await pixelsOf(
      await pasteFaces(original, original, [await patchOf(original, faceAt(60, 50, 60), striped)], tools),
    );
    let changed = 0;
    for (let i = 0; i < before.length; i++) {
      const [x, y] = [Math.floor(i / 4) % 131, Math.floor(i / 4 / 131)];
      const differs = before[i] !== after[i];
      if (differs) changed += 1;
      if (i % 4 === 3 || Math.hypot(x - 60, y - 50) > 40) expect(differs).toBe(false);
    }
    expect(changed).toBeGreaterThan(1500);
    // The middle of the face carries the full change.
    expect(Math.abs(after[(50 * 131 + 60) * 4]! - before[(50 * 131 + 60) * 4]!)).toBeGreaterThan(0.02);
  });

  it('keeps gray gray, also in three channels', async () => {
    const original = await paint(bench.store, 101, 81, 3, (x, y) => halftone(x, y, 0));
    const tinted = (input: Pixels): Pixels => ({
      ...striped(input),
      data: striped(input).data.map((value, i) => value * (1 - 0.1 * (i % 3))),
    });
    const after = await pixelsOf(
      await pasteFaces(original, original, [await patchOf(original, faceAt(50, 40, 60), tinted)], tools),
    );
    expect(changedShare(after, await pixelsOf(original))).toBeGreaterThan(0.1);
    for (let i = 0; i < after.length; i += 3) {
      expect(Math.abs(after[i]! - after[i + 1]!)).toBeLessThan(1e-5);
      expect(Math.abs(after[i]! - after[i + 2]!)).toBeLessThan(1e-5);
    }
  });

  it('keeps 16 bits: untouched samples keep every step', async () => {
    const writer = await bench.store.create({ width: 90, height: 70, channels: 1, sampleType: 'u16' });
    const random = randomSource(3);
    await writer.append(Float32Array.from({ length: 90 * 70 }, () => Math.floor(random() * 65536) / 65535));
    const original = await writer.finish();
    const after = await pasteFaces(
      original,
      original,
      [await patchOf(original, faceAt(25, 30, 40), striped)],
      tools,
    );
    const [a, b] = [await pixelsOf(original), await pixelsOf(after)];
    expect(changedShare(a, b)).toBeGreaterThan(0.02);
    for (let i = 0; i < a.length; i++) if (i % 90 > 50) expect(b[i]).toBe(a[i]);
    const levels = [...b].map((value) => value * 255);
    expect(levels.filter((value) => Math.abs(value - Math.round(value)) > 0.01).length).toBeGreaterThan(5000);
  });

  it('moves evenly with the strength and repeats byte for byte', async () => {
    const original = await paint(bench.store, 101, 81, 3, halftone);
    const before = await pixelsOf(original);
    const run = async (strength: number): Promise<Float32Array> =>
      pixelsOf(
        await pasteFaces(
          original,
          original,
          [await patchOf(original, faceAt(50, 40, 60), striped, strength)],
          tools,
        ),
      );
    const distances: number[] = [];
    for (const strength of [0, 0.25, 0.5, 0.75, 1]) {
      const after = await run(strength);
      distances.push(Math.sqrt(after.reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0)));
    }
    expect(distances[0]).toBe(0);
    for (let i = 1; i < distances.length; i++) expect(distances[i]! / distances[4]!).toBeCloseTo(i / 4, 2);
    expect(await run(1)).toEqual(await run(1));
  });

  it('puts 30 faces in one photo, in any order, overlapping or over the border', async () => {
    const original = await paint(bench.store, 211, 157, 1, (x, y) => halftone(x, y, 0));
    const patches = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        patchOf(original, faceAt((i % 6) * 42, Math.floor(i / 6) * 39, 52, i), striped),
      ),
    );
    const once = await pixelsOf(await pasteFaces(original, original, patches, tools));
    const reversed = await pixelsOf(await pasteFaces(original, original, [...patches].reverse(), tools));
    expect(Math.max(...once.map((value, i) => Math.abs(value - reversed[i]!)))).toBeLessThan(1e-5);
    expect(changedShare(once, await pixelsOf(original))).toBeGreaterThan(0.5);
    expect(once.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  it('leaves the picture as it is when a face lies wholly outside', async () => {
    const original = await paint(bench.store, 64, 48, 1, (x, y) => halftone(x, y, 0));
    const patch = await patchOf(original, faceAt(-300, 20, 40), striped);
    expect(await pixelsOf(await pasteFaces(original, original, [patch], tools))).toEqual(
      await pixelsOf(original),
    );
  });

  it('gives grain back that the restorer took away', async () => {
    const random = randomSource(9);
    const original = await paint(
      bench.store,
      160,
      160,
      1,
      () => 0.5 + 0.1 * (random() + random() + random() - 1.5),
    );
    const flat = (input: Pixels): Pixels => ({ ...input, data: input.data.map(() => 0.5) });
    const pasted = await pixelsOf(
      await pasteFaces(original, original, [await patchOf(original, faceAt(80, 80, 120, 0), flat)], tools),
    );
    const window = { width: 160, height: 160, weights: new Float32Array(160 * 160) };
    for (let y = 60; y < 100; y++) window.weights.fill(1, y * 160 + 60, y * 160 + 100);
    const [was, is] = [grainOf(await pixelsOf(original), window), grainOf(pasted, window)];
    expect(was).toBeGreaterThan(0.03);
    expect(is / was).toBeGreaterThan(0.8);
    expect(is / was).toBeLessThan(1.25);
  });

  it('matches the color of what it replaces', async () => {
    const original = await paint(bench.store, 128, 128, 3, (x, _y, c) => 0.3 + 0.1 * c + 0.001 * x);
    const shifted = (input: Pixels): Pixels => ({
      ...input,
      data: input.data.map((value, i) => value * 0.9 + 0.15 * (i % 3)),
    });
    const before = await pixelsOf(original);
    const after = await pixelsOf(
      await pasteFaces(original, original, [await patchOf(original, faceAt(64, 64, 90, 0), shifted)], tools),
    );
    expect(Math.max(...after.map((value, i) => Math.abs(value - before[i]!)))).toBeLessThan(0.01);
  });
});

describe('the mask', () => {
  it('is a face, not a square, and turns with it', () => {
    const mask = maskFromPoints(ffhqTemplate, 512);
    const at = (x: number, y: number): number => mask.data[y * 512 + x]!;
    expect(at(256, 280)).toBe(1);
    expect(at(256, 420)).toBeGreaterThan(0.5);
    for (const [x, y] of [
      [0, 0],
      [60, 60],
      [450, 60],
      [60, 480],
      [256, 0],
      [511, 256],
    ] as const)
      expect(at(x, y)).toBe(0);
    const turned = maskFromPoints(
      ffhqTemplate.map(([x, y]): Point => [512 - y, x]),
      512,
    );
    expect(turned.data[256 * 512 + (512 - 420)]).toBeCloseTo(at(256, 420), 2);
  });

  it('follows the classes of a face parser', () => {
    const side = 64;
    const data = new Float32Array(19 * side * side);
    // Skin in the middle, cloth below it, background elsewhere.
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const inside = Math.hypot(x - 32, y - 28) < 18;
        data[(inside ? 1 : y > 48 ? 18 : 0) * side * side + y * side + x] = 1;
      }
    }
    const mask = maskFromClasses({ data, dims: [1, 19, side, side] });
    expect(mask.data[28 * side + 32]).toBeGreaterThan(0.99);
    expect(mask.data[56 * side + 32]).toBeLessThan(0.01);
    expect(mask.data[28 * side]).toBe(0);
  });
});
