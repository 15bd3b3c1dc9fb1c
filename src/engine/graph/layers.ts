import { HeirloomError } from '../../shared/failure.ts';
import type { Weights } from '../weights/weights.ts';
import type { Graph, Tensor, Value } from './graph.ts';

/** Padding of one convolution: the same on all sides, or [top, left, bottom, right]. */
export type Pad = number | readonly [number, number, number, number];

export interface Conv2dOptions {
  readonly stride?: number;
  readonly pad?: Pad;
  readonly dilation?: number;
  readonly group?: number;
  /** Multiplies weights and bias: a residual scale folded in. */
  readonly scale?: number;
  /** False leaves out a bias that the weights have. */
  readonly bias?: boolean;
}

/** A stored tensor with its shape, or undefined if the weights have none of that name. */
export function findTensor(weights: Weights, name: string): Tensor | undefined {
  const info = weights.tensors.get(name);
  return info === undefined ? undefined : { data: weights.read(name), shape: info.shape };
}

/**
 * A stored tensor with its shape.
 *
 * @throws HeirloomError `unsupported-model` naming the tensor if the weights have none of that name.
 */
export function readTensor(weights: Weights, name: string): Tensor {
  const tensor = findTensor(weights, name);
  if (tensor !== undefined) return tensor;
  throw new HeirloomError(
    'unsupported-model',
    `${weights.source} has no tensor ${name}, which this kind of network needs.`,
    'The file may be incomplete: download it again.',
  );
}

export function scaled(tensor: Tensor, factor: number): Tensor {
  return factor === 1 ? tensor : { data: tensor.data.map((value) => value * factor), shape: tensor.shape };
}

/** Convolution of (n, c, h, w) with `key.weight` (out, in / group, kh, kw) and, if stored, `key.bias`. */
export function conv2d(
  graph: Graph,
  x: Value,
  weights: Weights,
  key: string,
  options: Conv2dOptions = {},
): Value {
  const weight = readTensor(weights, `${key}.weight`);
  const bias = options.bias === false ? undefined : findTensor(weights, `${key}.bias`);
  return convolve(graph, x, weight, bias, options, key);
}

/**
 * A convolution whose output channels are used in equal parts, one convolution for each: cheaper than one that is split afterwards.
 *
 * @param inputs one picture for each part; the same one several times, or the parts of a depthwise convolution's input.
 */
export function conv2dParts(
  graph: Graph,
  inputs: readonly Value[],
  weights: Weights,
  key: string,
  options: Conv2dOptions = {},
): Value[] {
  const weight = readTensor(weights, `${key}.weight`);
  const bias = findTensor(weights, `${key}.bias`);
  return inputs.map((x, index) => {
    const part = partOf(weight, index, inputs.length);
    return convolve(graph, x, part, bias && partOf(bias, index, inputs.length), options, `${key}.${index}`);
  });
}

/** One of several equal parts of a tensor along its first axis. */
function partOf({ data, shape }: Tensor, index: number, count: number): Tensor {
  const size = data.length / count;
  return {
    data: data.subarray(index * size, (index + 1) * size),
    shape: [(shape[0] ?? count) / count, ...shape.slice(1)],
  };
}

/** Convolution with tensors at hand; `conv2d` where they are stored under one key. */
export function convolve(
  graph: Graph,
  x: Value,
  weight: Tensor,
  bias: Tensor | undefined,
  options: Conv2dOptions = {},
  hint = 'conv',
): Value {
  const scale = options.scale ?? 1;
  const inputs = [x, graph.constant(scaled(weight, scale), `${hint}.weight`)];
  if (bias !== undefined) inputs.push(graph.constant(scaled(bias, scale), `${hint}.bias`));
  const { stride = 1, dilation = 1, group = 1 } = options;
  return graph.op('Conv', inputs, {
    kernel_shape: weight.shape.slice(2),
    strides: [stride, stride],
    pads: padList(options.pad ?? 0),
    dilations: [dilation, dilation],
    group,
  });
}

