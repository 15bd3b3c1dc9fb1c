import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWeights, openWeightsFromBytes } from '../../../src/engine/weights/open-weights.ts';
import { writeSafetensors } from '../../../src/engine/weights/safetensors.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { fixture } from './expected.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-safetensors-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function oneTensor(numbers: Float32Array, shape: readonly number[] = [numbers.length]): Pick<Weights, 'tensors' | 'read'> {
  return { tensors: new Map([['w', { name: 'w', shape, dtype: 'f32' }]]), read: () => numbers };
}

describe('writeSafetensors', () => {
  it('writes what it reads back, bit by bit, with its metadata', () => {
    const path = join(folder, 'copy.safetensors');
    const source = openWeights(fixture('plain.zip.pth'));
    writeSafetensors(path, source, { dtype: 'f32', metadata: { title: 'Größe', 'heirloom.alpha': '0.5' } });
    const copy = openWeights(path);
    expect(copy.metadata).toEqual({ title: 'Größe', 'heirloom.alpha': '0.5' });
    expect([...copy.tensors.keys()]).toEqual([...source.tensors.keys()]);
    for (const [name, { shape }] of source.tensors) {
      expect(copy.tensors.get(name)?.shape).toEqual(shape);
      expect(new Uint8Array(copy.read(name).buffer.slice(0)), name).toEqual(new Uint8Array(source.read(name).slice().buffer));
    }
    expect(readFileSync(path).readUInt32LE(0) % 8).toBe(0);
    source.close();
    copy.close();
  });

  it('rounds to the nearest half float, ties to even', () => {
    const numbers = Float32Array.from([1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65504, 65519.996, 65520, 2 ** -24, 2 ** -25, 2 ** -25 * 1.0001, 2 ** -14 * 0.9999, -0, 0.1, -Infinity]);
    const path = join(folder, 'half.safetensors');
    writeSafetensors(path, oneTensor(numbers), { dtype: 'f16' });
    const half = openWeights(path);
    expect(half.tensors.get('w')?.dtype).toBe('f16');
    expect([...half.read('w')]).toEqual([1, 1, 1 + 2 ** -9, 65504, 65504, Infinity, 2 ** -24, 0, 2 ** -24, 2 ** -14, -0, 0.0999755859375, -Infinity]);
    half.close();
  });

  it('keeps every half float as it is', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const isNumber = (half: number): boolean => (half & 0x7c00) !== 0x7c00 || (half & 0x3ff) === 0;
    const source = openWeightsFromBytes(halfFile(bits), 'all.safetensors');
    const path = join(folder, 'again.safetensors');
    writeSafetensors(path, source, { dtype: 'f16' });
    const file = readFileSync(path);
    const again = new Uint16Array(file.buffer.slice(file.byteOffset + file.length - 2 * bits.length, file.byteOffset + file.length));
    expect(again.filter((half, i) => isNumber(i) && half !== i)).toHaveLength(0);
    const numbers = openWeights(path).read('w');
    expect(numbers.filter((value, i) => !isNumber(i) && !Number.isNaN(value))).toHaveLength(0);
  });

  it('leaves the old file and nothing else when it fails', () => {
    const path = join(folder, 'kept.safetensors');
    writeSafetensors(path, oneTensor(Float32Array.of(7)), { dtype: 'f32' });
    const broken = { tensors: oneTensor(Float32Array.of(1)).tensors, read: () => Float32Array.of(1, 2, 3) };
    expect(() => writeSafetensors(path, broken, { dtype: 'f32' })).toThrow(/do not fill its shape/);
    expect(readdirSync(folder)).toEqual(['kept.safetensors']);
    expect([...openWeights(path).read('w')]).toEqual([7]);
  });

  it('says when the folder does not exist', () => {
    expect(() => writeSafetensors(join(folder, 'no', 'file.safetensors'), oneTensor(Float32Array.of(1)), { dtype: 'f32' })).toThrow(/^file\.safetensors could not be written/);
  });
});

function halfFile(bits: Uint16Array): Uint8Array {
  const json = JSON.stringify({ w: { dtype: 'F16', shape: [bits.length], data_offsets: [0, bits.length * 2] } });
  const header = Buffer.alloc(8);
  header.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([header, Buffer.from(json), Buffer.from(bits.buffer)]);
}
