import type { Graph, Tensor, Value } from '../graph/graph.ts';
import {
  add,
  concat,
  conv2d,
  convolve,
  depthwiseScale,
  findTensor,
  leakyRelu,
  nearestUp,
  readTensor,
} from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop, receptiveFieldPx } from './geometry.ts';
import { countFrom, expectConv, has, misfit, shapeOf, squareRoot } from './reading.ts';

export interface RrdbNetParams {
  /** Which of the three key layouts the file uses. */
  readonly layout: 'new' | 'middle' | 'old';
  readonly features: number;
  readonly growth: number;
  readonly blocks: number;
  /** Of the image, not of the first convolution. */
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** The image is pixel-unshuffled by this before the first convolution. */
  readonly unshuffle: number;
  /** Enlargements by two after the trunk. */
  readonly doublings: number;
  readonly scale: number;
  /** ESRGAN+: one more 1×1 convolution and skip in every dense block. */
  readonly plus: boolean;
}

/** Names of the convolutions in one of the layouts. */
interface Keys {
  readonly first: string;
  readonly dense: (block: number, dense: number, conv: number) => string;
  readonly pointwise: (block: number, dense: number) => string;
  readonly trunk: (blocks: number) => string;
  readonly up: (index: number) => string;
  readonly high: (doublings: number) => string;
  readonly last: (doublings: number) => string;
}

/** Current files, the files of the first release's successor, and those of 2018 that most community models keep to. */
const layouts: Readonly<Record<RrdbNetParams['layout'], Keys>> = {
  new: {
    first: 'conv_first',
    dense: (block, dense, conv) => `body.${block}.rdb${dense}.conv${conv}`,
    pointwise: (block, dense) => `body.${block}.rdb${dense}.conv1x1`,
    trunk: () => 'conv_body',
    up: (index) => `conv_up${index}`,
    high: () => 'conv_hr',
    last: () => 'conv_last',
  },
  middle: {
    first: 'conv_first',
    dense: (block, dense, conv) => `RRDB_trunk.${block}.RDB${dense}.conv${conv}`,
    pointwise: (block, dense) => `RRDB_trunk.${block}.RDB${dense}.conv1x1`,
    trunk: () => 'trunk_conv',
    up: (index) => `upconv${index}`,
    high: () => 'HRconv',
    last: () => 'conv_last',
  },
  old: {
    first: 'model.0',
    dense: (block, dense, conv) => `model.1.sub.${block}.RDB${dense}.conv${conv}.0`,
    pointwise: (block, dense) => `model.1.sub.${block}.RDB${dense}.conv1x1`,
    trunk: (blocks) => `model.1.sub.${blocks}`,
    up: (index) => `model.${3 * index}`,
    high: (doublings) => `model.${3 * doublings + 2}`,
    last: (doublings) => `model.${3 * doublings + 4}`,
  },
};

/** The generator of ESRGAN, Real-ESRGAN, BSRGAN and most community upscalers, ESRGAN+ included. */
export const rrdbNet: Architecture<RrdbNetParams> = {
  id: 'rrdb-net',
  name: 'RRDBNet (ESRGAN)',
  source: {
    paper: 'https://arxiv.org/abs/1809.00219',
    code: 'https://github.com/xinntao/ESRGAN',
    license: 'Apache-2.0',
  },
  detect: (weights) => layoutOf(weights) !== undefined,
  read,
  describe,
  build,
};

function layoutOf(weights: Weights): RrdbNetParams['layout'] | undefined {
  const names = Object.keys(layouts) as RrdbNetParams['layout'][];
  return names.find((name) => {
    const keys = layouts[name];
    return has(
      weights,
      `${keys.first}.weight`,
      `${keys.dense(0, 1, 1)}.weight`,
      `${keys.dense(0, 3, 5)}.weight`,
    );
  });
}

