import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Weights } from '../../../src/engine/weights/weights.ts';

/** Path of a fixture written by training/golden/containers.py. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/weights/${name}`, import.meta.url));
}

/** Shape and float32 bit patterns by tensor name. */
export type ExpectedTensors = Readonly<Record<string, { readonly shape: readonly number[]; readonly bits: readonly number[] }>>;

export function expectedTensors(set: 'plain' | 'model' | 'ema' | 'norms' | 'batch'): ReadonlyMap<string, ExpectedTensors[string]> {
  const text = readFileSync(fixture('containers.json'), 'utf8');
  const sets = JSON.parse(text) as Record<string, ExpectedTensors>;
  return new Map(Object.entries(sets[set] ?? {}));
}

/** Every tensor, shape and bit must be what PyTorch says. */
export function expectTensors(weights: Weights, expected: ReadonlyMap<string, ExpectedTensors[string]>): void {
  expect([...weights.tensors.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
  for (const [name, { shape, bits }] of expected) {
    expect(weights.tensors.get(name)?.shape, name).toEqual(shape);
    const numbers = weights.read(name);
    expect([...new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length)], name).toEqual(bits);
  }
}

/** The numbers behind the bit patterns. */
export function floatsOf(tensor: ExpectedTensors[string] | undefined): Float32Array {
  return new Float32Array(Uint32Array.from(tensor?.bits ?? []).buffer);
}
