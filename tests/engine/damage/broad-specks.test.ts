import { expect, test } from 'vitest';
import { broadSpecksAreStains } from '../../../src/engine/damage/broad-specks.ts';
import { proposeMask } from '../../../src/engine/damage/propose-mask.ts';
import { mapOf } from './maps.ts';

const kinds = ['scratch', 'dust', 'stain'] as const;

test('dust broader than a speck is a stain, specks and long scratches stay what they are', () => {
  const map = mapOf(400, 300, kinds, [
    [10, 10, 60, 40, 0.9, 1],
    [200, 100, 6, 6, 0.9, 1],
    [20, 200, 300, 3, 0.9, 0],
  ]);
  broadSpecksAreStains(map);
  const { found } = proposeMask(map, { sensitivity: 0.5, kinds, growPx: 0 });
  expect(found.map(({ kind, places }) => [kind, places])).toEqual([
    ['scratch', 1],
    ['dust', 1],
    ['stain', 1],
  ]);
  expect(map.kind[30 * 400 + 40]).toBe(2);
});

test('a map without stains stays as it is', () => {
  const map = mapOf(100, 100, ['scratch', 'dust'], [[0, 0, 50, 50, 1, 1]]);
  const before = map.kind.slice();
  broadSpecksAreStains(map);
  expect(map.kind).toEqual(before);
});
