import { HeirloomError } from '../../shared/failure.ts';
import type { Graph, Tensor, Value } from '../graph/graph.ts';
import {
  add,
  conv2d,
  convolve,
  depthwiseAffine,
  findTensor,
  gelu,
  layerNorm,
  leakyRelu,
  linear,
  nearestUp,
  pixelShuffle,
  readTensor,
  scaled,
  transpose,
} from '../graph/layers.ts';
import {
  mergeWindows,
  partitionWindows,
  relativePositionBias,
  residual,
  rollPixels,
  shiftMask,
  windowAttention,
  windowGrid,
} from '../graph/layers-window-attention.ts';
import type { WindowGrid } from '../graph/layers-window-attention.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop, receptiveFieldPx } from './geometry.ts';
import {
  countFrom,
  expectConv,
  expectShape,
  expectVectors,
  has,
  hasRank,
  misfit,
  shapeOf,
  squareRoot,
} from './reading.ts';

export interface SwinIrParams {
  readonly channels: number;
  readonly features: number;
  /** Attention layers of each group, and their heads. */
  readonly depths: readonly number[];
  readonly heads: number;
  readonly hidden: number;
  readonly windowPx: number;
  /** The convolution that ends a group and the trunk: one, or three of which the middle one is narrow and 1×1. */
  readonly groupEnd: '1conv' | '3conv';
  readonly patchNorm: boolean;
  readonly upsampler: 'nearest+conv' | 'pixelshuffle' | 'pixelshuffledirect' | 'none';
  /** Of the pixel shuffles, or of the nearest enlargements. */
  readonly factors: readonly number[];
  /** Features of the enlarging convolutions. */
  readonly upFeatures: number;
  readonly scale: number;
  /** What [0, 1] is stretched to inside: 255 in the JPEG networks, known by their window of 7. */
  readonly internalRange: number;
}

/** Mean color subtracted before and added after; not stored. Gray networks subtract nothing. */
const meanRgb = [0.4488, 0.4371, 0.404];
/** Of the table of relative positions: windows of 32 pixels. */
const largestTableSide = 63;
/** Added to scores between pixels that only the roll made neighbors. */
const apartPenalty = -100;

/** SwinIR in all its published forms: real-world, classical and lightweight enlarging, color and gray denoising, JPEG repair. */
export const swinIr: Architecture<SwinIrParams> = {
  id: 'swin-ir',
  name: 'SwinIR',
  source: {
    paper: 'https://arxiv.org/abs/2108.10257',
    code: 'https://github.com/JingyunLiang/SwinIR',
    license: 'Apache-2.0',
  },
  detect: (weights) =>
    has(
      weights,
      'conv_first.weight',
      'layers.0.residual_group.blocks.0.norm1.weight',
      'layers.0.residual_group.blocks.0.mlp.fc1.bias',
      'layers.0.residual_group.blocks.0.attn.relative_position_bias_table',
    ) && hasRank(weights, 'layers.0.residual_group.blocks.0.attn.relative_position_bias_table', 2),
  read,
  describe,
  build,
};

const blockKey = (group: number, block: number): string => `layers.${group}.residual_group.blocks.${block}`;

