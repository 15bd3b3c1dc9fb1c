import { describe, expect, test } from 'vitest';
import { StrokePath } from '../../../src/renderer/masks/stroke-path.ts';

const brush = { radiusPx: 20, hardness: 0.5, usesPressure: true };

describe('a stroke being painted', () => {
  test('follows the pressure of a pen where the brush does, and no other', () => {
    const pen = new StrokePath(brush, false, 1);
    pen.add(0, 0, 0.25);
    pen.add(30, 0, 0.9);
    pen.add(60, 0, 0);
    expect(pen.finished().points.map(({ pressure }) => pressure)).toEqual([0.25, 0.9, 0.08]);
    const firm = new StrokePath({ ...brush, usesPressure: false }, false, 1);
    firm.add(0, 0, 0.25);
    expect(firm.finished().points).toEqual([{ x: 0, y: 0, pressure: 1 }]);
  });

  test('leaves out points that would not be seen, but not where it ends', () => {
    const path = new StrokePath(brush, true, 1);
    for (let x = 0; x <= 10; x += 0.1) path.add(x, 5, 1);
    expect(path.length).toBeLessThan(12);
    const { points, erase, radiusPx, hardness } = path.finished();
    expect(points.at(-1)).toEqual({ x: 10, y: 5, pressure: 1 });
    expect({ erase, radiusPx, hardness }).toEqual({ erase: true, radiusPx: 20, hardness: 0.5 });
  });

  test('a finished stroke keeps what shows of its path and its pressure, with few points', () => {
    const path = new StrokePath({ ...brush, radiusPx: 3 }, false, 1);
    for (let i = 0; i <= 300; i++) path.add(i, i < 150 ? 0 : 0.4 * (i - 150), i < 60 ? 0.5 : 1);
    const { points } = path.finished();
    expect(path.length).toBeGreaterThan(250);
    expect(points.length).toBeLessThan(12);
    const heightAt = (x: number): number => {
      const next = points.findIndex((point) => point.x >= x);
      const [a, b] = [points[Math.max(0, next - 1)]!, points[next]!];
      return b.x === a.x ? b.y : a.y + ((x - a.x) / (b.x - a.x)) * (b.y - a.y);
    };
    for (let x = 0; x <= 300; x++)
      expect(Math.abs(heightAt(x) - (x < 150 ? 0 : 0.4 * (x - 150)))).toBeLessThan(0.5);
    expect(points.filter(({ x }) => x < 59).every(({ pressure }) => pressure === 0.5)).toBe(true);
  });

  test('keeps a pen that stands still and is pressed harder', () => {
    const path = new StrokePath(brush, false, 1);
    for (let pressure = 0.2; pressure <= 1; pressure += 0.1) path.add(3, 3, pressure);
    expect(path.length).toBeGreaterThan(7);
  });

  test('gives the part that is new, joined to what was before', () => {
    const path = new StrokePath(brush, false, 1);
    for (const x of [0, 10, 20, 30]) path.add(x, 0, 1);
    expect(path.stroke(2).points.map(({ x }) => x)).toEqual([20, 30]);
  });
});
