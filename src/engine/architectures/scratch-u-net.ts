import type { Graph, Value } from '../graph/graph.ts';
import {
  add,
  bilinearResize,
  concat,
  conv2d,
  conv2dBatchNorm,
  convolve,
  leakyRelu,
  readTensor,
  reflectPad,
  replicatePad,
  sigmoid,
} from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { receptiveFieldPx } from './geometry.ts';
import { countFrom, expectConv, expectShape, has } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of the scratch detector. */
export interface ScratchUNetParams {
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly width: number;
  readonly depth: number;
  /** Side of the line filters; 0 in a network without them. */
  readonly lineSize: number;
  /** Convolutions with holes on the coarsest level; 0 in a network without them. */
  readonly farCount: number;
  readonly flopPerPixel: number;
}

/**
 * The scratch detector of "Bringing Old Photos Back to Life": a U-Net with antialiased halvings.
 *
 * 'input' (n, 1, h, w) is gray in [−1, 1], sides multiples of 2^depth; 'output' (n, 1, h, w) is the probability of a scratch in [0, 1]. The reference
 * marks a pixel at 0.4 and above, on the photo scaled to 256 pixels on its short side.
 *
 * Heirloom's own have two parts more (`training/scratch_network.py`): fixed filters for lines in all directions, whose rectified answers are
 * mixed and added to the first features, and on the coarsest level convolutions with holes (Yu and Koltun, Multi-Scale Context Aggregation by Dilated
 * Convolutions, ICLR 2016), the first of every second pixel, each further one twice as wide.
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
  const inputChannels = dimension(weights, 'first.1.weight', 4, 1);
  const lineCount = has(weights, 'lines.filt') ? dimension(weights, 'lines.filt', 4, 0) : 0;
  const lineSize = lineCount === 0 ? 0 : dimension(weights, 'lines.filt', 4, 3);
  if (lineCount > 0) {
    // An even side has no middle.
    expectShape(weights, 'lines.filt', [lineCount, inputChannels, lineSize | 1, lineSize | 1]);
    expectConv(weights, 'lines.mix', width, lineCount, 3);
  }
  const stored = countFrom(weights, (index) => `context.far.${index}.weight`);
  const farCount = has(weights, 'context.enter.weight') ? Math.max(1, stored) : stored;
  if (farCount > 0) {
    const [inner, outer] = [dimension(weights, 'context.enter.weight', 4, 0), width << depth];
    expectConv(weights, 'context.enter', inner, outer, 1);
    for (let index = 0; index < farCount; index++)
      expectConv(weights, `context.far.${index}`, inner, inner, 3);
    expectConv(weights, 'context.leave', outer, inner, 1);
  }
  return {
    inputChannels,
    outputChannels: dimension(weights, 'last.1.weight', 4, 0),
    width,
    depth,
    lineSize,
    farCount,
    flopPerPixel: weightFlop(weights, (name) => areaOf(name, depth)),
  };
}

/** Output positions per input pixel at which a weight is applied. */
function areaOf(name: string, depth: number): number {
  if (name.startsWith('lines')) return 1;
  if (name.startsWith('context')) return 1 / 4 ** depth;
  const level = Number(/\.(\d+)\./.exec(name)?.[1] ?? 0);
  if (name.startsWith('down_path') || name.endsWith('filt')) return 1 / 4 ** (level + 1);
  if (name.startsWith('down_sample')) return 1 / 4 ** level;
  return name.startsWith('up_path') ? 1 / 4 ** (depth - 1 - level) : 1;
}

function describe(params: ScratchUNetParams): ModelInfo {
  const { width, depth, lineSize, farCount } = params;
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
  const far = Array.from({ length: farCount }, (_, index) => [holes(index), 0.5 ** depth] as const);
  // The first and last convolution; the filters for lines stand beside the first.
  const ends = [Math.max(3, (lineSize - 1) / 2 + 1) + 1, 1] as const;
  return {
    role: 'scratch-detect',
    scale: 1,
    inputChannels: params.inputChannels,
    outputChannels: params.outputChannels,
    sizeMultiple: 2 ** depth,
    padMode: 'reflect',
    receptiveFieldPx: receptiveFieldPx([ends, ...reaches, ...far]),
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
  if (params.lineSize > 0) x = add(graph, x, lines(graph, weights, input, params.lineSize));
  const skips: Value[] = [];
  for (let level = 0; level < params.depth; level++) {
    skips.push(x);
    x = half(graph, weights, x, `down_sample.${level}`, params.width << level);
    x = block(graph, weights, x, `down_path.${level}`);
  }
  if (params.farCount > 0) x = context(graph, weights, x, params.farCount);
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

/** What is made of the answers of filters for lines. */
function lines(graph: Graph, weights: Weights, input: Value, size: number): Value {
  const filters = readTensor(weights, 'lines.filt');
  const around = replicatePad(graph, input, (size - 1) / 2);
  const answers = leakyRelu(graph, convolve(graph, around, filters, undefined, {}, 'lines.filt'));
  return conv2d(graph, answers, weights, 'lines.mix', { pad: 1 });
}

/** Spacing of the pixels that the convolution with holes of this index sees. */
function holes(index: number): number {
  return 2 << index;
}

/** Adds what is seen far around. */
function context(graph: Graph, weights: Weights, x: Value, count: number): Value {
  let y = leakyRelu(graph, conv2d(graph, x, weights, 'context.enter'));
  for (let index = 0; index < count; index++) {
    const spacing = holes(index);
    const far = conv2d(graph, y, weights, `context.far.${index}`, { pad: spacing, dilation: spacing });
    y = add(graph, y, leakyRelu(graph, far));
  }
  return add(graph, x, conv2d(graph, y, weights, 'context.leave'));
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