function read(weights: Weights): SwinIrParams {
  const [features, channels] = shapeOf(weights, 'conv_first.weight', 4);
  expectConv(weights, 'conv_first', features, channels, 3);
  if (weights.tensors.has('absolute_pos_embed')) {
    throw new HeirloomError(
      'unsupported-model',
      `${weights.source} has absolute positions, which fix the picture's size.`,
    );
  }
  const table = `${blockKey(0, 0)}.attn.relative_position_bias_table`;
  const [rows, heads] = shapeOf(weights, table, 2);
  const side = squareRoot(rows, largestTableSide);
  if (side === undefined || side % 2 === 0 || features % heads !== 0)
    throw misfit(weights, table, [rows, heads], '[(2·window − 1)², heads]');
  const [hidden] = shapeOf(weights, `${blockKey(0, 0)}.mlp.fc1.weight`, 2);
  const groups = countFrom(weights, (group) => `${blockKey(group, 0)}.norm1.weight`);
  const depths = Array.from({ length: groups }, (_, group) => {
    const depth = countFrom(weights, (block) => `${blockKey(group, block)}.norm1.weight`);
    for (let block = 0; block < depth; block++) {
      const key = blockKey(group, block);
      expectShape(weights, `${key}.attn.relative_position_bias_table`, [rows, heads]);
      expectShape(weights, `${key}.attn.qkv.weight`, [3 * features, features]);
      expectShape(weights, `${key}.attn.proj.weight`, [features, features]);
      expectShape(weights, `${key}.mlp.fc1.weight`, [hidden, features]);
      expectShape(weights, `${key}.mlp.fc2.weight`, [features, hidden]);
      const norms = ['norm1', 'norm2'].flatMap((norm) => [`${key}.${norm}.weight`, `${key}.${norm}.bias`]);
      expectVectors(weights, features, ...norms, `${key}.attn.proj.bias`, `${key}.mlp.fc2.bias`);
      expectVectors(weights, hidden, `${key}.mlp.fc1.bias`);
      expectVectors(weights, 3 * features, `${key}.attn.qkv.bias`);
    }
    return depth;
  });
  const windowPx = (side + 1) / 2;
  expectVectors(
    weights,
    features,
    'norm.weight',
    'norm.bias',
    'patch_embed.norm.weight',
    'patch_embed.norm.bias',
  );
  const groupEnd = has(weights, 'layers.0.conv.0.weight') ? '3conv' : '1conv';
  for (const key of ['conv_after_body', ...depths.map((_, group) => `layers.${group}.conv`)]) {
    checkEnding(weights, key, features, groupEnd);
  }
  const patchNorm = has(weights, 'patch_embed.norm.weight');
  const internalRange = windowPx === 7 ? 255 : 1;
  const common = {
    channels,
    features,
    depths,
    heads,
    hidden,
    windowPx,
    groupEnd,
    patchNorm,
    internalRange,
  } as const;
  return { ...common, ...readUpsampler(weights, features, channels) };
}

/** The convolutions that end a group and, of the same make, the trunk. */
function checkEnding(weights: Weights, key: string, features: number, kind: SwinIrParams['groupEnd']): void {
  if (kind === '1conv') {
    expectConv(weights, key, features, features, 3);
    return;
  }
  const narrow = Math.floor(features / 4);
  expectConv(weights, `${key}.0`, narrow, features, 3);
  expectConv(weights, `${key}.2`, narrow, narrow, 1);
  expectConv(weights, `${key}.4`, features, narrow, 3);
}

function readUpsampler(
  weights: Weights,
  features: number,
  channels: number,
): Pick<SwinIrParams, 'upsampler' | 'factors' | 'upFeatures' | 'scale'> {
  if (has(weights, 'conv_up1.weight')) {
    const [upFeatures] = shapeOf(weights, 'conv_before_upsample.0.weight', 4);
    const doublings = countFrom(weights, (index) => `conv_up${index}.weight`, 1);
    for (let index = 1; index <= doublings; index++)
      expectConv(weights, `conv_up${index}`, upFeatures, upFeatures, 3);
    expectConv(weights, 'conv_before_upsample.0', upFeatures, features, 3);
    expectConv(weights, 'conv_hr', upFeatures, upFeatures, 3);
    expectConv(weights, 'conv_last', channels, upFeatures, 3);
    const factors = Array.from({ length: doublings }, () => 2);
    return { upsampler: 'nearest+conv', factors, upFeatures, scale: 2 ** doublings };
  }
  if (has(weights, 'conv_before_upsample.0.weight')) {
    const [upFeatures] = shapeOf(weights, 'conv_before_upsample.0.weight', 4);
    expectConv(weights, 'conv_before_upsample.0', upFeatures, features, 3);
    expectConv(weights, 'conv_last', channels, upFeatures, 3);
    const factors = Array.from(
      { length: countFrom(weights, (index) => `upsample.${2 * index}.weight`) },
      (_, index) => shuffleFactor(weights, `upsample.${2 * index}`, upFeatures, upFeatures),
    );
    return {
      upsampler: 'pixelshuffle',
      factors,
      upFeatures,
      scale: factors.reduce((product, factor) => product * factor, 1),
    };
  }
  if (has(weights, 'upsample.0.weight')) {
    const factor = shuffleFactor(weights, 'upsample.0', features, channels);
    return { upsampler: 'pixelshuffledirect', factors: [factor], upFeatures: features, scale: factor };
  }
  expectConv(weights, 'conv_last', channels, features, 3);
  return { upsampler: 'none', factors: [], upFeatures: features, scale: 1 };
}

