import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { Graph } from '../../../src/engine/graph/graph.ts';
import type { TensorInfo, Weights } from '../../../src/engine/weights/weights.ts';
import { HeirloomError } from '../../../src/shared/failure.ts';
import { openGolden } from './golden.ts';

const folder = fileURLToPath(new URL('../../fixtures/golden', import.meta.url));
const names = readdirSync(folder)
  .filter((file) => /\.(?:pth|pt|safetensors)$/.test(file) && !file.includes('.io.'))
  .map((file) => file.replace(/\.[a-z]+$/, ''));
const mutationsOfEach = 60;

/** Whole numbers below a bound, the same every time. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** The same weights with one or two tensors left out, reshaped or of another rank; numbers fit the new shapes. */
function mutated(weights: Weights, below: (bound: number) => number): Weights {
  const tensors = new Map(weights.tensors);
  const keys = [...tensors.keys()];
  for (let change = 0; change <= below(2); change++) {
    const name = keys[below(keys.length)] ?? '';
    const info = tensors.get(name);
    if (info === undefined) continue;
    const shape = [...info.shape];
    switch (below(4)) {
      case 0:
        tensors.delete(name);
        continue;
      case 1:
        shape[below(shape.length)] = [0, 1, 2, 5, 7][below(5)] ?? 0;
        break;
      case 2:
        shape.pop();
        break;
      default:
        shape.push(1 + below(3));
    }
    tensors.set(name, { ...info, shape } satisfies TensorInfo);
  }
  const size = (name: string): number =>
    (tensors.get(name)?.shape ?? []).reduce((product, side) => product * side, 1);
  return {
    source: 'mutated',
    format: 'test',
    metadata: {},
    tensors,
    read: (name) => new Float32Array(size(name)),
    close: () => undefined,
  };
}

test.each(names)(
  '%s with tensors missing or misshapen is built or refused with a sentence, never anything else',
  (name) => {
    const weights = openGolden(name);
    const below = numbersFrom(name.length * 7919 + name.charCodeAt(0));
    for (let count = 0; count < mutationsOfEach; count++) {
      const changed = mutated(weights, below);
      try {
        const { architecture, params } = detectArchitecture(changed);
        const graph = new Graph(architecture.id);
        graph.encode(architecture.build(graph, changed, params));
      } catch (error) {
        expect(error, String((error as Error).stack)).toBeInstanceOf(HeirloomError);
        expect((error as HeirloomError).code).toMatch(/^(?:unsupported|corrupt)-model$/);
      }
    }
    weights.close();
  },
);
