import type { Graph, Value } from '../graph/graph.ts';
import {
  add,
  averagePool,
  batchNormAffine,
  concat,
  conv2d,
  conv2dBatchNorm,
  convolve,
  depthwiseAffine,
  gelu,
  layerNorm,
  linear,
  linearOf,
  pixelShuffle,
  readTensor,
  relu,
  replicatePad,
  reshape,
  transpose,
} from '../graph/layers.ts';
import { foldNorms } from '../weights/fold.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { colorQueries } from './dd-color-decoder.ts';
import { dimension } from './dimension.ts';
import { countFrom, expectShape, has } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a DDColor. */
export interface DdColorParams {
  /** Channels and blocks of the four ConvNeXt stages. */
  readonly dims: readonly number[];
  readonly depths: readonly number[];
  readonly queries: number;
  /** Channels of a query, and of the image feature it is compared with. */
  readonly hidden: number;
  readonly decoderLayers: number;
  readonly flopPerPixel: number;
}

const arch = 'encoder.arch';
const color = 'decoder.color_decoder';

/**
 * The colorizer DDColor: ConvNeXt encoder, pixel decoder and color decoder, tiny or large.
 *
 * 'input' (n, 3, h, w) is a gray picture as RGB in [0, 1] (the Lab lightness converted back), 512×512 in the reference, sides multiples of 32. 'output'
 * (n, 2, h, w) is a and b of CIELAB, about ±127: no RGB image. The reference enlarges them to the photo's size and joins them with its lightness.
 */
export const ddColor: Architecture<DdColorParams> = {
  id: 'dd-color',
  name: 'DDColor',
  source: {
    paper: 'Kang et al., DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders, ICCV 2023',
    code: 'https://github.com/piddnad/DDColor',
    license: 'Apache-2.0',
  },
  detect: (weights) =>
    has(weights, `${arch}.stages.3.0.gamma`, `${arch}.norm3.weight`, `${color}.query_feat.weight`) &&
    has(weights, 'decoder.last_shuf.conv.0.bias', 'refine_net.0.0.bias', 'mean', 'std'),
  read: (weights) => read(foldNorms(weights)),
  describe,
  build: (graph, weights, params) => build(graph, foldNorms(weights), params),
};

function read(weights: Weights): DdColorParams {
  const dims = [0, 1, 2, 3].map((stage) => dimension(weights, `${arch}.norm${stage}.weight`, 1, 0));
  const depths = [0, 1, 2, 3].map((stage) =>
    countFrom(weights, (block) => `${arch}.stages.${stage}.${block}.gamma`),
  );
  const queries = dimension(weights, `${color}.query_feat.weight`, 2, 0);
  const hidden = dimension(weights, `${color}.query_feat.weight`, 2, 1);
  expectShape(weights, 'refine_net.0.0.weight', [2, queries + 3, 1, 1]);
  expectShape(weights, 'decoder.last_shuf.conv.0.bias', [16 * hidden]);
  const decoderLayers = countFrom(
    weights,
    (index) => `${color}.transformer_ffn_layers.${index}.linear1.weight`,
  );
  return { dims, depths, queries, hidden, decoderLayers, flopPerPixel: weightFlop(weights, areaOf) };
}

/** Output positions per input pixel at which a weight is applied; what the queries alone cost is left out. */
function areaOf(name: string): number {
  const stage = /(?:stages|downsample_layers)\.(\d)/.exec(name)?.[1];
  if (stage !== undefined) return 1 / 4 ** (Number(stage) + 2);
  const layer = /^decoder\.layers\.(\d)/.exec(name)?.[1];
  if (layer !== undefined) return 1 / 4 ** (4 - Number(layer) + (name.includes('shuf') ? 1 : 0));
  if (name.startsWith('decoder.last_shuf')) return 1 / 16;
  const projection = /input_proj\.(\d)/.exec(name)?.[1];
  if (projection !== undefined) return 1 / 4 ** (4 - Number(projection));
  return name.startsWith('refine_net') ? 1 : 0;
}

function describe({ dims, depths, queries, hidden, decoderLayers, flopPerPixel }: DdColorParams): ModelInfo {
  return {
    role: 'colorize',
    scale: 1,
    inputChannels: 3,
    outputChannels: 2,
    sizeMultiple: 32,
    padMode: 'reflect',
    receptiveFieldPx: Number.POSITIVE_INFINITY,
    tileable: false,
    inputRange: [0, 1],
    outputRange: [-127, 127],
    hyperparameters: {
      'stage widths': dims.join(' '),
      'stage blocks': depths.join(' '),
      queries,
      'query width': hidden,
      'decoder layers': decoderLayers,
    },
    flopPerPixel,
  };
}

function build(graph: Graph, weights: Weights, params: DdColorParams): Readonly<Record<string, Value>> {
  const input = graph.input('input', ['n', 3, 'h', 'w']);
  const mean = readTensor(weights, 'mean').data;
  const deviation = readTensor(weights, 'std').data;
  const factor = deviation.map((value) => 1 / value);
  const offset = mean.map((value, channel) => -value / (deviation[channel] ?? 1));
  const pixels = depthwiseAffine(graph, input, factor, offset, 'normalized');
  const features = encoder(graph, weights, pixels, params);
  const maps: Value[] = [];
  let x = features[3] as Value;
  for (const layer of [0, 1, 2]) {
    x = pixelDecoderLayer(graph, weights, x, features[2 - layer] as Value, `decoder.layers.${layer}`);
    maps.push(x);
  }
  const image = shuffled(graph, weights, x, 'decoder.last_shuf', 4);
  const queries = colorQueries(graph, weights, maps, params.decoderLayers, params.hidden);
  return { output: refined(graph, weights, params, queries, image, pixels) };
}