function shuffleFactor(weights: Weights, key: string, input: number, output: number): number {
  const shape = shapeOf(weights, `${key}.weight`, 4);
  const factor = squareRoot(shape[0] / output);
  if (factor === undefined) throw misfit(weights, `${key}.weight`, shape, 'channels × factor² outputs');
  expectConv(weights, key, shape[0], input, 3);
  return factor;
}

function describe(params: SwinIrParams): ModelInfo {
  const { channels, features, depths, hidden, windowPx, groupEnd, upsampler, factors, upFeatures, scale } =
    params;
  const layers = depths.reduce((sum, depth) => sum + depth, 0);
  const narrow = Math.floor(features / 4);
  const layer = 4 * features * features + 2 * features * hidden + 2 * features * windowPx * windowPx;
  const end =
    groupEnd === '1conv'
      ? convFlop(3, features, features)
      : convFlop(3, features, narrow) + convFlop(1, narrow, narrow) + convFlop(3, narrow, features);
  let flop =
    convFlop(3, channels, features) +
    2 * layer * layers +
    end * depths.length +
    convFlop(3, features, features);
  const endReach = groupEnd === '1conv' ? 1 : 2;
  const reaches: [number, number][] = [[1 + layers * (windowPx - 1) + (depths.length + 1) * endReach, 1]];
  let resolution = 1;
  if (upsampler !== 'none' && upsampler !== 'pixelshuffledirect') flop += convFlop(3, features, upFeatures);
  if (upsampler === 'nearest+conv' || upsampler === 'pixelshuffle') reaches.push([1, 1]);
  for (const factor of factors) {
    if (upsampler === 'nearest+conv') resolution *= factor;
    const outputs =
      upsampler === 'nearest+conv'
        ? upFeatures
        : factor * factor * (upsampler === 'pixelshuffle' ? upFeatures : channels);
    flop += convFlop(3, upFeatures, outputs, resolution ** 2);
    reaches.push([1, resolution]);
    if (upsampler !== 'nearest+conv') resolution *= factor;
  }
  if (upsampler === 'nearest+conv') flop += convFlop(3, upFeatures, upFeatures, scale * scale);
  if (upsampler !== 'pixelshuffledirect') flop += convFlop(3, upFeatures, channels, scale * scale);
  reaches.push([upsampler === 'nearest+conv' ? 2 : upsampler === 'pixelshuffledirect' ? 0 : 1, scale]);
  return {
    role: scale === 1 ? 'clean' : 'enlarge',
    scale,
    inputChannels: channels,
    outputChannels: channels,
    sizeMultiple: windowPx,
    padMode: 'flip',
    receptiveFieldPx: receptiveFieldPx(reaches),
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: {
      features,
      depths: depths.join('-'),
      heads: params.heads,
      window: windowPx,
      groupEnd,
      upsampler,
      scale,
    },
    flopPerPixel: flop,
  };
}

function build(graph: Graph, weights: Weights, params: SwinIrParams): Readonly<Record<string, Value>> {
  const { channels, features, depths, windowPx, internalRange } = params;
  const input = graph.input('input', ['n', channels, 'h', 'w']);
  const means = channels === 3 ? meanRgb : Array.from({ length: channels }, () => 0);
  const offsets = Float32Array.from(means, (mean) => -mean * internalRange);
  const centered = depthwiseAffine(
    graph,
    input,
    new Float32Array(channels).fill(internalRange),
    offsets,
    'mean',
  );
  const first = conv2d(graph, centered, weights, 'conv_first', { pad: 1 });

  let pixels = transpose(graph, first, [0, 2, 3, 1]);
  const grid = windowGrid(graph, pixels, windowPx, features);
  const mask = shiftMask(graph, grid, Math.floor(windowPx / 2), apartPenalty);
  if (params.patchNorm) pixels = layerNorm(graph, pixels, weights, 'patch_embed.norm');
  depths.forEach((depth, group) => {
    let inner = pixels;
    for (let block = 0; block < depth; block++) {
      inner = transformerLayer(
        graph,
        inner,
        weights,
        blockKey(group, block),
        params,
        grid,
        block % 2 === 1 ? mask : undefined,
      );
    }
    const ended = groupEnding(
      graph,
      transpose(graph, inner, [0, 3, 1, 2]),
      weights,
      `layers.${group}.conv`,
      params,
    );
    pixels = add(graph, transpose(graph, ended, [0, 2, 3, 1]), pixels);
  });
  const normal = transpose(graph, layerNorm(graph, pixels, weights, 'norm'), [0, 3, 1, 2]);
  const body = add(graph, groupEnding(graph, normal, weights, 'conv_after_body', params), first);
  if (params.upsampler === 'none') {
    // The centered picture is added back, so its mean cancels and the residual alone is brought back to [0, 1].
    return {
      output: add(
        graph,
        conv2d(graph, body, weights, 'conv_last', { pad: 1, scale: 1 / internalRange }),
        input,
      ),
    };
  }
  return { output: enlarge(graph, body, weights, params, means) };
}

