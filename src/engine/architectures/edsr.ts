import type { Graph, Value } from '../graph/graph.ts';
import {
  add,
  conv2d,
  convolve,
  depthwiseAffine,
  findTensor,
  pixelShuffle,
  readTensor,
  relu,
  scaled,
} from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop, receptiveFieldPx } from './geometry.ts';
import { countFrom, expectConv, has, misfit, shapeOf, squareRoot } from './reading.ts';

export interface EdsrParams {
  readonly layout: 'basic' | 'original';
  readonly features: number;
  readonly blocks: number;
  readonly shuffles: readonly number[];
  readonly scale: number;
  /** Not stored: 0.1 for the large network of 256 features, else 1. */
  readonly residualScale: number;
}

const layouts = {
  basic: {
    first: 'conv_first',
    block: (index: number, conv: number) => `body.${index}.conv${conv}`,
    after: () => 'conv_after_body',
    up: (index: number) => `upsample.${2 * index}`,
    last: 'conv_last',
  },
  original: {
    first: 'head.0',
    block: (index: number, conv: number) => `body.${index}.body.${2 * conv - 2}`,
    after: (blocks: number) => `body.${blocks}`,
    up: (index: number) => `tail.0.${2 * index}`,
    last: 'tail.1',
  },
} as const;

/** Mean color of DIV2K, subtracted before and added after; it is not stored in the weights (or only as fixed 1×1 convolutions). */
const meanRgb = [0.4488, 0.4371, 0.404];
/** The network itself works on values up to 255. */
const internalRange = 255;

/** EDSR, medium and large, in the key names of BasicSR and of the original code. */
export const edsr: Architecture<EdsrParams> = {
  id: 'edsr',
  name: 'EDSR',
  source: {
    paper: 'https://arxiv.org/abs/1707.02921',
    code: 'https://github.com/sanghyun-son/EDSR-PyTorch',
    license: 'MIT',
  },
  detect: (weights) => layoutOf(weights) !== undefined,
  read,
  describe,
  build,
};

function layoutOf(weights: Weights): EdsrParams['layout'] | undefined {
  if (has(weights, 'conv_first.weight', 'body.0.conv1.weight', 'conv_after_body.weight', 'upsample.0.weight'))
    return 'basic';
  if (
    has(
      weights,
      'head.0.weight',
      'body.0.body.0.weight',
      'body.0.body.2.weight',
      'tail.0.0.weight',
      'tail.1.weight',
    )
  ) {
    return has(weights, 'body.0.body.3.conv_du.0.weight') ? undefined : 'original';
  }
  return undefined;
}

function read(weights: Weights): EdsrParams {
  const layout = layoutOf(weights) ?? 'basic';
  const keys = layouts[layout];
  const [features] = shapeOf(weights, `${keys.first}.weight`, 4);
  expectConv(weights, keys.first, features, 3, 3);
  const blocks = countFrom(weights, (index) => `${keys.block(index, 1)}.weight`);
  for (let index = 0; index < blocks; index++) {
    expectConv(weights, keys.block(index, 1), features, features, 3);
    expectConv(weights, keys.block(index, 2), features, features, 3);
  }
  expectConv(weights, keys.after(blocks), features, features, 3);
  const shuffles = Array.from(
    { length: countFrom(weights, (index) => `${keys.up(index)}.weight`) },
    (_, index) => {
      const key = keys.up(index);
      const shape = shapeOf(weights, `${key}.weight`, 4);
      const factor = squareRoot(shape[0] / features);
      if (factor === undefined) throw misfit(weights, `${key}.weight`, shape, 'features × factor² outputs');
      expectConv(weights, key, features * factor * factor, features, 3);
      return factor;
    },
  );
  expectConv(weights, keys.last, 3, features, 3);
  const scale = shuffles.reduce((product, factor) => product * factor, 1);
  return { layout, features, blocks, shuffles, scale, residualScale: features >= 256 ? 0.1 : 1 };
}

function describe(params: EdsrParams): ModelInfo {
  const { features, blocks, shuffles, scale, residualScale, layout } = params;
  let flop = convFlop(3, 3, features) + (2 * blocks + 1) * convFlop(3, features, features);
  const reaches: [number, number][] = [[2 + 2 * blocks, 1]];
  let resolution = 1;
  for (const factor of shuffles) {
    flop += convFlop(3, features, features * factor * factor, resolution * resolution);
    reaches.push([1, resolution]);
    resolution *= factor;
  }
  reaches.push([1, scale]);
  return {
    role: 'enlarge',
    scale,
    inputChannels: 3,
    outputChannels: 3,
    sizeMultiple: 1,
    padMode: 'reflect',
    receptiveFieldPx: receptiveFieldPx(reaches),
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { features, blocks, scale, residualScale, layout },
    flopPerPixel: flop + convFlop(3, features, 3, scale * scale),
  };
}

function build(graph: Graph, weights: Weights, params: EdsrParams): Readonly<Record<string, Value>> {
  const keys = layouts[params.layout];
  const input = graph.input('input', ['n', 3, 'h', 'w']);
  const factors = new Float32Array(3).fill(internalRange);
  const offsets = Float32Array.from(meanRgb, (mean) => -mean * internalRange);
  const centered = depthwiseAffine(graph, input, factors, offsets, 'mean');
  const first = conv2d(graph, centered, weights, keys.first, { pad: 1 });
  let x = first;
  for (let index = 0; index < params.blocks; index++) {
    const inner = relu(graph, conv2d(graph, x, weights, keys.block(index, 1), { pad: 1 }));
    const residual = conv2d(graph, inner, weights, keys.block(index, 2), {
      pad: 1,
      scale: params.residualScale,
    });
    x = add(graph, residual, x);
  }
  x = add(graph, conv2d(graph, x, weights, keys.after(params.blocks), { pad: 1 }), first);
  params.shuffles.forEach((factor, index) => {
    x = pixelShuffle(graph, conv2d(graph, x, weights, keys.up(index), { pad: 1 }), factor);
  });
  return { output: lastConvolution(graph, x, weights, keys.last) };
}

/** The last convolution, back to [0, 1]: range and mean folded into weights and bias. */
function lastConvolution(graph: Graph, x: Value, weights: Weights, key: string): Value {
  const weight = scaled(readTensor(weights, `${key}.weight`), 1 / internalRange);
  const stored = findTensor(weights, `${key}.bias`)?.data;
  const bias = Float32Array.from(meanRgb, (mean, channel) => (stored?.[channel] ?? 0) / internalRange + mean);
  return convolve(graph, x, weight, { data: bias, shape: [3] }, { pad: 1 }, key);
}
