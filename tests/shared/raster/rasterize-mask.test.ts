import { describe, expect, test } from 'vitest';
import { emptyMask, type Mask, type MaskShape } from '../../../src/shared/mask.ts';
import { quietContext } from '../../../src/engine/context.ts';
import { distanceTo } from '../../../src/shared/raster/distance-transform.ts';
import { maskFromImage } from '../../../src/engine/fill/mask-from-image.ts';
import { contextBox, findRegions, tilesOf } from '../../../src/engine/fill/mask-regions.ts';
import { checkMaskSize, maskBounds, rasterizeMask } from '../../../src/shared/raster/rasterize-mask.ts';
import { fullRect } from '../../../src/engine/image/image.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { randomSource } from '../../engine/image/make.ts';

const size = { width: 60, height: 40 };

function maskOf(shapes: readonly MaskShape[], more: Partial<Mask> = {}): Mask {
  return { ...emptyMask(size), shapes, ...more };
}

function draw(mask: Mask, of = size): Float32Array {
  return rasterizeMask(mask, of, fullRect({ ...of }));
}

const sum = (plane: Float32Array): number => plane.reduce((total, value) => total + value, 0);
const rectangle = (x: number, y: number, width: number, height: number, erase = false): MaskShape => ({
  kind: 'rectangle',
  x,
  y,
  width,
  height,
  erase,
});
const dot = (x: number, y: number, radiusPx: number, hardness = 1): MaskShape => ({
  kind: 'stroke',
  points: [{ x, y, pressure: 1 }],
  radiusPx,
  hardness,
  erase: false,
});

/** A bit of everything. */
const busy = maskOf(
  [
    {
      kind: 'stroke',
      points: [
        { x: 5, y: 5, pressure: 0.3 },
        { x: 40, y: 20, pressure: 1 },
        { x: 55, y: 6, pressure: 0.6 },
      ],
      radiusPx: 5,
      hardness: 0.4,
      erase: false,
    },
    {
      kind: 'lasso',
      points: [
        { x: 10.3, y: 38 },
        { x: 30, y: 18.2 },
        { x: 50, y: 44 },
      ],
      erase: false,
    },
    rectangle(20, 25, 12.5, 3.5, true),
    { kind: 'bitmap', runs: [60 * 30 + 50, 8, 52, 8], erase: false },
  ],
  { growPx: 1.5, featherPx: 4 },
);

describe('drawing a mask', () => {
  test('is exact for rectangles, disks and outlines', () => {
    expect(sum(draw(maskOf([rectangle(3.25, 4.5, 10.5, 7.25)])))).toBeCloseTo(10.5 * 7.25, 4);
    expect(sum(draw(maskOf([dot(30, 20, 9)]))) / (Math.PI * 81)).toBeCloseTo(1, 2);
    const triangle: MaskShape = {
      kind: 'lasso',
      points: [
        { x: 2, y: 2 },
        { x: 42, y: 2 },
        { x: 2, y: 32 },
      ],
      erase: false,
    };
    expect(sum(draw(maskOf([triangle])))).toBeCloseTo((40 * 30) / 2, 0);
    const twice: MaskShape = {
      kind: 'lasso',
      points: [...triangle.points, ...triangle.points],
      erase: false,
    };
    expect(draw(maskOf([twice]))).toEqual(draw(maskOf([triangle])));
  });

  test('gives every part the pixels of the whole', () => {
    const whole = draw(busy);
    for (const rect of [
      { x: 0, y: 0, width: 7, height: 40 },
      { x: 13, y: 9, width: 31, height: 17 },
      { x: 59, y: 39, width: 1, height: 1 },
    ]) {
      const part = rasterizeMask(busy, size, rect);
      part.forEach((value, i) => {
        const at = (rect.y + Math.floor(i / rect.width)) * size.width + rect.x + (i % rect.width);
        expect(value).toBeCloseTo(whole[at]!, 6);
      });
    }
  });

  test('follows the picture when it is enlarged, or a part of it is shown', () => {
    const small = sum(draw(busy));
    expect(sum(draw(busy, { width: 180, height: 120 })) / 9 / small).toBeCloseTo(1, 1);
    const window = { ...busy, window: { x: 15, y: 10, width: 30, height: 20 } };
    const part = rasterizeMask(window, { width: 30, height: 20 }, { x: 0, y: 0, width: 30, height: 20 });
    const same = rasterizeMask(busy, size, { x: 15, y: 10, width: 30, height: 20 });
    // The soft edge of a part knows only what lies within the part.
    expect(part.filter((value, i) => Math.abs(value - same[i]!) > 1e-6).length).toBeLessThan(30);
  });

  test('erases, inverts, protects, grows, shrinks and feathers', () => {
    const box = rectangle(20, 10, 20, 20);
    expect(sum(draw(maskOf([box, rectangle(20, 10, 10, 20, true)])))).toBe(200);
    expect(sum(draw(maskOf([box], { invert: true })))).toBe(60 * 40 - 400);
    expect(sum(draw(maskOf([box], { mode: 'protect' })))).toBe(60 * 40 - 400);
    expect(draw(maskOf([box], { mode: 'protect', invert: true }))).toEqual(draw(maskOf([box])));
    expect(sum(draw(maskOf([box], { growPx: 3 })))).toBeCloseTo(26 * 26 - (4 - Math.PI) * 9, -1);
    expect(sum(draw(maskOf([box], { growPx: -3 })))).toBeCloseTo(14 * 14, 3);
    const soft = draw(maskOf([box], { featherPx: 5 }));
    const at = (x: number): number => soft[20 * 60 + x]!;
    expect([at(20), at(39), at(46), at(13)]).toEqual([1, 1, 0, 0]);
    for (let x = 40; x < 46; x++) expect(at(x)).toBeLessThan(at(x - 1));
  });

  test('keeps within its bounds', () => {
    const bounds = maskBounds(busy, size)!;
    draw(busy).forEach((value, i) => {
      const [x, y] = [i % 60, Math.floor(i / 60)];
      const inside =
        x >= bounds.x && y >= bounds.y && x < bounds.x + bounds.width && y < bounds.y + bounds.height;
      expect(inside || value === 0).toBe(true);
    });
    expect(maskBounds(maskOf([]), size)).toBeUndefined();
    expect(maskBounds(maskOf([rectangle(200, 200, 5, 5)]), size)).toBeUndefined();
  });

  test('refuses a picture of other proportions', () => {
    expect(() => checkMaskSize(busy, { width: 60, height: 41 })).not.toThrow();
    expect(() => checkMaskSize(busy, { width: 120, height: 81 })).not.toThrow();
    expect(() => checkMaskSize(busy, { width: 60, height: 60 })).toThrow(
      'The mask is 60×40 pixels, but the picture is 60×60.',
    );
  });
});

