import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { formatCatalog } from '../../../src/engine/models/catalog.ts';
import { openModelFiles } from '../../../src/engine/models/model-files.ts';
import { createModelHub, type ModelHub } from '../../../src/engine/models/model-hub.ts';
import { createInlineRuntime } from '../../../src/engine/models/runtime.ts';
import { Graph } from '../../../src/engine/graph/graph.ts';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import { writeSafetensors } from '../../../src/engine/weights/safetensors.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { compactWeights, maxDifference, weightsOf } from './networks.ts';

let folder: string;
let hub: ModelHub;

/** The same network, every number moved a little: as fine-tuning does. */
function nudged(weights: Weights, amount: number): Weights {
  const tensors = [...weights.tensors.values()].map(({ name, shape }) => [name, { shape, data: weights.read(name).map((value, i) => value + amount * Math.sin(i)) }] as const);
  return weightsOf(Object.fromEntries(tensors));
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-hub-'));
  const shipped = join(folder, 'shipped');
  mkdirSync(shipped);
  const base = compactWeights({ scale: 2, features: 16, convolutions: 6, seed: 3 });
  const networks: Record<string, Weights> = {
    base,
    near: nudged(base, 0.02),
    stranger: permuted(base),
    wider: compactWeights({ scale: 2, features: 12 }),
  };
  const entries = Object.entries(networks).map(([id, weights]) => {
    writeSafetensors(join(shipped, `${id}.safetensors`), weights, { dtype: 'f32', metadata: {} });
    return { id, title: id, role: 'enlarge', origin: 'embedded' as const, file: `${id}.safetensors`, license: 'test' };
  });
  const absent = { id: 'absent', title: 'Absent', role: 'enlarge', origin: 'catalog' as const, file: 'absent.pth', license: 'MIT', url: 'https://models.example/absent.pth' };
  writeFileSync(join(shipped, 'catalog.json'), formatCatalog([...entries, absent]));
  hub = createModelHub({
    files: openModelFiles([shipped], join(folder, 'user')),
    runtime: createInlineRuntime(),
    settings: { device: 'cpu', tilePx: 0, memoryBudgetMiB: 512, theme: 'system' },
    device: 'cpu',
    threads: 2,
    log: () => {},
  });
});
afterAll(async () => {
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The same function with its hidden features in another order: halfway between the two, features of different meaning are averaged. */
function permuted(weights: Weights): Weights {
  const tensors: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  for (const { name, shape } of weights.tensors.values()) {
    const data = weights.read(name);
    const [out = 1, into = 1, ...kernel] = shape;
    const block = kernel.reduce((product, side) => product * side, 1);
    const order = (index: number, count: number): number => (count === 16 ? 15 - index : index);
    const moved = new Float32Array(data.length);
    for (let o = 0; o < out; o++) {
      const inputs = shape.length === 1 ? 1 : into;
      for (let i = 0; i < inputs; i++) {
        const from = (order(o, out) * inputs + (shape.length === 1 ? 0 : order(i, into))) * block;
        moved.set(data.subarray(from, from + block), (o * inputs + i) * block);
      }
    }
    tensors[name] = { shape, data: moved };
  }
  return weightsOf(tensors);
}

const patch = { data: Float32Array.from({ length: 20 * 20 * 3 }, (_, i) => 0.5 + 0.4 * Math.sin(i * 0.7)), width: 20, height: 20, channels: 3 };
const run = async (id: string, partner?: string, alpha?: number): Promise<Float32Array> => {
  const model = await hub.open({ id, ...(partner === undefined ? {} : { partner }), ...(alpha === undefined ? {} : { alpha }) });
  return (await model.once(patch)).data;
};

describe('interpolation', () => {
  it('is bit-identical to the ends at α = 0 and 1 and moves evenly between them', async () => {
    expect(await run('base', 'near', 0)).toEqual(await run('base'));
    expect(await run('base', 'near', 1)).toEqual(await run('near'));
    const sweep: Float32Array[] = [];
    for (let alpha = 0; alpha <= 10; alpha++) sweep.push(await run('base', 'near', alpha / 10));
    const steps = sweep.slice(1).map((after, i) => rms(after, sweep[i] as Float32Array));
    const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length;
    for (const step of steps) expect(step).toBeGreaterThan(mean / 3);
    for (const step of steps) expect(step).toBeLessThan(mean * 3);
  });

  it('writes a model that gives the same pixels and keeps the usual names', async () => {
    const path = join(folder, 'mixed.safetensors');
    await hub.interpolate({ id: 'base', partner: 'near', alpha: 0.4 }, path);
    const written = openWeights(path);
    expect([...written.tensors.keys()].sort()).toEqual([...openWeights(join(folder, 'shipped', 'base.safetensors')).tensors.keys()].sort());
    const added = await hub.add(path);
    expect(added).toMatchObject({ architecture: 'SRVGGNetCompact', scale: 2, present: true });
    expect(maxDifference(await run(added.id), await run('base', 'near', 0.4))).toBeLessThan(1e-6);
  });

  it('reports what does not fit together', async () => {
    expect(await hub.compare('base', 'near')).toMatchObject({ compatible: true });
    expect(await hub.compare('base', 'near')).not.toHaveProperty('warning');
    const report = await hub.compare('base', 'wider');
    expect(report.compatible).toBe(false);
    expect(report.shapeDifferent).toContain('body.0.weight');
    await expect(run('base', 'wider', 0.5)).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('warns when the middle of the path is broken although all shapes agree', async () => {
    expect(maxDifference(await run('base'), await run('stranger'))).toBeLessThan(1e-4);
    expect((await hub.compare('base', 'stranger')).warning).toContain('breaks down');
  });
});

describe('model files', () => {
  it('say what is missing and where to get it', async () => {
    await expect(hub.open({ id: 'absent' })).rejects.toMatchObject({ code: 'missing-model', hint: 'Install it in the models panel.' });
    await expect(hub.open({ id: 'nonsense' })).rejects.toMatchObject({ code: 'missing-model' });
    expect((await hub.list()).find(({ id }) => id === 'absent')).toMatchObject({ present: false });
  });

  it('open a ready .onnx graph, find its scale and give the pixels of the same weights', async () => {
    const weights = openWeights(join(folder, 'shipped', 'base.safetensors'));
    const { architecture, params } = detectArchitecture(weights);
    const graph = new Graph('ready');
    const path = join(folder, 'ready.onnx');
    writeFileSync(path, graph.encode(architecture.build(graph, weights, params)).bytes);
    const card = await hub.inspect(path);
    expect(card).toMatchObject({ architecture: 'ONNX graph', scale: 2, role: 'enlarge' });
    expect(card.msPerMegapixel).toBeGreaterThan(0);
    const { id } = await hub.add(path);
    expect(maxDifference(await run(id), await run('base'))).toBeLessThan(1e-6);
  });

  it('describe a network: parameters, scale, receptive field, checksum, speed', async () => {
    const card = await hub.inspect(join(folder, 'shipped', 'base.safetensors'));
    expect(card).toMatchObject({ architecture: 'SRVGGNetCompact', scale: 2, receptiveFieldPx: 8, parameters: expect.any(Number) });
    expect(card.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(card.msPerMegapixel).toBeGreaterThan(0);
  });

  it.skipIf(sharedData === undefined)(`runs a real third-party .pth and its .onnx twin to the same pixels${sharedDataNote}`, async () => {
    const pth = await hub.add(join(sharedData ?? '', 'weights/derived_rebuilt_pth/realesr-animevideov3.rebuilt.pth'));
    const onnx = await hub.add(join(sharedData ?? '', 'weights/realesr-animevideov3-onnx/realesr-animevideov3.onnx'));
    expect([pth.architecture, pth.scale, onnx.architecture, onnx.scale]).toEqual(['SRVGGNetCompact', 4, 'ONNX graph', 4]);
    expect(maxDifference(await run(pth.id), await run(onnx.id))).toBeLessThan(2e-5);
  });
});

function rms(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0) / a.length);
}
