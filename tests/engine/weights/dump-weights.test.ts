import { expect, it } from 'vitest';
import { dumpWeights, tensorStatistics } from '../../../src/engine/weights/dump-weights.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import { fixture } from './expected.ts';

it('describes numbers, leaving out what is not finite', () => {
  expect(tensorStatistics(Float32Array.of(1, 3, NaN, 5, 7, Infinity))).toEqual({ minimum: 1, maximum: 7, mean: 4, deviation: Math.sqrt(5), nonFinite: 2 });
  expect(tensorStatistics(new Float32Array(0)).mean).toBeNaN();
});

it('prints one line a tensor, with what was unwrapped', () => {
  const weights = openWeights(fixture('wrapped.zip.pth'));
  const lines = [...dumpWeights(weights)];
  expect(lines[0]).toBe('wrapped.zip.pth: pth-zip, inside params_ema › module., 6 tensors, 67 elements');
  expect(lines).toHaveLength(2 + 6);
  expect(lines.find((line) => line.startsWith('mean'))).toMatch(/^mean\s+f32\s+3\s+0\.5000\s+1\.500\s+1\.000\s+0\.4082$/);
  expect([...dumpWeights(weights, false)][2]).toMatch(/^mean\s+f32\s+3$|^conv\.weight\s+f32\s+2×3×3×3$/);
  weights.close();
});
