import type { Graph, Tensor, Value } from '../graph/graph.ts';
import {
  add,
  conv2d,
  conv2dParts,
  convolve,
  findTensor,
  globalAveragePool,
  layerNorm,
  mul,
  pixelShuffle,
  readTensor,
  transpose,
} from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop } from './geometry.ts';
import { countFrom, expectConv, expectShape, has, shapeOf } from './reading.ts';

export interface NafNetParams {
  readonly channels: number;
  readonly width: number;
  readonly encoderBlocks: readonly number[];
  readonly middleBlocks: number;
  /** From the coarsest to full resolution. */
  readonly decoderBlocks: readonly number[];
}

/**
 * NAFNet: a U-Net without activations; every block gates its channels by products and by the picture's mean.
 *
 * The mean is taken over all that the network sees. The authors test their deblurring weights with a local mean over 384 pixels instead (TLC),
 * because those were trained on crops of 256; Heirloom runs the network in tiles of about that size, for which both are the same.
 */
export const nafNet: Architecture<NafNetParams> = {
  id: 'naf-net',
  name: 'NAFNet',
  source: {
    paper: 'https://arxiv.org/abs/2204.04676',
    code: 'https://github.com/megvii-research/NAFNet',
    license: 'MIT',
  },
  detect: (weights) =>
    has(weights, 'intro.weight', 'ending.weight', 'ups.0.0.weight', 'downs.0.weight', 'middle_blks.0.beta'),
  read,
  describe,
  build,
};

function read(weights: Weights): NafNetParams {
  const [width, channels] = shapeOf(weights, 'intro.weight', 4);
  expectConv(weights, 'intro', width, channels, 3, 'maybe-bias');
  expectConv(weights, 'ending', channels, width, 3, 'maybe-bias');
  const levels = countFrom(weights, (level) => `downs.${level}.weight`);
  const blocksOf = (stem: string, features: number): number => {
    const count = countFrom(weights, (index) => `${stem}.${index}.beta`);
    for (let index = 0; index < count; index++) checkBlock(weights, `${stem}.${index}`, features);
    return count;
  };
  const encoderBlocks: number[] = [];
  const decoderBlocks: number[] = [];
  for (let level = 0; level < levels; level++) {
    const features = width * 2 ** level;
    encoderBlocks.push(blocksOf(`encoders.${level}`, features));
    expectConv(weights, `downs.${level}`, 2 * features, features, 2, 'maybe-bias');
    const up = width * 2 ** (levels - level);
    expectShape(weights, `ups.${level}.0.weight`, [2 * up, up, 1, 1]);
    decoderBlocks.push(blocksOf(`decoders.${level}`, up / 2));
  }
  const middleBlocks = blocksOf('middle_blks', width * 2 ** levels);
  return { channels, width, encoderBlocks, middleBlocks, decoderBlocks };
}

function checkBlock(weights: Weights, key: string, features: number): void {
  expectConv(weights, `${key}.conv1`, 2 * features, features, 1);
  expectConv(weights, `${key}.conv2`, 2 * features, 1, 3, 'maybe-bias');
  expectConv(weights, `${key}.conv3`, features, features, 1);
  expectConv(weights, `${key}.sca.1`, features, features, 1);
  expectConv(weights, `${key}.conv4`, 2 * features, features, 1);
  expectConv(weights, `${key}.conv5`, features, features, 1);
  for (const name of ['norm1.weight', 'norm1.bias', 'norm2.weight', 'norm2.bias'])
    expectShape(weights, `${key}.${name}`, [features]);
  for (const name of ['beta', 'gamma']) expectShape(weights, `${key}.${name}`, [1, features, 1, 1]);
}

