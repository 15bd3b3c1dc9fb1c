import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Architecture, ModelInfo } from '../../../src/engine/architectures/architecture.ts';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { Graph } from '../../../src/engine/graph/graph.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';

const folder = fileURLToPath(new URL('../../fixtures/golden', import.meta.url));

export interface GoldenRun {
  readonly architecture: Architecture;
  readonly params: unknown;
  readonly info: ModelInfo;
  /** Outputs by name, as the network gave them. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Largest absolute difference to each stored tensor that is an output of the graph. */
  readonly errors: Readonly<Record<string, number>>;
  /** Of the output named 'output'. */
  readonly maxAbsError: number;
}

/** The weights of a golden fixture, whatever its container. */
export function openGolden(name: string): Weights {
  const suffix = ['pth', 'safetensors', 'pt'].find((candidate) =>
    existsSync(`${folder}/${name}.${candidate}`),
  );
  if (suffix === undefined) throw new Error(`There is no golden fixture ${name}: run training/golden.`);
  return openWeights(`${folder}/${name}.${suffix}`);
}

/** The stored input, output and further tensors of a golden fixture. */
export function readGoldenTensors(name: string): ReadonlyMap<string, Tensor> {
  const stored = openWeights(`${folder}/${name}.io.safetensors`);
  const tensors = new Map<string, Tensor>();
  for (const { name: key, shape } of stored.tensors.values()) {
    tensors.set(key, new Tensor('float32', stored.read(key).slice(), [...shape]));
  }
  stored.close();
  return tensors;
}

/** A session on the graph of these weights, two threads on the CPU. */
export async function createSession(weights: Weights, external = false): Promise<InferenceSession> {
  const { architecture, params } = detectArchitecture(weights);
  const graph = new Graph(architecture.id);
  const encoded = graph.encode(architecture.build(graph, weights, params), { external });
  return InferenceSession.create(encoded.bytes, {
    intraOpNumThreads: 2,
    externalData: [...encoded.external],
  });
}

/**
 * Loads a golden fixture as any model file, builds and runs its network, and compares with what PyTorch gave.
 *
 * Stored tensors named as inputs of the graph are fed, those named as its outputs compared.
 */
export async function runGolden(name: string): Promise<GoldenRun> {
  const weights = openGolden(name);
  const { architecture, params } = detectArchitecture(weights);
  const session = await createSession(weights);
  weights.close();
  const stored = readGoldenTensors(name);
  const feeds: Record<string, Tensor> = {};
  for (const key of session.inputNames) {
    const tensor = stored.get(key);
    if (tensor === undefined) throw new Error(`Golden fixture ${name} has no tensor for the input ${key}.`);
    feeds[key] = tensor;
  }
  const outputs = (await session.run(feeds)) as Record<string, Tensor>;
  await session.release();
  const errors: Record<string, number> = {};
  for (const [key, actual] of Object.entries(outputs)) {
    const expected = stored.get(key);
    if (expected !== undefined) errors[key] = maxAbsDifference(actual, expected);
  }
  const info = architecture.describe(params);
  return { architecture, params, info, outputs, errors, maxAbsError: errors.output ?? Infinity };
}

/** Largest absolute difference; Infinity where shapes differ or a number is not finite. */
export function maxAbsDifference(actual: Tensor, expected: Tensor): number {
  if (actual.dims.join() !== expected.dims.join()) return Infinity;
  const a = actual.data as Float32Array;
  const b = expected.data as Float32Array;
  let largest = 0;
  for (let index = 0; index < a.length; index++) {
    const difference = Math.abs((a[index] ?? NaN) - (b[index] ?? NaN));
    if (!(difference <= largest)) largest = Number.isFinite(difference) ? difference : Infinity;
  }
  return largest;
}