export interface ConvTranspose2dOptions {
  readonly stride?: number;
  readonly pad?: Pad;
  readonly outputPadding?: number;
  readonly group?: number;
}

/** Transposed convolution with `key.weight` (in, out / group, kh, kw) and, if stored, `key.bias`. */
export function convTranspose2d(
  graph: Graph,
  x: Value,
  weights: Weights,
  key: string,
  options: ConvTranspose2dOptions = {},
): Value {
  const weight = readTensor(weights, `${key}.weight`);
  const bias = findTensor(weights, `${key}.bias`);
  const inputs = [x, graph.constant(weight, `${key}.weight`)];
  if (bias !== undefined) inputs.push(graph.constant(bias, `${key}.bias`));
  const { stride = 1, outputPadding = 0, group = 1 } = options;
  return graph.op('ConvTranspose', inputs, {
    kernel_shape: weight.shape.slice(2),
    strides: [stride, stride],
    pads: padList(options.pad ?? 0),
    output_padding: [outputPadding, outputPadding],
    group,
  });
}

/** Convolution whose stored batch normalization (`normKey.weight`, `.bias`, `.running_mean`, `.running_var`) is folded in. */
export function conv2dBatchNorm(
  graph: Graph,
  x: Value,
  weights: Weights,
  convKey: string,
  normKey: string,
  options: Conv2dOptions & { readonly epsilon?: number } = {},
): Value {
  const weight = readTensor(weights, `${convKey}.weight`);
  const bias = findTensor(weights, `${convKey}.bias`);
  const { factor, offset } = batchNormAffine(weights, normKey, options.epsilon ?? 1e-5);
  const channels = factor.length;
  const perChannel = weight.data.length / channels;
  const foldedWeight = weight.data.map(
    (value, index) => value * (factor[Math.floor(index / perChannel)] ?? 1),
  );
  const foldedBias = offset.map(
    (value, channel) => value + (bias?.data[channel] ?? 0) * (factor[channel] ?? 1),
  );
  const folded = { data: foldedWeight, shape: weight.shape };
  return convolve(graph, x, folded, { data: foldedBias, shape: [channels] }, options, convKey);
}

/** Batch normalization at inference as y = factor · x + offset, per channel. */
export function batchNormAffine(
  weights: Weights,
  key: string,
  epsilon = 1e-5,
): { factor: Float32Array; offset: Float32Array } {
  const mean = readTensor(weights, `${key}.running_mean`).data;
  const variance = readTensor(weights, `${key}.running_var`).data;
  const gamma = findTensor(weights, `${key}.weight`)?.data;
  const beta = findTensor(weights, `${key}.bias`)?.data;
  const factor = variance.map((value, channel) => (gamma?.[channel] ?? 1) / Math.sqrt(value + epsilon));
  const offset = mean.map((value, channel) => (beta?.[channel] ?? 0) - value * (factor[channel] ?? 0));
  return { factor, offset };
}

/** One constant factor (and offset) per channel as a depthwise 1×1 convolution, which keeps ONNX Runtime's blocked layout. */
export function depthwiseAffine(
  graph: Graph,
  x: Value,
  factor: Float32Array,
  offset?: Float32Array,
  hint = 'depthwise',
): Value {
  const channels = factor.length;
  const weight = { data: factor, shape: [channels, 1, 1, 1] };
  const bias = offset === undefined ? undefined : { data: offset, shape: [channels] };
  return convolve(graph, x, weight, bias, { group: channels }, hint);
}

/** The same constant factor for all channels, as a depthwise 1×1 convolution. */
export function depthwiseScale(graph: Graph, x: Value, channels: number, factor: number): Value {
  return depthwiseAffine(graph, x, new Float32Array(channels).fill(factor), undefined, 'scale');
}

/** Fully connected layer on the last axis with `key.weight` (out, in) and, if stored, `key.bias`. */
export function linear(graph: Graph, x: Value, weights: Weights, key: string): Value {
  return linearOf(graph, x, readTensor(weights, `${key}.weight`), findTensor(weights, `${key}.bias`), key);
}

