import { afterAll, describe, expect, it } from 'vitest';
import { createInlineRuntime } from '../../../src/engine/models/runtime.ts';
import { seededNormal } from '../../../src/engine/metrics/random.ts';
import { isSqueezeNet, loadSqueezeDistance } from '../../../src/engine/metrics/squeeze-distance.ts';
import type { Pixels } from '../../../src/engine/metrics/pixels.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';

const runtime = createInlineRuntime();
afterAll(() => runtime.close());
const cpu = { device: 'cpu', threads: 1 };

let seed = 0;
function numbers(shape: readonly number[], change: (value: number) => number): { shape: readonly number[]; data: Float32Array } {
  seed += 1;
  const own = seed;
  const count = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float32Array.from({ length: count }, (_, i) => change(seededNormal(own, i))) };
}

function weightsOf(tensors: Record<string, { shape: readonly number[]; data: Float32Array }>, metadata: Record<string, string> = {}): Weights {
  const infos = Object.entries(tensors).map(([name, { shape }]) => [name, { name, shape, dtype: 'f32' as const }] as const);
  return { source: 'seeded', format: 'test', metadata, tensors: new Map(infos), read: (name) => tensors[name]!.data, close: () => {} };
}

/** Weights drawn in the order in which the reference drew them. */
function seededNetwork() {
  seed = 0;
  const tensors: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  const add = (key: string, out: number, inputs: number, size: number): void => {
    tensors[`${key}.weight`] = numbers([out, inputs, size, size], (value) => value * Math.sqrt(2 / (inputs * size * size)));
    tensors[`${key}.bias`] = numbers([out], (value) => value * Math.sqrt(2 / 10));
  };
  add('features.0', 64, 3, 3);
  const fires = [[3, 64, 16, 64], [4, 128, 16, 64], [6, 128, 32, 128], [7, 256, 32, 128], [9, 256, 48, 192], [10, 384, 48, 192], [11, 384, 64, 256], [12, 512, 64, 256]] as const;
  for (const [index, inputs, squeezed, expanded] of fires) {
    add(`features.${index}.squeeze`, squeezed, inputs, 1);
    add(`features.${index}.expand1x1`, expanded, squeezed, 1);
    add(`features.${index}.expand3x3`, expanded, squeezed, 3);
  }
  const layers = [64, 128, 256, 384, 384, 512, 512].map((channels, i) => [`lin${i}.model.1.weight`, numbers([1, channels, 1, 1], Math.abs)] as const);
  return { tensors, layers: weightsOf(Object.fromEntries(layers)) };
}

const [width, height] = [61, 47];
const a: Pixels = { width, height, channels: 3, data: Float32Array.from({ length: width * height * 3 }, (_, i) => 0.2 * seededNormal(1001, i) + 0.5) };
const b: Pixels = { ...a, data: a.data.map((value, i) => value + 0.05 * seededNormal(1002, i)) };

describe('squeeze distance', () => {
  it('equals a PyTorch implementation of LPIPS 0.1 on the same seeded weights', async () => {
    const { tensors, layers } = seededNetwork();
    const backbone = weightsOf(tensors);
    expect(isSqueezeNet(backbone)).toBe(true);
    const lpips = await loadSqueezeDistance(backbone, layers, runtime, cpu);
    expect(lpips.isLpips).toBe(true);
    expect(await lpips.measure(a, b)).toBeCloseTo(0.08211206, 5);
    expect(await lpips.measure(a, a)).toBe(0);
    await lpips.release();
    const plain = await loadSqueezeDistance(backbone, undefined, runtime, cpu);
    expect(plain.isLpips).toBe(false);
    expect(await plain.measure(a, b)).toBeCloseTo(0.01562692, 5);
    expect(await plain.measure({ ...a, width: 30, height: 30 }, { ...b, width: 30, height: 30 })).toBeUndefined();
    await plain.release();
  });

  it('does not call another backbone LPIPS, and refuses other files', async () => {
    const { tensors, layers } = seededNetwork();
    const other = await loadSqueezeDistance(weightsOf(tensors, { backbone: 'other' }), layers, runtime, cpu);
    expect(other.isLpips).toBe(false);
    await other.release();
    await expect(loadSqueezeDistance(weightsOf({}), layers, runtime, cpu)).rejects.toThrow('seeded is not a SqueezeNet 1.1.');
    await expect(loadSqueezeDistance(weightsOf(tensors), weightsOf({}), runtime, cpu)).rejects.toThrow('seeded does not hold the LPIPS layers');
  });
});