function read(weights: Weights): RrdbNetParams {
  const layout = layoutOf(weights) ?? 'new';
  const keys = layouts[layout];
  const [features, firstChannels] = shapeOf(weights, `${keys.first}.weight`, 4);
  const [growth] = shapeOf(weights, `${keys.dense(0, 1, 1)}.weight`, 4);
  const blocks = countFrom(weights, (block) => `${keys.dense(block, 1, 1)}.weight`);
  const plus = has(weights, `${keys.pointwise(0, 1)}.weight`);
  const doublings = countFrom(weights, (index) => `${keys.up(index)}.weight`, 1);
  const [outputChannels] = shapeOf(weights, `${keys.last(doublings)}.weight`, 4);

  const dense = Array.from({ length: 5 }, (_, index) => index + 1);
  for (let block = 0; block < blocks; block++) {
    for (const rdb of [1, 2, 3]) {
      for (const conv of dense) {
        expectConv(
          weights,
          keys.dense(block, rdb, conv),
          conv === 5 ? features : growth,
          features + (conv - 1) * growth,
          3,
        );
      }
      if (plus) expectConv(weights, keys.pointwise(block, rdb), growth, features, 1, 'maybe-bias');
    }
  }
  const square: string[] = [keys.trunk(blocks), keys.high(doublings)];
  for (let index = 1; index <= doublings; index++) square.push(keys.up(index));
  for (const key of square) expectConv(weights, key, features, features, 3);
  expectConv(weights, keys.first, features, firstChannels, 3);
  expectConv(weights, keys.last(doublings), outputChannels, features, 3);

  const unshuffle = unshuffleFactor(firstChannels, outputChannels);
  const scale = 2 ** doublings / unshuffle;
  if (scale > 16) {
    throw misfit(
      weights,
      `${keys.up(doublings)}.weight`,
      [features, features, 3, 3],
      'at most four doublings of the size',
    );
  }
  if (scale < 1) {
    const shape = [features, firstChannels, 3, 3];
    throw misfit(
      weights,
      `${keys.first}.weight`,
      shape,
      'as many channels as the image (the network would shrink it)',
    );
  }
  const inputChannels = firstChannels / (unshuffle * unshuffle);
  return {
    layout,
    features,
    growth,
    blocks,
    inputChannels,
    outputChannels,
    unshuffle,
    doublings,
    scale,
    plus,
  };
}

/** 2 or 4 if the first convolution takes 4 or 16 times the image's channels, else 1. */
function unshuffleFactor(firstChannels: number, outputChannels: number): number {
  const factor = squareRoot(firstChannels / outputChannels);
  return factor === 2 || factor === 4 ? factor : 1;
}

function describe(params: RrdbNetParams): ModelInfo {
  const { features, growth, blocks, inputChannels, outputChannels, unshuffle, doublings, scale, plus } =
    params;
  const dense = [1, 2, 3, 4, 5].reduce(
    (sum, conv) => sum + convFlop(3, features + (conv - 1) * growth, conv === 5 ? features : growth),
    plus ? convFlop(1, features, growth) : 0,
  );
  const trunkArea = 1 / (unshuffle * unshuffle);
  let flop =
    convFlop(3, inputChannels / trunkArea, features) + blocks * 3 * dense + convFlop(3, features, features);
  const reaches: [number, number][] = [[2 + blocks * 15, 1 / unshuffle]];
  for (let index = 1; index <= doublings; index++) {
    flop += convFlop(3, features, features, 4 ** index);
    reaches.push([1, 2 ** index / unshuffle]);
  }
  flop +=
    convFlop(3, features, features, 4 ** doublings) + convFlop(3, features, outputChannels, 4 ** doublings);
  reaches.push([2, scale]);
  return {
    role: scale === 1 ? 'clean' : 'enlarge',
    scale,
    inputChannels,
    outputChannels,
    sizeMultiple: unshuffle,
    padMode: 'reflect',
    // A pixel reaches one further where it shares its unshuffled cell with others.
    receptiveFieldPx: receptiveFieldPx(reaches) + unshuffle - 1,
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { features, blocks, growth, scale, unshuffle, plus, layout: params.layout },
    flopPerPixel: flop * trunkArea,
  };
}