/** Fully connected layer on the last axis with tensors at hand: weight (out, in). */
export function linearOf(
  graph: Graph,
  x: Value,
  weight: Tensor,
  bias: Tensor | undefined,
  hint = 'linear',
): Value {
  const product = graph.op('MatMul', [x, graph.constant(transposed(weight), `${hint}.weight`)]);
  return bias === undefined ? product : graph.op('Add', [product, graph.constant(bias, `${hint}.bias`)]);
}

function transposed(matrix: Tensor): Tensor {
  const [rows = 0, columns = 0] = matrix.shape;
  const data = new Float32Array(matrix.data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      data[column * rows + row] = matrix.data[row * columns + column] ?? 0;
    }
  }
  return { data, shape: [columns, rows] };
}

function padList(pad: Pad): readonly number[] {
  return typeof pad === 'number' ? [pad, pad, pad, pad] : pad;
}

export function relu(graph: Graph, x: Value): Value {
  return graph.op('Relu', [x]);
}

export function leakyRelu(graph: Graph, x: Value, slope = 0.2): Value {
  return graph.op('LeakyRelu', [x], { alpha: { float: slope } });
}

/**
 * PReLU with one stored slope per channel, or one for all, under `key`.
 *
 * One slope for all is a LeakyRelu. Slopes per channel are a·x + (1 − a)·relu(x) with two depthwise convolutions: unlike PRelu they stay in
 * ONNX Runtime's blocked layout, which is faster.
 */
export function prelu(graph: Graph, x: Value, weights: Weights, key: string): Value {
  const slopes = readTensor(weights, key).data;
  if (slopes.length === 1) return leakyRelu(graph, x, slopes[0] ?? 0);
  const rest = slopes.map((slope) => 1 - slope);
  return add(
    graph,
    depthwiseAffine(graph, x, slopes, undefined, key),
    depthwiseAffine(graph, relu(graph, x), rest, undefined, `${key}.rest`),
  );
}

/** x + y. */
export function add(graph: Graph, x: Value, y: Value): Value {
  return graph.op('Add', [x, y]);
}

/** x · y, broadcast. */
export function mul(graph: Graph, x: Value, y: Value): Value {
  return graph.op('Mul', [x, y]);
}

/** A constant of any shape filled from numbers; a scalar by default. */
export function numbers(graph: Graph, values: readonly number[], shape: readonly number[] = []): Value {
  return graph.constant({ data: Float32Array.from(values), shape });
}

export function sigmoid(graph: Graph, x: Value): Value {
  return graph.op('Sigmoid', [x]);
}

export function tanh(graph: Graph, x: Value): Value {
  return graph.op('Tanh', [x]);
}

/** GELU with the error function. */
export function gelu(graph: Graph, x: Value): Value {
  return graph.op('Gelu', [x], { approximate: 'none' });
}

export function softmax(graph: Graph, x: Value, axis = -1): Value {
  return graph.op('Softmax', [x], { axis });
}

/** Layer normalization over the last axis with `key.weight` and `key.bias`. */
export function layerNorm(graph: Graph, x: Value, weights: Weights, key: string, epsilon = 1e-5): Value {
  const weight = graph.constant(readTensor(weights, `${key}.weight`), `${key}.weight`);
  const bias = graph.constant(readTensor(weights, `${key}.bias`), `${key}.bias`);
  return graph.op('LayerNormalization', [x, weight, bias], { axis: -1, epsilon: { float: epsilon } });
}

/** Group normalization of (n, c, h, w) with `key.weight` and `key.bias`, per channel. */
export function groupNorm(
  graph: Graph,
  x: Value,
  weights: Weights,
  key: string,
  groups = 32,
  epsilon = 1e-6,
): Value {
  const weight = graph.constant(readTensor(weights, `${key}.weight`), `${key}.weight`);
  const bias = graph.constant(readTensor(weights, `${key}.bias`), `${key}.bias`);
  return graph.op('GroupNormalization', [x, weight, bias], {
    num_groups: groups,
    epsilon: { float: epsilon },
  });
}

