import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { detectArchitecture } from '../../src/engine/architectures/registry.ts';
import { Graph } from '../../src/engine/graph/graph.ts';
import type { Runtime } from '../../src/engine/models/runtime.ts';
import { resizePixels } from '../../src/engine/metrics/bicubic.ts';
import type { Pixels } from '../../src/engine/metrics/pixels.ts';
import { blendWeights } from '../../src/engine/weights/blend.ts';
import { openWeights } from '../../src/engine/weights/open-weights.ts';
import type { Weights } from '../../src/engine/weights/weights.ts';
import type { Restore } from './evaluate.ts';

/** A way to restore, with its name in tables. */
export interface Contestant {
  readonly name: string;
  /** What it was made of: another when its weights change. */
  readonly origin: string;
  readonly restore: Restore;
  close(): Promise<void>;
}

export function resampler(name: string, kernel: 'lanczos3' | 'bicubic', scale: number): Contestant {
  return { name, origin: kernel, restore: async (small) => resizePixels(small, small.width * scale, small.height * scale, kernel), close: async () => {} };
}

/** A network that takes the whole picture at once, RGB. */
export async function networkContestant(name: string, weights: Weights, runtime: Runtime, threads: number): Promise<Contestant> {
  const { architecture, params } = detectArchitecture(weights);
  const { scale } = architecture.describe(params);
  const graph = new Graph(name);
  const session = await runtime.load(graph.encode(architecture.build(graph, weights, params)), { device: 'cpu', threads });
  const restore = async (small: Pixels): Promise<Pixels> => {
    const [width, height] = [small.width * scale, small.height * scale];
    const { output } = await session.run({ input: { data: toPlanes(small), dims: [1, 3, small.height, small.width] } });
    return { width, height, channels: 3, data: fromPlanes(output!.data as Float32Array, width * height) };
  };
  return { name, origin: digestOf(weights), restore, close: () => session.release() };
}

/** SHA-256 of all tensors with their names. */
function digestOf(weights: Weights): string {
  const hash = createHash('sha256');
  for (const name of weights.tensors.keys()) hash.update(name).update(weights.read(name));
  return hash.digest('hex');
}

function toPlanes({ data, channels }: Pixels): Float32Array {
  const count = data.length / channels;
  const planes = new Float32Array(3 * count);
  for (let c = 0; c < 3; c++) for (let i = 0; i < count; i++) planes[c * count + i] = data[i * channels + (channels === 1 ? 0 : c)]!;
  return planes;
}

function fromPlanes(planes: Float32Array, count: number): Float32Array {
  const data = new Float32Array(3 * count);
  for (let c = 0; c < 3; c++) for (let i = 0; i < count; i++) data[3 * i + c] = planes[c * count + i]!;
  return data;
}

/** The networks between two files of one pair at each α; only α = 0 when the second file is missing, none without the first. */
export async function pairContestants(label: string, files: readonly [string, string], alphas: readonly number[], runtime: Runtime, threads: number): Promise<Contestant[]> {
  if (!existsSync(files[0])) return [];
  const first = openWeights(files[0]);
  const second = existsSync(files[1]) ? openWeights(files[1]) : undefined;
  const usable = second === undefined ? [0] : alphas;
  return Promise.all(
    usable.map((alpha) => {
      const weights = alpha === 0 || second === undefined ? first : alpha === 1 ? second : blendWeights(first, second, alpha);
      return networkContestant(`${label}, α ${alpha}`, weights, runtime, threads);
    }),
  );
}
