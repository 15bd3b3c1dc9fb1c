import { expect, test } from 'vitest';
import { evenEvidence } from '../../../src/engine/damage/damage-map.ts';
import { doubtMargins } from '../../../src/engine/damage/doubt-margins.ts';
import { proposeMask } from '../../../src/engine/damage/propose-mask.ts';
import { mapOf } from './maps.ts';

const kinds = ['scratch', 'dust', 'stain', 'tear'] as const;

test.each([
  ['right', [394, 60, 5, 150]],
  ['left', [0, 20, 3, 60]],
  ['top', [100, 4, 80, 4]],
  ['bottom', [60, 296, 200, 4]],
] as const)('a line along the %s edge is doubted', (_, [x, y, w, h]) => {
  const map = mapOf(400, 300, kinds, [[x, y, w, h, 0.9, 0]]);
  const before = map.evidence[y * 400 + x]!;
  doubtMargins(map);
  expect(map.evidence[y * 400 + x]).toBe(before - 48);
  expect(proposeMask(map, { sensitivity: 0.5, kinds, growPx: 0 }).found).toEqual([]);
});

test('what crosses the edge, a chip, a line inside, a stain and a torn border stay as they are', () => {
  const map = mapOf(400, 300, kinds, [
    [395, 100, 2, 60, 0.9, 0],
    [300, 160, 97, 2, 0.9, 0],
    [40, 0, 60, 8, 0.9, 1],
    [20, 20, 2, 200, 0.9, 0],
    [100, 290, 200, 10, 0.9, 2],
    [0, 0, 4, 300, 0.9, 3],
  ]);
  const before = map.evidence.slice();
  doubtMargins(map);
  expect(map.evidence).toEqual(before);
});

test('a margin that is one place with more only where little speaks for it is doubted where much does', () => {
  const map = mapOf(400, 300, kinds, [
    [395, 50, 4, 200, 0.9, 0],
    [340, 100, 55, 4, 0.1, 0],
  ]);
  doubtMargins(map);
  expect(map.evidence[60 * 400 + 396]).toBeLessThan(evenEvidence);
  expect(map.evidence[101 * 400 + 350]).toBe(mapOf(1, 1, kinds, [[0, 0, 1, 1, 0.1, 0]]).evidence[0]);
});
