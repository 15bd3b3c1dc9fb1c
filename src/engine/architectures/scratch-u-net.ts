import type { Graph, Value } from '../graph/graph.ts';
import {
  bilinearResize,
  concat,
  conv2d,
  conv2dBatchNorm,
  convolve,
  leakyRelu,
  readTensor,
  reflectPad,
  sigmoid,
} from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { receptiveFieldPx } from './geometry.ts';
import { countFrom, expectShape, has } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of the scratch detector. */
export interface ScratchUNetParams {
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly width: number;
  readonly depth: number;
  readonly flopPerPixel: number;
}

/**
 * The scratch detector of "Bringing Old Photos Back to Life": a U-Net with antialiased halvings.
 *
 * 'input' (n, 1, h, w) is gray in [−1, 1], sides multiples of 2^depth; 'output' (n, 1, h, w) is the probability of a scratch in [0, 1]. The reference
 * marks a pixel at 0.4 and above, on the photo scaled to 256 pixels on its short side.
 */
export const scratchUNet: Architecture<ScratchUNetParams> = {
  id: 'scratch-u-net',
  name: 'Scratch U-Net',
  source: {
    paper: 'Wan et al., Bringing Old Photos Back to Life, CVPR 2020',
    code: 'https://github.com/microsoft/Bringing-Old-Photos-Back-to-Life',
    license: 'MIT',
  },
  detect: (weights) =>
    has(weights, 'first.1.weight', 'down_sample.0.4.filt', 'up_path.0.up.2.weight', 'last.1.weight'),
  read,
  describe,
  build,
};

function read(weights: Weights): ScratchUNetParams {
  const depth = countFrom(weights, (index) => `down_sample.${index}.4.filt`);
  const width = dimension(weights, 'first.1.weight', 4, 0);
  for (let level = 0; level < depth; level++) {
    const narrow = width << level;
    expectShape(weights, `down_sample.${level}.4.filt`, [narrow, 1, 3, 3]);
    expectShape(weights, `down_path.${level}.block.5.weight`, [2 * narrow, 2 * narrow, 3, 3]);
    expectShape(weights, `up_path.${depth - 1 - level}.conv_block.block.1.weight`, [
      narrow,
      2 * narrow,
      3,
      3,
    ]);
  }
  return {
    inputChannels: dimension(weights, 'first.1.weight', 4, 1),
    outputChannels: dimension(weights, 'last.1.weight', 4, 0),
    width,
    depth,
    flopPerPixel: weightFlop(weights, (name) => areaOf(name, depth)),
  };
}

/** Output positions per input pixel at which a weight is applied. */
function areaOf(name: string, depth: number): number {
  const level = Number(/\.(\d+)\./.exec(name)?.[1] ?? 0);
  if (name.startsWith('down_path') || name.endsWith('filt')) return 1 / 4 ** (level + 1);
  if (name.startsWith('down_sample')) return 1 / 4 ** level;
  return name.startsWith('up_path') ? 1 / 4 ** (depth - 1 - level) : 1;
}

function describe(params: ScratchUNetParams): ModelInfo {
  const { width, depth } = params;
  const levels = Array.from({ length: depth }, (_, level) => 0.5 ** level);
  // Per level: one convolution, the blur, two convolutions below; on the way up bilinear, one and two convolutions.
  const reaches = levels.flatMap(
    (resolution) =>
      [
        [2, resolution],
        [2, resolution / 2],
        [1, resolution / 2],
        [3, resolution],
      ] as const,
  );
  return {
    role: 'scratch-detect',
    scale: 1,
    inputChannels: params.inputChannels,
    outputChannels: params.outputChannels,
    sizeMultiple: 2 ** depth,
    padMode: 'reflect',
    receptiveFieldPx: receptiveFieldPx([[4, 1], ...reaches]),
    tileable: true,
    inputRange: [-1, 1],
    outputRange: [0, 1],
    hyperparameters: { width, depth },
    flopPerPixel: params.flopPerPixel,
  };
}

function build(graph: Graph, weights: Weights, params: ScratchUNetParams): Readonly<Record<string, Value>> {
  const input = graph.input('input', ['n', params.inputChannels, 'h', 'w']);
  const kernel = dimension(weights, 'first.1.weight', 4, 3);
  let x = leakyRelu(graph, conv2d(graph, reflectPad(graph, input, (kernel - 1) / 2), weights, 'first.1'));
  const skips: Value[] = [];
  for (let level = 0; level < params.depth; level++) {
    skips.push(x);
    x = half(graph, weights, x, `down_sample.${level}`, params.width << level);
    x = block(graph, weights, x, `down_path.${level}`);
  }
  for (let level = 0; level < params.depth; level++) {
    const up = conv2d(
      graph,
      reflectPad(graph, bilinearResize(graph, x, 2), 1),
      weights,
      `up_path.${level}.up.2`,
    );
    const skip = skips.pop() ?? up;
    x = block(graph, weights, concat(graph, [up, skip]), `up_path.${level}.conv_block`);
  }
  return { output: sigmoid(graph, conv2d(graph, reflectPad(graph, x, 1), weights, 'last.1')) };
}

/** Convolution, then every second pixel of its blurred result. */
function half(graph: Graph, weights: Weights, x: Value, key: string, channels: number): Value {
  const y = leakyRelu(
    graph,
    conv2dBatchNorm(graph, reflectPad(graph, x, 1), weights, `${key}.1`, `${key}.2`),
  );
  const filter = readTensor(weights, `${key}.4.filt`);
  return convolve(
    graph,
    reflectPad(graph, y, 1),
    filter,
    undefined,
    { stride: 2, group: channels },
    `${key}.4.filt`,
  );
}

/** Two normalized convolutions. */
function block(graph: Graph, weights: Weights, x: Value, key: string): Value {
  const first = conv2dBatchNorm(graph, reflectPad(graph, x, 1), weights, `${key}.block.1`, `${key}.block.2`);
  const inner = reflectPad(graph, leakyRelu(graph, first), 1);
  return leakyRelu(graph, conv2dBatchNorm(graph, inner, weights, `${key}.block.5`, `${key}.block.6`));
}
