import { describe, expect, it } from 'vitest';
import { countPlaces, type LookedAt } from '../../scripts/damage-results/looked-at.ts';

const [width, height] = [80, 60];
const none: LookedAt = { damage: [], scene: [], unsure: [] };

function marks(...boxes: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const marked = new Uint8Array(width * height);
  for (const [left, top, right, bottom] of boxes)
    for (let y = top; y < bottom; y++) marked.fill(1, y * width + left, y * width + right);
  return marked;
}

describe('places of a print that were looked at', () => {
  const lapel: LookedAt = { ...none, scene: [[10, 10, 70, 50]] };

  it('count where marks reach over a quarter of the longer side', () => {
    const line = marks([20, 30, 35, 31]);
    expect(countPlaces(line, lapel, width)).toMatchObject({ scene: 1, sceneMarked: 1 });
    expect(countPlaces(line, { ...none, damage: [[10, 10, 70, 50]] }, width)).toMatchObject({
      damageMarked: 1,
    });
    expect(countPlaces(marks([20, 30, 34, 31]), lapel, width).sceneMarked).toBe(0);
  });

  it('take pieces of a line together, and not what lies beyond the box', () => {
    expect(countPlaces(marks([20, 30, 28, 31], [40, 32, 48, 33]), lapel, width).sceneMarked).toBe(1);
    expect(countPlaces(marks([0, 30, 20, 31]), lapel, width).sceneMarked).toBe(0);
  });

  it('do not count for a speck in a large box, and do for one in its own', () => {
    const speck = marks([20, 20, 25, 25]);
    const both: LookedAt = { ...lapel, damage: [[19, 19, 26, 26]] };
    expect(countPlaces(speck, both, width)).toMatchObject({ damageMarked: 1, sceneMarked: 0 });
  });

  it('leave as elsewhere what lies in none and near none', () => {
    const counts = countPlaces(marks([0, 0, 4, 4], [66, 48, 72, 52]), lapel, width);
    expect(counts).toMatchObject({ marked: 16 + 24, elsewhere: 16, pixels: width * height });
  });
});
