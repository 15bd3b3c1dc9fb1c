import { describe, expect, test } from 'vitest';
import { emptyMap } from '../../../src/engine/damage/damage-map.ts';
import { proposeMask, thresholdOf } from '../../../src/engine/damage/propose-mask.ts';
import { rasterizeMask } from '../../../src/shared/raster/rasterize-mask.ts';
import { damageKinds } from '../../../src/shared/damage.ts';
import { maskSchema } from '../../../src/shared/mask.ts';
import { randomSource } from '../image/make.ts';
import { mapOf } from './maps.ts';

const all = { sensitivity: 0.5, kinds: damageKinds, growPx: 0 };
const kinds = ['scratch', 'dust'] as const;

describe('the mask of what was found', () => {
  test('holds the places that reach the threshold, as far as they reach the lower one', () => {
    // A faint line with a strong middle, a faint line without, a speck of two pixels.
    const map = mapOf(40, 20, kinds, [
      [5, 4, 30, 1, 0.35, 0],
      [15, 4, 5, 1, 0.9, 0],
      [5, 10, 30, 1, 0.35, 0],
      [3, 17, 2, 1, 1, 1],
    ]);
    const { mask, found, share, sentence } = proposeMask(map, all);
    expect(maskSchema.parse(mask)).toEqual(mask);
    const plane = rasterizeMask(mask, map, { x: 0, y: 0, width: 40, height: 20 });
    const expected = new Float32Array(800).fill(1, 4 * 40 + 5, 4 * 40 + 35);
    expect(plane).toEqual(expected);
    expect(found).toEqual([{ kind: 'scratch', places: 1, share: 30 / 800 }]);
    expect(share).toBe(30 / 800);
    expect(sentence).toBe('Found 1 scratch: 3.8 % of the picture.');
  });

  test('grows with the sensitivity and never shrinks', () => {
    const random = randomSource(3);
    const map = emptyMap({ width: 64, height: 64 }, { width: 64, height: 64 }, kinds);
    for (let i = 0; i < map.evidence.length; i++) map.evidence[i] = Math.floor(256 * random() ** 4);
    const shares = [0, 0.25, 0.5, 0.75, 1].map(
      (sensitivity) => proposeMask(map, { ...all, sensitivity }).share,
    );
    expect(shares.every((share, i) => i === 0 || share > shares[i - 1]!)).toBe(true);
    expect([0, 0.5, 1].map(thresholdOf)).toEqual([192, 128, 64]);
  });

  test('holds only the kinds asked for', () => {
    const map = mapOf(30, 10, kinds, [
      [2, 2, 10, 2, 0.9, 0],
      [20, 2, 5, 5, 0.9, 1],
      [12, 2, 8, 2, 0.9, 1],
    ]);
    const scratches = proposeMask(map, { ...all, kinds: ['scratch'] });
    expect(scratches.found).toEqual([{ kind: 'scratch', places: 1, share: 20 / 300 }]);
    expect(proposeMask(map, { ...all, kinds: [] }).mask.shapes).toEqual([]);
    // Together they touch, so they are one place, of the kind of most of its pixels.
    expect(proposeMask(map, all).found).toEqual([{ kind: 'dust', places: 1, share: 61 / 300 }]);
    const two = mapOf(30, 10, kinds, [
      [2, 2, 10, 2, 0.9, 0],
      [20, 2, 5, 5, 0.9, 1],
      [27, 2, 3, 5, 0.9, 1],
    ]);
    expect(proposeMask(two, all).sentence).toBe('Found 1 scratch and 2 specks: 20.0 % of the picture.');
  });

  test('nothing is an answer, said in a sentence', () => {
    for (const size of [
      { width: 1, height: 1 },
      { width: 300, height: 200 },
    ]) {
      const { mask, share, found, sentence } = proposeMask(emptyMap(size, size, kinds), {
        ...all,
        sensitivity: 1,
      });
      expect([mask.shapes, share, found]).toEqual([[], 0, []]);
      expect(sentence).toBe('Nothing that needs repair was found at this sensitivity.');
    }
  });

  test('everything is one place', () => {
    const { mask, share, found } = proposeMask(mapOf(9, 7, kinds, [[0, 0, 9, 7, 1, 1]]), all);
    expect(mask.shapes).toEqual([{ kind: 'bitmap', runs: [0, 63], erase: false }]);
    expect([share, found]).toEqual([1, [{ kind: 'dust', places: 1, share: 1 }]]);
  });

  test('joins what touches in any way: a U, a ring, a diagonal', () => {
    const map = mapOf(20, 10, kinds, [
      [1, 1, 1, 6, 0.9, 0],
      [5, 1, 1, 6, 0.9, 0],
      [2, 7, 3, 1, 0.9, 0],
      [10, 2, 2, 2, 0.9, 0],
      [12, 4, 2, 2, 0.9, 0],
    ]);
    expect(proposeMask(map, all).found).toEqual([{ kind: 'scratch', places: 2, share: 23 / 200 }]);
  });

  test('speaks of the whole picture when the map is smaller', () => {
    const map = mapOf(10, 5, kinds, [[2, 1, 4, 2, 1, 0]], { width: 40, height: 20 });
    const { mask, share } = proposeMask(map, all);
    expect([mask.width, mask.height, share]).toEqual([40, 20, 8 / 50]);
    const plane = rasterizeMask(mask, mask, { x: 0, y: 0, width: 40, height: 20 });
    const expected = new Float32Array(800);
    for (let y = 4; y < 12; y++) expected.fill(1, y * 40 + 8, y * 40 + 24);
    expect(plane).toEqual(expected);
  });
});