test('distances equal those of comparing every pair', () => {
  const random = randomSource(3);
  const sites = Uint8Array.from({ length: 23 * 17 }, () => (random() < 0.03 ? 1 : 0));
  const distances = distanceTo(sites, 23, 17);
  for (let i = 0; i < sites.length; i++) {
    let nearest = Infinity;
    sites.forEach((site, j) => {
      if (site === 1)
        nearest = Math.min(nearest, Math.hypot((i % 23) - (j % 23), Math.floor(i / 23) - Math.floor(j / 23)));
    });
    expect(distances[i]).toBeCloseTo(nearest, 5);
  }
  expect(distanceTo(new Uint8Array(4), 2, 2)).toEqual(new Float32Array(4).fill(Infinity));
});

test('a mask picture becomes a mask and back', async () => {
  const random = randomSource(8);
  const pixels = Float32Array.from({ length: 60 * 40 }, () => (random() < 0.4 ? 1 : 0));
  const mask = await maskFromImage(floatImage(60, 40, 1, pixels), quietContext());
  expect(draw(mask)).toEqual(pixels);
});

describe('regions', () => {
  test('hold every selected pixel once, near ones together', () => {
    const shapes = [rectangle(2, 2, 3, 3), rectangle(8, 3, 2, 2), rectangle(50, 30, 4, 4)];
    const { boxes, selectedPixels } = findRegions(maskOf(shapes), size);
    expect(selectedPixels).toBe(9 + 4 + 16);
    expect(boxes).toEqual([
      { x: 2, y: 2, width: 8, height: 3 },
      { x: 50, y: 30, width: 4, height: 4 },
    ]);
  });

  test('follow a shape that forks and meets again', () => {
    const ring = [rectangle(5, 5, 50, 30), rectangle(10, 10, 40, 20, true)];
    expect(findRegions(maskOf(ring), size).boxes).toEqual([{ x: 5, y: 5, width: 50, height: 30 }]);
    const cup = [rectangle(5, 5, 3, 30), rectangle(50, 5, 3, 30), rectangle(5, 32, 48, 3)];
    expect(findRegions(maskOf(cup), size).boxes).toEqual([{ x: 5, y: 5, width: 48, height: 30 }]);
  });

  test('become cells of a grid when there are thousands, without losing one', () => {
    const large = { width: 900, height: 700 };
    const shapes = Array.from({ length: 50 * 40 }, (_, i) =>
      rectangle(10 + 17 * (i % 50), 8 + 17 * Math.floor(i / 50), 2, 2),
    );
    const { boxes, selectedPixels } = findRegions({ ...emptyMask(large), shapes }, large);
    expect(selectedPixels).toBe(50 * 40 * 4);
    expect(boxes.length).toBe(4 * 3);
    expect(boxes.reduce((total, box) => total + box.width * box.height, 0)).toBe(900 * 700);
  });

  test('look at a margin around the box that is shifted into the picture', () => {
    expect(contextBox({ x: 500, y: 500, width: 100, height: 50 }, { width: 2000, height: 2000 })).toEqual({
      x: 350,
      y: 350,
      width: 400,
      height: 350,
    });
    expect(contextBox({ x: 0, y: 1990, width: 10, height: 10 }, { width: 2000, height: 2000 })).toEqual({
      x: 0,
      y: 1894,
      width: 106,
      height: 106,
    });
    expect(contextBox({ x: 0, y: 0, width: 30, height: 30 }, size)).toEqual({
      x: 0,
      y: 0,
      width: 60,
      height: 40,
    });
  });

  test('are cut into tiles that cover them', () => {
    const box = { x: 7, y: 9, width: 1000, height: 401 };
    const tiles = tilesOf(box, 384);
    expect(tiles.length).toBe(6);
    expect(tiles.reduce((total, tile) => total + tile.width * tile.height, 0)).toBe(1000 * 401);
    expect(Math.max(...tiles.map((tile) => Math.max(tile.width, tile.height)))).toBeLessThanOrEqual(384);
  });
});