function describe(params: NafNetParams): ModelInfo {
  const { channels, width, encoderBlocks, middleBlocks, decoderBlocks } = params;
  const levels = encoderBlocks.length;
  const block = (level: number): number => {
    const features = width * 2 ** level;
    return (2 * (6 * features * features + 18 * features)) / 4 ** level;
  };
  let flop = 2 * convFlop(3, channels, width) + middleBlocks * block(levels);
  encoderBlocks.forEach((count, level) => {
    const features = width * 2 ** level;
    flop +=
      count * block(level) +
      (convFlop(2, features, 2 * features) + convFlop(1, 2 * features, 4 * features)) / 4 ** (level + 1);
  });
  decoderBlocks.forEach((count, index) => {
    flop += count * block(levels - 1 - index);
  });
  return {
    role: 'clean',
    scale: 1,
    inputChannels: channels,
    outputChannels: channels,
    sizeMultiple: 2 ** levels,
    padMode: 'zero',
    receptiveFieldPx: Infinity,
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: {
      width,
      encoderBlocks: encoderBlocks.join('-'),
      middleBlocks,
      decoderBlocks: decoderBlocks.join('-'),
    },
    flopPerPixel: flop,
  };
}

function build(graph: Graph, weights: Weights, params: NafNetParams): Readonly<Record<string, Value>> {
  const { channels, width, encoderBlocks, middleBlocks, decoderBlocks } = params;
  const input = graph.input('input', ['n', channels, 'h', 'w']);
  let x = conv2d(graph, input, weights, 'intro', { pad: 1 });
  const blocks = (stem: string, count: number, features: number): void => {
    for (let index = 0; index < count; index++) x = nafBlock(graph, x, weights, `${stem}.${index}`, features);
  };
  const skips: Value[] = [];
  encoderBlocks.forEach((count, level) => {
    blocks(`encoders.${level}`, count, width * 2 ** level);
    skips.push(x);
    x = conv2d(graph, x, weights, `downs.${level}`, { stride: 2 });
  });
  blocks('middle_blks', middleBlocks, width * 2 ** encoderBlocks.length);
  decoderBlocks.forEach((count, index) => {
    const level = encoderBlocks.length - 1 - index;
    x = pixelShuffle(graph, conv2d(graph, x, weights, `ups.${index}.0`), 2);
    x = add(graph, x, skips[level] ?? x);
    blocks(`decoders.${index}`, count, width * 2 ** level);
  });
  return { output: add(graph, conv2d(graph, x, weights, 'ending', { pad: 1 }), input) };
}

function nafBlock(graph: Graph, x: Value, weights: Weights, key: string, features: number): Value {
  const normal = channelNorm(graph, x, weights, `${key}.norm1`);
  const wide = conv2dParts(graph, [normal, normal], weights, `${key}.conv1`);
  let y = product(graph, conv2dParts(graph, wide, weights, `${key}.conv2`, { pad: 1, group: features }));
  y = mul(graph, y, conv2d(graph, globalAveragePool(graph, y), weights, `${key}.sca.1`));
  y = add(graph, gainedConvolution(graph, y, weights, `${key}.conv3`, `${key}.beta`), x);
  const second = channelNorm(graph, y, weights, `${key}.norm2`);
  const gated = product(graph, conv2dParts(graph, [second, second], weights, `${key}.conv4`));
  return add(graph, gainedConvolution(graph, gated, weights, `${key}.conv5`, `${key}.gamma`), y);
}

/** Layer normalization over the channels of each pixel. */
function channelNorm(graph: Graph, x: Value, weights: Weights, key: string): Value {
  const normal = layerNorm(graph, transpose(graph, x, [0, 2, 3, 1]), weights, key, 1e-6);
  return transpose(graph, normal, [0, 3, 1, 2]);
}

/** The gate: one half of the channels times the other. */
function product(graph: Graph, halves: readonly Value[]): Value {
  return halves.reduce((left, right) => mul(graph, left, right));
}

/** A convolution whose outputs are multiplied by a stored gain, folded into weights and bias. */
function gainedConvolution(graph: Graph, x: Value, weights: Weights, key: string, gainKey: string): Value {
  const gain = readTensor(weights, gainKey).data;
  const gained = (tensor: Tensor): Tensor => {
    const perOutput = tensor.data.length / gain.length;
    return {
      data: tensor.data.map((value, index) => value * (gain[Math.floor(index / perOutput)] ?? 1)),
      shape: tensor.shape,
    };
  };
  const bias = findTensor(weights, `${key}.bias`);
  return convolve(graph, x, gained(readTensor(weights, `${key}.weight`)), bias && gained(bias), {}, key);
}
