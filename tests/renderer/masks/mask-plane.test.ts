import { describe, expect, test } from 'vitest';
import { withShape } from '../../../src/renderer/masks/mask-edits.ts';
import { MaskPlane } from '../../../src/renderer/masks/mask-plane.ts';
import { StrokePath } from '../../../src/renderer/masks/stroke-path.ts';
import { emptyMask, type Mask, type MaskShape } from '../../../src/shared/mask.ts';
import { rasterizeMask } from '../../../src/shared/raster/rasterize-mask.ts';

const photo = { width: 6000, height: 4000 };
const window = { x: 1000, y: 500, width: 1200, height: 800 };
const size = { width: 300, height: 200 };

const stroke = (
  x: number,
  y: number,
  change: Partial<Extract<MaskShape, { kind: 'stroke' }>> = {},
): MaskShape => ({
  kind: 'stroke',
  points: [
    { x, y, pressure: 1 },
    { x: x + 200, y: y + 90, pressure: 0.6 },
  ],
  radiusPx: 60,
  hardness: 0.4,
  erase: false,
  ...change,
});
const maskOf = (shapes: readonly MaskShape[], change: Partial<Mask> = {}): Mask => ({
  ...emptyMask(photo),
  shapes,
  ...change,
});
/** What the engine would select at the resolution of the screen. */
const engineSees = (mask: Mask): Float32Array =>
  rasterizeMask({ ...mask, mode: 'act', window }, size, { x: 0, y: 0, ...size });

function shown(mask: Mask): Float32Array {
  const plane = new MaskPlane(size, window);
  plane.show(mask);
  return plane.values;
}

describe('a mask at the resolution of the screen', () => {
  test.each([
    ['soft strokes', maskOf([stroke(1200, 700), stroke(1300, 900)])],
    ['erased in between', maskOf([stroke(1200, 700), stroke(1250, 720, { erase: true, radiusPx: 30 })])],
    ['inverted', maskOf([stroke(1200, 700)], { invert: true })],
    ['grown and feathered', maskOf([stroke(1200, 700)], { growPx: 20, featherPx: 40 })],
    ['shrunk', maskOf([stroke(1200, 700)], { growPx: -20 })],
    [
      'a rectangle and a lasso',
      maskOf([
        { kind: 'rectangle', x: 1100, y: 600, width: 300, height: 111, erase: false },
        {
          kind: 'lasso',
          points: [
            { x: 1500, y: 600 },
            { x: 1900, y: 700 },
            { x: 1600, y: 1100 },
          ],
          erase: false,
        },
      ]),
    ],
  ])('is what the engine selects: %s', (_name, mask) => {
    expect(shown(mask)).toEqual(engineSees(mask));
  });

  test('shapes are added to what is drawn, and come out as if drawn at once; so does undo', () => {
    const plane = new MaskPlane(size, window);
    const first = maskOf([stroke(1200, 700)]);
    const second = withShape(first, stroke(1300, 800, { erase: true }));
    const third = withShape(second, stroke(1500, 900));
    expect(plane.show(first)).toEqual({ x: 0, y: 0, ...size });
    const changed = plane.show(second);
    expect(changed!.width * changed!.height).toBeLessThan((size.width * size.height) / 2);
    plane.show(third);
    expect(plane.values).toEqual(shown(third));
    plane.show(second);
    expect(plane.values).toEqual(shown(second));
    expect(plane.show(second)).toBeUndefined();
  });

  test.each([
    ['painting', maskOf([stroke(1200, 700)]), false],
    ['erasing', maskOf([stroke(1200, 700)]), true],
    ['painting on an inverted mask', maskOf([stroke(1200, 700)], { invert: true }), false],
    ['erasing from an inverted mask', maskOf([stroke(1200, 700)], { invert: true }), true],
  ])('a stroke in progress looks as it will once it is in the mask: %s', (_name, mask, erase) => {
    const plane = new MaskPlane(size, window);
    plane.show(mask);
    const path = new StrokePath({ radiusPx: 50, hardness: 0.7, usesPressure: true }, erase, 4);
    for (let i = 0; i < 40; i++) {
      const before = path.length;
      path.add(1150 + i * 12, 800 + 60 * Math.sin(i / 5), 0.5 + 0.5 * Math.sin(i / 9));
      if (path.length > before) plane.paint(path.stroke(Math.max(0, before - 1)), erase);
    }
    const live = plane.values.slice();
    const painted = withShape(mask, path.stroke());
    // 1 - (1 - x) is x but for the last bit.
    const worst = (a: Float32Array, b: Float32Array): number =>
      a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
    expect(worst(live, shown(painted))).toBeLessThan(1e-6);
    plane.show(painted);
    expect(plane.values).toEqual(shown(painted));
  });

  test('a stroke that is given up leaves the mask as it was', () => {
    const mask = maskOf([stroke(1200, 700)]);
    const plane = new MaskPlane(size, window);
    plane.show(mask);
    plane.paint(stroke(1400, 800), false);
    plane.repaint({ kind: 'rectangle', x: 1100, y: 600, width: 500, height: 300, erase: false }, true);
    plane.show(mask);
    expect(plane.values).toEqual(shown(mask));
  });

  test('strokes over each other are no denser than one: the plane is opaque', () => {
    const once = shown(maskOf([stroke(1200, 700, { hardness: 1 })]));
    const often = shown(maskOf(Array.from({ length: 5 }, () => stroke(1200, 700, { hardness: 1 }))));
    expect(often).toEqual(once);
    expect(Math.max(...often)).toBe(1);
  });

  test('a proposed line of one pixel is seen at a fraction of its size, and strokes after it erase it', () => {
    const row = 900;
    const runs = [row * photo.width + 1100, 800];
    const line: MaskShape = { kind: 'bitmap', runs, erase: false };
    const values = shown(maskOf([line]));
    const y = (row - window.y) / 4;
    const lit = values.subarray(y * size.width, (y + 1) * size.width).reduce((sum, value) => sum + value, 0);
    expect(lit).toBe(200);
    expect(values.reduce((sum, value) => sum + value, 0)).toBe(200);
    const erased = shown(
      maskOf([
        line,
        stroke(1100, row, { erase: true, hardness: 1, points: [{ x: 1300, y: row, pressure: 1 }] }),
      ]),
    );
    expect(erased[y * size.width + 75]).toBe(0);
    expect(erased[y * size.width + 200]).toBe(1);
  });
});
