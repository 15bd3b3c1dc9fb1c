import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { quietContext } from '../../../src/engine/context.ts';
import { Graph } from '../../../src/engine/graph/graph.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import { fullRect } from '../../../src/engine/image/image.ts';
import type { ImageStore } from '../../../src/engine/image/image-store.ts';
import { createModel, type Model, type RunEnvironment } from '../../../src/engine/models/model.ts';
import { createInlineRuntime, type Session } from '../../../src/engine/models/runtime.ts';
import { seededNumbers } from '../../../src/engine/models/seeded-numbers.ts';
import type { TensorInfo, Weights } from '../../../src/engine/weights/weights.ts';

/** Weights held in memory. */
export function weightsOf(tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>): Weights {
  const infos = new Map<string, TensorInfo>(Object.entries(tensors).map(([name, { shape }]) => [name, { name, shape, dtype: 'f32' }]));
  return {
    source: 'test.safetensors',
    format: 'safetensors',
    metadata: {},
    tensors: infos,
    read: (name) => {
      const tensor = tensors[name];
      if (tensor === undefined) throw new Error(`no ${name}`);
      return tensor.data;
    },
    close: () => {},
  };
}

/** A small SRVGGNetCompact whose output is the enlarged input plus texture of its own. */
export function compactWeights(options: { features?: number; convolutions?: number; scale?: number; seed?: number } = {}): Weights {
  const { features = 8, convolutions = 2, scale = 2, seed = 1 } = options;
  const numbers = seededNumbers(seed);
  const tensor = (shape: readonly number[], amplitude: number): { shape: readonly number[]; data: Float32Array } => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (numbers() - 0.5) * amplitude),
  });
  const tensors: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  const convolution = (index: number, out: number, into: number, amplitude: number): void => {
    tensors[`body.${index}.weight`] = tensor([out, into, 3, 3], amplitude);
    tensors[`body.${index}.bias`] = tensor([out], 0.1);
  };
  convolution(0, features, 3, 0.8);
  tensors['body.1.weight'] = tensor([features], 0.5);
  for (let i = 0; i < convolutions; i++) {
    convolution(2 + 2 * i, features, features, 0.5);
    tensors[`body.${3 + 2 * i}.weight`] = tensor([features], 0.5);
  }
  convolution(2 + 2 * convolutions, 3 * scale * scale, features, 0.2);
  return weightsOf(tensors);
}

/** A model on the CPU, inline. */
export async function modelOf(weights: Weights, environment: Partial<RunEnvironment> = {}): Promise<{ model: Model; session: Session }> {
  const { architecture, params } = detectArchitecture(weights);
  const graph = new Graph('test');
  const encoded = graph.encode(architecture.build(graph, weights, params));
  const session = await createInlineRuntime().load(encoded, { device: 'cpu', threads: 2 });
  const model = createModel('test', architecture.describe(params), {
    devices: ['cpu'],
    withSession: (_device, use) => use(session),
    tileBudgetBytes: 2 ** 30,
    tilePx: 0,
    log: () => {},
    ...environment,
  });
  return { model, session };
}

/** An image computed from its coordinates. */
export async function paint(store: ImageStore, width: number, height: number, channels: 1 | 2 | 3 | 4, at: (x: number, y: number, channel: number) => number): Promise<Image> {
  const writer = await store.create({ width, height, channels, sampleType: 'f32' });
  const pixels = new Float32Array(width * height * channels);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++) for (let c = 0; c < channels; c++, i++) pixels[i] = at(x, y, c);
  await writer.append(pixels);
  return writer.finish();
}

/** Halftone dots on a gradient: what shows seams first. */
export function halftone(x: number, y: number, channel: number): number {
  const dot = Math.sin(x * 1.1 + y * 0.4) * Math.sin(y * 1.1 - x * 0.4);
  return Math.min(1, Math.max(0, 0.2 + 0.6 * (x / 300) + 0.15 * (y / 300) + 0.12 * dot + 0.02 * channel));
}

export async function pixelsOf(image: Image): Promise<Float32Array> {
  return image.read(fullRect(image));
}

export async function applyAll(model: Model, image: Image, store: ImageStore): Promise<Float32Array> {
  return pixelsOf(await model.apply(image, store, quietContext()));
}

export function maxDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs((a[i] as number) - (b[i] as number)));
  return worst;
}
