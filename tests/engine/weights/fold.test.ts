import { describe, expect, it } from 'vitest';
import { foldBatchNorm, foldNorms } from '../../../src/engine/weights/fold.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { expectedTensors, fixture, floatsOf } from './expected.ts';

function maxDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] ?? NaN))), 0);
}

function norms(): Weights {
  return openWeights(fixture('norms.safetensors'));
}

describe('foldNorms', () => {
  it.each(['sn', 'sn2', 'snt', 'wn', 'wn2'])('gives the weight that PyTorch computes with, for the layer %s', (layer) => {
    const folded = foldNorms(norms());
    const expected = expectedTensors('norms').get(`${layer}.weight`);
    expect(folded.tensors.get(`${layer}.weight`)?.shape).toEqual(expected?.shape);
    expect(maxDifference(folded.read(`${layer}.weight`), floatsOf(expected))).toBeLessThan(1e-6);
  });

  it('leaves no part behind, nor touches other layers', () => {
    const weights = norms();
    const folded = foldNorms(weights);
    const names = [...folded.tensors.keys()].filter((name) => !name.startsWith('bn.')).toSorted();
    const layers = ['plain', 'sn', 'sn2', 'snt', 'wn', 'wn2'];
    expect(names).toEqual(layers.flatMap((layer) => [`${layer}.bias`, `${layer}.weight`]));
    expect(folded.read('plain.weight')).toEqual(weights.read('plain.weight'));
  });

  it('returns weights without such layers as they are', () => {
    const weights = openWeights(fixture('small.safetensors'));
    expect(foldNorms(weights)).toBe(weights);
  });
});

describe('foldBatchNorm', () => {
  it.each([
    ['conv', false, 2],
    ['bare', false, 1],
    ['transposed', true, 2],
  ] as const)('does what both layers do: %s', (name, transposed, groups) => {
    const weights = norms();
    const part = (key: string): Float32Array => weights.read(`bn.${name}.${key}`);
    const shape = weights.tensors.get(`bn.${name}.conv.weight`)?.shape ?? [];
    const bias = name === 'bare' ? undefined : part('conv.bias');
    const folded = foldBatchNorm(
      { weight: part('conv.weight'), shape, bias, transposed, groups },
      { mean: part('norm.running_mean'), variance: part('norm.running_var'), scale: part('norm.weight'), shift: part('norm.bias') },
    );
    expect(maxDifference(folded.weight, floatsOf(expectedTensors('batch').get(`${name}.weight`)))).toBeLessThan(1e-6);
    expect(maxDifference(folded.bias, floatsOf(expectedTensors('batch').get(`${name}.bias`)))).toBeLessThan(1e-6);
  });

  it('refuses a normalization of another width', () => {
    const three = new Float32Array(3).fill(1);
    expect(() => foldBatchNorm({ weight: new Float32Array(4), shape: [2, 2, 1, 1] }, { mean: three, variance: three })).toThrow(/3 channels follows a convolution of 2/);
  });
});
