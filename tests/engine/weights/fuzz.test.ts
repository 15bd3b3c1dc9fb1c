import { expect, it } from 'vitest';
import { fuzzWeights, largestHonestRead } from './fuzz.ts';

it('3,000 damaged files are read or refused, and nothing else happens', () => {
  const figures = fuzzWeights(3000, 1);
  expect(figures.escaped).toEqual([]);
  const refused = [...figures.refused.values()].reduce((sum, count) => sum + count, 0);
  expect(figures.opened + refused).toBe(3000);
  expect([...figures.refused.keys()].toSorted()).toEqual(['corrupt-model', 'unsupported-model']);
  expect(figures.opened).toBeGreaterThan(100);
  expect(figures.largestRead).toBeLessThanOrEqual(largestHonestRead);
});