/** Layer normalization over the channels of (n, c, h, w). */
function channelNorm(graph: Graph, weights: Weights, x: Value, key: string): Value {
  return transpose(
    graph,
    layerNorm(graph, transpose(graph, x, [0, 2, 3, 1]), weights, key, 1e-6),
    [0, 3, 1, 2],
  );
}

/** ConvNeXt: the normalized output of each of the four stages. */
function encoder(graph: Graph, weights: Weights, pixels: Value, params: DdColorParams): Value[] {
  let x = pixels;
  return params.dims.map((width, stage) => {
    const down = `${arch}.downsample_layers.${stage}`;
    if (stage === 0)
      x = channelNorm(graph, weights, conv2d(graph, x, weights, `${down}.0`, { stride: 4 }), `${down}.1`);
    else x = conv2d(graph, channelNorm(graph, weights, x, `${down}.0`), weights, `${down}.1`, { stride: 2 });
    for (let block = 0; block < (params.depths[stage] ?? 0); block++) {
      x = convNextBlock(graph, weights, x, `${arch}.stages.${stage}.${block}`, width);
    }
    return channelNorm(graph, weights, x, `${arch}.norm${stage}`);
  });
}

function convNextBlock(graph: Graph, weights: Weights, x: Value, key: string, width: number): Value {
  const depthwise = conv2d(graph, x, weights, `${key}.dwconv`, { pad: 3, group: width });
  const rows = layerNorm(graph, transpose(graph, depthwise, [0, 2, 3, 1]), weights, `${key}.norm`, 1e-6);
  const hidden = gelu(graph, linear(graph, rows, weights, `${key}.pwconv1`));
  // The layer scale gamma goes into the last weights.
  const gamma = readTensor(weights, `${key}.gamma`).data;
  const weight = readTensor(weights, `${key}.pwconv2.weight`);
  const bias = readTensor(weights, `${key}.pwconv2.bias`);
  const perRow = weight.data.length / gamma.length;
  const scaledWeight = {
    data: weight.data.map((value, index) => value * (gamma[Math.floor(index / perRow)] ?? 1)),
    shape: weight.shape,
  };
  const scaledBias = { data: bias.data.map((value, row) => value * (gamma[row] ?? 1)), shape: bias.shape };
  const out = linearOf(graph, hidden, scaledWeight, scaledBias, `${key}.pwconv2`);
  return add(graph, x, transpose(graph, out, [0, 3, 1, 2]));
}

/** 1×1 convolution, ReLU, pixel shuffle and a 2×2 blur that keeps the size. */
function shuffled(graph: Graph, weights: Weights, x: Value, key: string, factor: number): Value {
  const normalized = has(weights, `${key}.conv.1.running_mean`);
  const wide = normalized
    ? conv2dBatchNorm(graph, x, weights, `${key}.conv.0`, `${key}.conv.1`)
    : conv2d(graph, x, weights, `${key}.conv.0`);
  const large = pixelShuffle(graph, relu(graph, wide), factor);
  return averagePool(graph, replicatePad(graph, large, [1, 1, 0, 0]), 2, 1);
}

/** The coarser map enlarged, beside the normalized encoder feature of its size. */
function pixelDecoderLayer(graph: Graph, weights: Weights, x: Value, feature: Value, key: string): Value {
  const up = shuffled(graph, weights, x, `${key}.shuf`, 2);
  const norm = batchNormAffine(weights, `${key}.bn`);
  const side = depthwiseAffine(graph, feature, norm.factor, norm.offset, `${key}.bn`);
  const joined = relu(graph, concat(graph, [up, side]));
  const mixed = relu(graph, conv2d(graph, joined, weights, `${key}.conv.0`, { pad: 1 }));
  const last = batchNormAffine(weights, `${key}.conv.2`);
  return depthwiseAffine(graph, mixed, last.factor, last.offset, `${key}.conv.2`);
}

/**
 * The last 1×1 convolution over the query maps and the picture. A query map is a product of query and image feature, so the convolution's query columns are
 * multiplied with the queries first: two maps are made instead of one for each query.
 */
function refined(
  graph: Graph,
  weights: Weights,
  params: DdColorParams,
  queries: Value,
  image: Value,
  pixels: Value,
): Value {
  const { queries: count, hidden } = params;
  const weight = readTensor(weights, 'refine_net.0.0.weight');
  const columns = (from: number, to: number): Float32Array =>
    Float32Array.from(
      [0, 1].flatMap((row) => [...weight.data.subarray(row * (count + 3) + from, row * (count + 3) + to)]),
    );
  const mixing = graph.constant({ data: columns(0, count), shape: [1, 2, count] }, 'refine_net.queries');
  const directions = graph.op('MatMul', [mixing, queries]);
  const flat = graph.op('MatMul', [directions, reshape(graph, image, [0, hidden, -1])]);
  const rest = { data: columns(count, count + 3), shape: [2, 3, 1, 1] };
  const direct = convolve(
    graph,
    pixels,
    rest,
    readTensor(weights, 'refine_net.0.0.bias'),
    {},
    'refine_net.pixels',
  );
  return add(graph, direct, graph.op('Reshape', [flat, graph.op('Shape', [direct])]));
}
