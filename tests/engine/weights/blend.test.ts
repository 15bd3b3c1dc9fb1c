import { describe, expect, it } from 'vitest';
import { blendWeights, compareWeights } from '../../../src/engine/weights/blend.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import type { Dtype, Weights } from '../../../src/engine/weights/weights.ts';
import { fixture } from './expected.ts';

type Tensor = readonly [shape: readonly number[], numbers: readonly number[], dtype?: Dtype];

function inMemory(source: string, tensors: Readonly<Record<string, Tensor>>): Weights {
  return {
    source,
    format: 'memory',
    metadata: {},
    tensors: new Map(Object.entries(tensors).map(([name, [shape, , dtype = 'f32']]) => [name, { name, shape, dtype }])),
    read: (name) => Float32Array.from(tensors[name]?.[1] ?? []),
    close() {},
  };
}

const a = inMemory('a.pth', { w: [[2, 2], [0, 1, -2, 4]], b: [[2], [0.1, -0]], count: [[], [3], 'i64'] });
const b = inMemory('b.pth', { w: [[2, 2], [1, 1, 2, -4]], b: [[2], [0.3, 0]], count: [[], [8], 'i64'] });

describe('blendWeights', () => {
  it('mixes every tensor by α', () => {
    const mixed = blendWeights(a, b, 0.25);
    expect([...mixed.read('w')]).toEqual([0.25, 1, -1, 2]);
    expect([...mixed.tensors.keys()]).toEqual(['w', 'b', 'count']);
  });

  it.each([
    [0, a],
    [1, b],
  ])('gives the end at α = %d bit by bit', (alpha, end) => {
    const mixed = blendWeights(a, b, alpha);
    for (const name of ['w', 'b', 'count']) {
      expect(new Uint32Array(mixed.read(name).buffer)).toEqual(new Uint32Array(end.read(name).buffer));
    }
  });

  it('takes whole numbers from the nearer end', () => {
    expect([...blendWeights(a, b, 0.4).read('count')]).toEqual([3]);
    expect([...blendWeights(a, b, 0.5).read('count')]).toEqual([8]);
  });

  it.each([-0.1, 1.1, NaN])('refuses α = %d', (alpha) => {
    expect(() => blendWeights(a, b, alpha)).toThrow(/between 0 and 1/);
  });

  it('refuses different networks', () => {
    const other = inMemory('c.pth', { w: [[4], [0, 0, 0, 0]], b: [[2], [0, 0]], count: [[], [1], 'i64'] });
    expect(() => blendWeights(a, other, 0.5)).toThrow('a.pth and c.pth cannot be blended: w differs in shape ([2, 2] against [4]).');
  });
});

describe('compareWeights', () => {
  it('finds two of a kind compatible', () => {
    expect(compareWeights(a, b)).toEqual({
      compatible: true,
      verdict: 'a.pth and b.pth have the same 3 tensors and can be blended.',
      missing: [],
      extra: [],
      shapeDifferent: [],
      nonFinite: [],
    });
  });

  it('names every tensor that does not fit', () => {
    const other = inMemory('c.pth', { w: [[1, 4], [0, 0, 0, 0]], b: [[2], [NaN, 0]], x: [[1], [1]], y: [[1], [Infinity]] });
    const report = compareWeights(a, other);
    expect(report).toMatchObject({ compatible: false, missing: ['count'], extra: ['x', 'y'], shapeDifferent: ['w'], nonFinite: ['b', 'y'] });
    expect(report.verdict).toBe(
      'a.pth and c.pth cannot be blended: c.pth lacks count; a.pth lacks x and 1 more; w differs in shape ([2, 2] against [1, 4]); b and 1 more have numbers that are not finite.',
    );
  });

  it('says so when nothing is shared', () => {
    const other = inMemory('d.pth', { z: [[1], [1]] });
    expect(compareWeights(a, other).verdict).toBe('a.pth and d.pth are different networks: they share no tensor of the same name and shape.');
  });

  it('finds numbers that are not finite in a file', () => {
    const weights = openWeights(fixture('plain.zip.pth'));
    // Half floats with an infinity, doubles and bfloat16 beyond the range of float32.
    expect(compareWeights(weights, weights)).toMatchObject({ compatible: false, missing: [], nonFinite: ['float64', 'float16'] });
    weights.close();
  });
});
