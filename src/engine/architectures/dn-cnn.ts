import type { Graph, Value } from '../graph/graph.ts';
import { conv2d, conv2dBatchNorm, relu } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop, receptiveFieldPx } from './geometry.ts';
import { expectConv, expectShape, hasRank, shapeOf } from './reading.ts';

export interface DnCnnParams {
  readonly channels: number;
  readonly features: number;
  /** Positions of the convolutions in the file's sequence and of the batch normalization after each, if any. */
  readonly layers: readonly { readonly conv: string; readonly norm?: string }[];
}

/**
 * DnCNN: a chain of 3×3 convolutions that estimates the noise, which is then subtracted.
 *
 * Keys: `model.N` in sequence, with or without batch normalization (numbered like the convolutions).
 */
export const dnCnn: Architecture<DnCnnParams> = {
  id: 'dn-cnn',
  name: 'DnCNN',
  source: { paper: 'https://arxiv.org/abs/1608.03981', code: 'https://github.com/cszn/KAIR', license: 'MIT' },
  detect,
  read,
  describe,
  build,
};

/** Numbers N of `model.N.…`, in order; undefined if the file has other tensors. */
function positions(weights: Weights): number[] | undefined {
  const found = new Set<number>();
  for (const name of weights.tensors.keys()) {
    const match = /^model\.(\d{1,3})\.(?:weight|bias|running_mean|running_var|num_batches_tracked)$/.exec(
      name,
    );
    if (match === null) return undefined;
    found.add(Number(match[1]));
  }
  return [...found].sort((a, b) => a - b);
}

function detect(weights: Weights): boolean {
  const found = positions(weights);
  const last = found?.at(-1);
  if (found === undefined || last === undefined || last < 4) return false;
  const ends = ['model.0.weight', 'model.2.weight', `model.${last}.weight`];
  if (!ends.every((name) => hasRank(weights, name, 4))) return false;
  const [features, channels] = shapeOf(weights, 'model.0.weight', 4);
  const [outputs] = shapeOf(weights, `model.${last}.weight`, 4);
  const [, inputs] = shapeOf(weights, 'model.2.weight', 4);
  return outputs === channels && inputs === features;
}

function read(weights: Weights): DnCnnParams {
  const [features, channels] = shapeOf(weights, 'model.0.weight', 4);
  const found = positions(weights) ?? [];
  const convolutions = found.filter((position) => hasRank(weights, `model.${position}.weight`, 4));
  const layers = convolutions.map((position, index) => {
    const conv = `model.${position}`;
    const isLast = index === convolutions.length - 1;
    expectConv(
      weights,
      conv,
      isLast ? channels : features,
      index === 0 ? channels : features,
      3,
      'maybe-bias',
    );
    const norm = `model.${position + 1}`;
    if (!weights.tensors.has(`${norm}.running_mean`)) return { conv };
    expectShape(weights, `${norm}.running_mean`, [features]);
    expectShape(weights, `${norm}.running_var`, [features]);
    return { conv, norm };
  });
  return { channels, features, layers };
}

function describe(params: DnCnnParams): ModelInfo {
  const { channels, features, layers } = params;
  const count = layers.length;
  return {
    role: 'clean',
    scale: 1,
    inputChannels: channels,
    outputChannels: channels,
    sizeMultiple: 1,
    padMode: 'reflect',
    receptiveFieldPx: receptiveFieldPx([[count, 1]]),
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: {
      features,
      convolutions: count,
      batchNorm: layers.some(({ norm }) => norm !== undefined),
    },
    flopPerPixel:
      convFlop(3, channels, features) +
      (count - 2) * convFlop(3, features, features) +
      convFlop(3, features, channels),
  };
}

function build(graph: Graph, weights: Weights, params: DnCnnParams): Readonly<Record<string, Value>> {
  const input = graph.input('input', ['n', params.channels, 'h', 'w']);
  let x = input;
  params.layers.forEach(({ conv, norm }, index) => {
    x =
      norm === undefined
        ? conv2d(graph, x, weights, conv, { pad: 1 })
        : conv2dBatchNorm(graph, x, weights, conv, norm, { pad: 1 });
    if (index < params.layers.length - 1) x = relu(graph, x);
  });
  return { output: graph.op('Sub', [input, x]) };
}