/** Attention in windows (rolled by half a window if a mask is given) and MLP, each after a layer norm and with a residual. */
function transformerLayer(
  graph: Graph,
  x: Value,
  weights: Weights,
  key: string,
  params: SwinIrParams,
  grid: WindowGrid,
  mask: Value | undefined,
): Value {
  const { heads, windowPx } = params;
  const shiftPx = Math.floor(windowPx / 2);
  const side = 2 * windowPx - 1;
  const table = readTensor(weights, `${key}.attn.relative_position_bias_table`).data;
  const bias = relativePositionBias(
    heads,
    windowPx,
    (head, dy, dx) => table[(dy * side + dx) * heads + head] ?? 0,
  );
  const keys = { qkv: `${key}.attn.qkv`, out: `${key}.attn.proj` };
  const attended = residual(graph, x, (value) => {
    const normal = layerNorm(graph, value, weights, `${key}.norm1`);
    const rolled = mask === undefined ? normal : rollPixels(graph, normal, shiftPx);
    const mixed = windowAttention(graph, partitionWindows(graph, rolled, grid), weights, keys, bias, mask);
    const merged = mergeWindows(graph, mixed, grid);
    return mask === undefined ? merged : rollPixels(graph, merged, -shiftPx);
  });
  return residual(graph, attended, (value) => {
    const hidden = gelu(
      graph,
      linear(graph, layerNorm(graph, value, weights, `${key}.norm2`), weights, `${key}.mlp.fc1`),
    );
    return linear(graph, hidden, weights, `${key}.mlp.fc2`);
  });
}

function groupEnding(graph: Graph, x: Value, weights: Weights, key: string, params: SwinIrParams): Value {
  if (params.groupEnd === '1conv') return conv2d(graph, x, weights, key, { pad: 1 });
  const narrow = leakyRelu(graph, conv2d(graph, x, weights, `${key}.0`, { pad: 1 }), 0.2);
  const middle = leakyRelu(graph, conv2d(graph, narrow, weights, `${key}.2`), 0.2);
  return conv2d(graph, middle, weights, `${key}.4`, { pad: 1 });
}

function enlarge(
  graph: Graph,
  body: Value,
  weights: Weights,
  params: SwinIrParams,
  means: readonly number[],
): Value {
  const { upsampler, factors, internalRange } = params;
  if (upsampler === 'pixelshuffledirect') {
    const factor = factors[0] ?? 1;
    const spread = means.flatMap((mean) => Array.from({ length: factor * factor }, () => mean));
    return pixelShuffle(
      graph,
      toUnitRange(graph, body, weights, 'upsample.0', spread, internalRange),
      factor,
    );
  }
  let x = leakyRelu(graph, conv2d(graph, body, weights, 'conv_before_upsample.0', { pad: 1 }), 0.01);
  factors.forEach((factor, index) => {
    x =
      upsampler === 'pixelshuffle'
        ? pixelShuffle(graph, conv2d(graph, x, weights, `upsample.${2 * index}`, { pad: 1 }), factor)
        : leakyRelu(
            graph,
            conv2d(graph, nearestUp(graph, x, factor), weights, `conv_up${index + 1}`, { pad: 1 }),
            0.2,
          );
  });
  if (upsampler === 'nearest+conv')
    x = leakyRelu(graph, conv2d(graph, x, weights, 'conv_hr', { pad: 1 }), 0.2);
  return toUnitRange(graph, x, weights, 'conv_last', means, internalRange);
}

/** The last convolution with the division by the internal range and the mean folded in. */
function toUnitRange(
  graph: Graph,
  x: Value,
  weights: Weights,
  key: string,
  means: readonly number[],
  range: number,
): Value {
  const weight = scaled(readTensor(weights, `${key}.weight`), 1 / range);
  const stored = findTensor(weights, `${key}.bias`)?.data;
  const bias: Tensor = {
    data: Float32Array.from(means, (mean, channel) => (stored?.[channel] ?? 0) / range + mean),
    shape: [means.length],
  };
  return convolve(graph, x, weight, bias, { pad: 1 }, key);
}
