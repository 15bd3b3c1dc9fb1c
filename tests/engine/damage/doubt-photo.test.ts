import { expect, test } from 'vitest';
import type { DamageMap } from '../../../src/engine/damage/damage-map.ts';
import { doubtPhoto } from '../../../src/engine/damage/doubt-photo.ts';
import { proposeMask } from '../../../src/engine/damage/propose-mask.ts';
import { damageKinds } from '../../../src/shared/damage.ts';
import { mapOf } from './maps.ts';

const kinds = ['scratch', 'dust', 'stain', 'fold', 'tear'] as const;
/** `count` short lines of one probability, apart from each other, from the left. */
const lines = (count: number, probability: number, kind = 0, y = 4) =>
  Array.from({ length: count }, (_, i) => [6 + 8 * i, y, 2, 12, probability, kind] as const);
const map = (...marks: readonly ReturnType<typeof lines>[]): DamageMap =>
  mapOf(800, 200, kinds, marks.flat());
const doubted = (plain: DamageMap): DamageMap => ({ ...plain, doubt: doubtPhoto(plain) });
const propose = (found: DamageMap, sensitivity = 0.5) =>
  proposeMask(doubted(found), { sensitivity, kinds: damageKinds, growPx: 0 });

test('a photo with a place or two is clean unless they are nearly certain; one with many is damaged', () => {
  expect(doubtPhoto(map())).toBeGreaterThan(0);
  expect(propose(map(lines(2, 0.8))).found).toEqual([]);
  expect(propose(map(lines(2, 0.99))).found).toMatchObject([{ kind: 'scratch', places: 2 }]);
  expect(doubtPhoto(map(lines(12, 0.8)))).toBeLessThanOrEqual(0);
  expect(propose(map(lines(12, 0.8))).found).toMatchObject([{ places: 12 }]);
});

test('of a picture without color less certainty is asked than of a photograph in color, not none; dots of a screen never make a photo damaged', () => {
  const found = (sort: DamageMap['sort'], probability: number, count = 2): number => {
    const plain: DamageMap = { ...map(lines(count, probability)), sort };
    return propose(plain).found.reduce((sum, { places }) => sum + places, 0);
  };
  expect(['color', 'monochrome', 'screened'].map((sort) => found(sort as DamageMap['sort'], 0.9))).toEqual([
    0, 2, 0,
  ]);
  expect(found('monochrome', 0.7)).toBe(0);
  expect(found('monochrome', 0.8, 12)).toBe(12);
  expect(found('screened', 0.8, 12)).toBe(0);
  expect(found('screened', 0.99, 12)).toBe(12);
});

test('many places are no damage among ten times as much that looks a little like it', () => {
  const twigs = [40, 60, 80, 100, 120].map((y) => lines(30, 0.3, 0, y));
  expect(doubtPhoto(map(lines(12, 0.8), ...twigs))).toBeGreaterThan(0);
  expect(doubtPhoto(map(lines(12, 0.8), lines(20, 0.3, 0, 40)))).toBeLessThanOrEqual(0);
});

test('where nearly all that looks like damage surely is, what is less sure is proposed too', () => {
  const worn = map(lines(20, 0.95), lines(6, 0.25, 0, 40));
  expect(doubtPhoto(worn)).toBeLessThan(-1);
  expect(propose(worn).found).toMatchObject([{ places: 26 }]);
  expect(propose(worn, 0).found).toEqual([]);
  const shares = [0, 0.2, 0.4, 0.5, 0.6, 0.8, 1].map((sensitivity) => propose(worn, sensitivity).share);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
});

test('one large crack is damage where the network is sure of it; else it may be a seam', () => {
  const crack = (probability: number): DamageMap => mapOf(800, 200, kinds, [[6, 4, 10, 150, probability, 3]]);
  expect(propose(crack(0.95)).found).toMatchObject([{ kind: 'fold', places: 1 }]);
  expect(propose(crack(0.8)).found).toEqual([]);
});

test('stains and tears do not tell; what is torn off is proposed all the same', () => {
  expect(doubtPhoto(map(lines(20, 0.9, 2)))).toBeGreaterThan(0);
  expect(propose(map(lines(2, 0.7, 4))).found).toMatchObject([{ kind: 'tear', places: 2 }]);
});

test('who asks for whatever looks like damage sees it, and no more sensitivity ever shows less', () => {
  const clean = map(lines(2, 0.6), lines(2, 0.9, 1, 40));
  expect(propose(clean, 0.8).found).toHaveLength(2);
  const shares = [0, 0.25, 0.5, 0.6, 0.7, 0.8, 1].map((sensitivity) => propose(clean, sensitivity).share);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
});
