import { describe, expect, test } from 'vitest';
import {
  childTiles,
  levelFor,
  levelSize,
  parentTile,
  tileCounts,
  tileKey,
  tileRect,
  tilesIn,
} from '../../../src/renderer/canvas/pyramid.ts';

const image = { id: 'a', width: 1300, height: 700, channels: 3 as const, tilePx: 512, levels: 3 };
const all = { x: 0, y: 0, width: 1300, height: 700 };

describe('pyramid', () => {
  test('every level is half of the one before, rounded up', () => {
    expect(levelSize(image, 1)).toEqual({ width: 650, height: 350 });
    expect(levelSize(image, 2)).toEqual({ width: 325, height: 175 });
    expect(levelSize({ width: 1, height: 3 }, 5)).toEqual({ width: 1, height: 1 });
  });

  test('the level has at least one pixel for every device pixel', () => {
    expect(levelFor(1, 5)).toBe(0);
    expect(levelFor(7, 5)).toBe(0);
    expect(levelFor(0.51, 5)).toBe(0);
    expect(levelFor(0.5, 5)).toBe(1);
    expect(levelFor(0.13, 5)).toBe(2);
    expect(levelFor(0.0001, 5)).toBe(4);
  });

  test('the tiles of a level cover the image exactly once', () => {
    for (const level of [0, 1, 2]) {
      const area = tilesIn(image, level, all)
        .map((tile) => tileRect(image, tile))
        .reduce((sum, rect) => sum + rect.width * rect.height, 0);
      expect(area).toBeCloseTo(1300 * 700, 3);
    }
    expect(tileCounts(image, 0)).toEqual({ columns: 3, rows: 2 });
  });

  test('only tiles in sight are named, the middle first', () => {
    const tiles = tilesIn(image, 0, { x: 520, y: 10, width: 100, height: 100 });
    expect(tiles.map(tileKey)).toEqual(['a/0/1/0']);
    expect(tilesIn(image, 0, all)[0]?.column).toBe(1);
  });

  test('parents and children fit together', () => {
    const tile = { image: 'a', level: 1, column: 1, row: 0 };
    const children = childTiles(image, tile);
    expect(children.map(tileKey)).toEqual(['a/0/2/0', 'a/0/2/1']);
    for (const child of children) expect(parentTile(child)).toEqual(tile);
    expect(childTiles(image, { image: 'a', level: 0, column: 0, row: 0 })).toEqual([]);
  });
});