function build(graph: Graph, weights: Weights, params: RrdbNetParams): Readonly<Record<string, Value>> {
  const { features, blocks, inputChannels, unshuffle, doublings } = params;
  const keys = layouts[params.layout];
  const input = graph.input('input', ['n', inputChannels, 'h', 'w']);
  const first = firstConvolution(graph, input, weights, keys.first, unshuffle);
  let x = first;
  for (let block = 0; block < blocks; block++) {
    let y = x;
    for (const dense of [1, 2, 3]) y = denseBlock(graph, y, weights, keys, block, dense, params.plus);
    x = add(graph, depthwiseScale(graph, y, features, 0.2), x);
  }
  x = add(graph, conv2d(graph, x, weights, keys.trunk(blocks), { pad: 1 }), first);
  for (let index = 1; index <= doublings; index++) {
    x = leakyRelu(graph, conv2d(graph, nearestUp(graph, x, 2), weights, keys.up(index), { pad: 1 }), 0.2);
  }
  x = leakyRelu(graph, conv2d(graph, x, weights, keys.high(doublings), { pad: 1 }), 0.2);
  return { output: conv2d(graph, x, weights, keys.last(doublings), { pad: 1 }) };
}

/** Five densely connected convolutions; the residual scale of 0.2 is folded into the fifth. */
function denseBlock(
  graph: Graph,
  x: Value,
  weights: Weights,
  keys: Keys,
  block: number,
  dense: number,
  plus: boolean,
): Value {
  const parts = [x];
  for (let conv = 1; conv <= 4; conv++) {
    const joined = parts.length === 1 ? x : concat(graph, parts);
    let y = leakyRelu(graph, conv2d(graph, joined, weights, keys.dense(block, dense, conv), { pad: 1 }), 0.2);
    if (plus && conv === 2) y = add(graph, y, conv2d(graph, x, weights, keys.pointwise(block, dense)));
    if (plus && conv === 4) y = add(graph, y, parts[2] ?? x);
    parts.push(y);
  }
  const last = conv2d(graph, concat(graph, parts), weights, keys.dense(block, dense, 5), {
    pad: 1,
    scale: 0.2,
  });
  return add(graph, last, x);
}

/** The first convolution; after a pixel unshuffle by r it equals one of r times the kernel and stride on the image itself. */
function firstConvolution(
  graph: Graph,
  input: Value,
  weights: Weights,
  key: string,
  unshuffle: number,
): Value {
  if (unshuffle === 1) return conv2d(graph, input, weights, key, { pad: 1 });
  const spread = spreadOverUnshuffled(readTensor(weights, `${key}.weight`), unshuffle);
  const bias = findTensor(weights, `${key}.bias`);
  return convolve(graph, input, spread, bias, { pad: unshuffle, stride: unshuffle }, key);
}

function spreadOverUnshuffled(weight: Tensor, factor: number): Tensor {
  const [output = 1, unshuffled = 1, kernel = 1] = weight.shape;
  const channels = unshuffled / (factor * factor);
  const side = kernel * factor;
  const data = new Float32Array(weight.data.length);
  let source = 0;
  for (let out = 0; out < output; out++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let phase = 0; phase < factor * factor; phase++) {
        const offset =
          (out * channels + channel) * side * side + Math.floor(phase / factor) * side + (phase % factor);
        for (let y = 0; y < kernel; y++) {
          for (let x = 0; x < kernel; x++) {
            data[offset + y * factor * side + x * factor] = weight.data[source++] ?? 0;
          }
        }
      }
    }
  }
  return { data, shape: [output, channels, side, side] };
}