export function concat(graph: Graph, values: readonly Value[], axis = 1): Value {
  return graph.op('Concat', values, { axis });
}

/** x[start:end] along one axis; ends beyond the axis are clamped, negative ones count from the back. */
export function slice(
  graph: Graph,
  x: Value,
  axis: number,
  start: number,
  end = Number.MAX_SAFE_INTEGER,
): Value {
  return graph.op('Slice', [x, graph.int64([start]), graph.int64([end]), graph.int64([axis])]);
}

/** Equal or given parts along one axis. */
export function split(graph: Graph, x: Value, axis: number, sizes: readonly number[]): Value[] {
  return graph.ops('Split', [x, graph.int64(sizes)], { axis }, sizes.length);
}

/** Reshape; 0 keeps a dimension, one -1 is worked out. */
export function reshape(graph: Graph, x: Value, shape: readonly number[]): Value {
  return graph.op('Reshape', [x, graph.int64(shape)]);
}

export function transpose(graph: Graph, x: Value, order: readonly number[]): Value {
  return graph.op('Transpose', [x], { perm: order });
}

/** (n, c·r², h, w) to (n, c, h·r, w·r) in PyTorch's channel order. */
export function pixelShuffle(graph: Graph, x: Value, factor: number): Value {
  return graph.op('DepthToSpace', [x], { blocksize: factor, mode: 'CRD' });
}

/** (n, c, h·r, w·r) to (n, c·r², h, w) in PyTorch's channel order. */
export function pixelUnshuffle(graph: Graph, x: Value, channels: number, factor: number): Value {
  const blocked = graph.op('SpaceToDepth', [x], { blocksize: factor });
  const area = factor * factor;
  const order = Array.from(
    { length: channels * area },
    (_, index) => (index % area) * channels + Math.floor(index / area),
  );
  return graph.op('Gather', [blocked, graph.int64(order)], { axis: 1 });
}

/** Every pixel `factor` times along both sides. */
export function nearestUp(graph: Graph, x: Value, factor: number): Value {
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  return graph.op('Resize', [x, undefined, numbers(graph, [1, 1, factor, factor], [4])], attributes);
}

/** Bilinear resize by a factor; pixel centers at half (PyTorch's align_corners=False) unless corners are aligned. */
export function bilinearResize(graph: Graph, x: Value, factor: number, alignCorners = false): Value {
  const coordinates = alignCorners ? 'align_corners' : 'half_pixel';
  const attributes = { mode: 'linear', coordinate_transformation_mode: coordinates };
  return graph.op('Resize', [x, undefined, numbers(graph, [1, 1, factor, factor], [4])], attributes);
}

/** Mirror without repeating the edge; every pad must be smaller than the side. */
export function reflectPad(graph: Graph, x: Value, pad: Pad): Value {
  return padded(graph, x, pad, 'reflect');
}

/** Repeats the edge. */
export function replicatePad(graph: Graph, x: Value, pad: Pad): Value {
  return padded(graph, x, pad, 'edge');
}

export function zeroPad(graph: Graph, x: Value, pad: Pad): Value {
  return padded(graph, x, pad, 'constant');
}

function padded(graph: Graph, x: Value, pad: Pad, mode: string): Value {
  const [top = 0, left = 0, bottom = 0, right = 0] = padList(pad);
  return graph.op('Pad', [x, graph.int64([0, 0, top, left, 0, 0, bottom, right])], { mode });
}

export function averagePool(graph: Graph, x: Value, size: number, stride = size): Value {
  return graph.op('AveragePool', [x], { kernel_shape: [size, size], strides: [stride, stride] });
}

export function maxPool(graph: Graph, x: Value, size: number, stride: number, pad = 0): Value {
  const attributes = { kernel_shape: [size, size], strides: [stride, stride], pads: [pad, pad, pad, pad] };
  return graph.op('MaxPool', [x], attributes);
}

/** Mean over height and width: (n, c, 1, 1). */
export function globalAveragePool(graph: Graph, x: Value): Value {
  return graph.op('GlobalAveragePool', [x]);
}
