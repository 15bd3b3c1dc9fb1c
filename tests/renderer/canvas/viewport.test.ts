import { describe, expect, test } from 'vitest';
import {
  centered,
  confine,
  fitZoom,
  panBy,
  previewRect,
  toCanvas,
  toFrame,
  type Viewport,
  visibleFrame,
  zoomAt,
} from '../../../src/renderer/canvas/viewport.ts';

const canvas: Viewport = { widthPx: 1000, heightPx: 600, zoom: 1, centerX: 0, centerY: 0 };
const frame = { width: 4000, height: 3000 };

describe('viewport', () => {
  test('fit shows all of the frame within the margin, and does not blow up a tiny picture', () => {
    const zoom = fitZoom(frame, canvas, 20, 8);
    expect(zoom).toBeCloseTo(560 / 3000);
    const fitted = centered(canvas, frame, zoom);
    expect(toCanvas(fitted, { x: 0, y: 0 }).y).toBeCloseTo(20);
    expect(toCanvas(fitted, { x: 4000, y: 3000 }).y).toBeCloseTo(580);
    expect(fitZoom({ width: 1, height: 1 }, canvas, 20, 8)).toBe(8);
  });

  test('zooming keeps the point under the pointer', () => {
    const anchor = { x: 130, y: 471 };
    const before = centered(canvas, frame, 0.37);
    const after = zoomAt(before, 2.9, anchor);
    expect(toFrame(after, anchor).x).toBeCloseTo(toFrame(before, anchor).x);
    expect(toFrame(after, anchor).y).toBeCloseTo(toFrame(before, anchor).y);
  });

  test('frame and canvas coordinates are inverse to each other', () => {
    const viewport = zoomAt(centered(canvas, frame, 0.8), 1.7, { x: 3, y: 4 });
    const point = toCanvas(viewport, toFrame(viewport, { x: 12.5, y: 99 }));
    expect(point.x).toBeCloseTo(12.5);
    expect(point.y).toBeCloseTo(99);
  });

  test('a picture cannot be moved out of sight', () => {
    const far = confine(panBy(centered(canvas, frame, 1), 1e6, -1e6), frame);
    expect(visibleFrame(far, frame)).toBeDefined();
    const small = confine(panBy(centered(canvas, frame, 0.1), 333, 0), frame);
    expect(small.centerX).toBe(2000);
  });

  test('the visible part is clipped to the frame', () => {
    expect(visibleFrame(centered(canvas, frame, 0.1), frame)).toEqual({ x: 0, y: 0, ...frame });
    const corner = visibleFrame({ ...canvas, centerX: 0, centerY: 0 }, frame);
    expect(corner).toEqual({ x: 0, y: 0, width: 500, height: 300 });
    expect(visibleFrame({ ...canvas, centerX: -900 }, frame)).toBeUndefined();
  });

  test('a preview asks for whole pixels inside the photo, and for its middle when all is too much', () => {
    const small = previewRect({ ...canvas, zoom: 3.3, centerX: 200.4, centerY: 3000 }, frame, 1e6);
    expect(small).toBeDefined();
    if (small === undefined) return;
    expect([small.x, small.y, small.width, small.height].every(Number.isInteger)).toBe(true);
    expect(small.y + small.height).toBe(3000);
    const large = previewRect(centered(canvas, frame, 0.15), frame, 500_000);
    expect(large && large.width * large.height).toBeLessThan(505_000);
    expect(large && Math.abs(large.x + large.width / 2 - 2000)).toBeLessThan(2);
    expect(previewRect(centered(canvas, { width: 1, height: 1 }, 8), { width: 1, height: 1 }, 1000)).toEqual({
      x: 0,
      y: 0,
      width: 1,
      height: 1,
    });
  });
});
