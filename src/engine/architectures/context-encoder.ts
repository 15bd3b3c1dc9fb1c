import type { Graph, Tensor, Value } from '../graph/graph.ts';
import {
  add,
  conv2d,
  conv2dBatchNorm,
  convTranspose2d,
  findTensor,
  leakyRelu,
  mul,
  numbers,
  readTensor,
  relu,
  reshape,
  tanh,
  zeroPad,
} from '../graph/layers.ts';
import { convTranspose2dBatchNorm } from '../graph/layers-transpose.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { findShape, has, misfit } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

type LayerKind = 'half' | 'bottleneck' | 'channel-wise' | 'mix' | 'from-bottleneck' | 'double';

interface Layer {
  readonly index: number;
  readonly kind: LayerKind;
}

/** Hyperparameters of a context encoder. */
export interface ContextEncoderParams {
  readonly layers: readonly Layer[];
  /** Side of the square image it takes: 128 in the paper. */
  readonly sizePx: number;
  /** Side of the middle it predicts: 64, or the whole size in the random-region form. */
  readonly predictedPx: number;
  /** Numbers of the bottleneck, 0 in the channel-wise form. */
  readonly bottleneck: number;
  readonly flopPerPixel: number;
}

/** Color of the hole as the network was trained to see it: RGB in [−1, 1]. */
const meanColor = [117, 104, 123].map((value) => (2 * value) / 255 - 1);
/** Side of the coarsest map. */
const coarsestPx = 4;

/**
 * The context encoder in the form of its released code (one bottleneck vector) or of its paper (a fully connected layer for each channel), as a chain of layers
 * `main.N`.
 *
 * 'input' (n, 3, size, size) is RGB in [−1, 1], 'mask' (n, 1, size, size) is 1 where to fill and 0 elsewhere. 'output' is the image with the hole filled. The form
 * that predicts only the middle leaves the rest of a larger mask unchanged. The channel-wise layer is `main.N.weight` (channels, positions out, positions in)
 * with `main.N.bias` (channels, positions) and is followed by a 1×1 convolution.
 */
export const contextEncoder: Architecture<ContextEncoderParams> = {
  id: 'context-encoder',
  name: 'Context Encoder',
  source: {
    paper: 'Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016',
    code: 'https://github.com/pathak22/context-encoder',
    license: 'academic, non-commercial',
  },
  detect: (weights) => {
    const first = findShape(weights, 'main.0.weight');
    const last = findShape(weights, `main.${weightIndices(weights).at(-1) ?? 0}.weight`);
    return (
      first?.length === 4 &&
      first[1] === 3 &&
      first[3] === 4 &&
      last?.length === 4 &&
      last[1] === 3 &&
      last[3] === 4
    );
  },
  read,
  describe,
  build,
};

/** Indices of the layers that have a weight of more than one dimension, in order. */
function weightIndices(weights: Weights): number[] {
  const indices: number[] = [];
  for (const { name, shape } of weights.tensors.values()) {
    const index = /^main\.(\d{1,3})\.weight$/.exec(name)?.[1];
    if (index !== undefined && shape.length > 1) indices.push(Number(index));
  }
  return indices.sort((a, b) => a - b);
}

function read(weights: Weights): ContextEncoderParams {
  const layers: Layer[] = [];
  let width = 3;
  for (const index of weightIndices(weights)) {
    const name = `main.${index}.weight`;
    const shape = findShape(weights, name) ?? [];
    const kind = kindOf(layers.at(-1)?.kind, shape, width);
    if (kind === undefined) throw misfit(weights, name, shape, `a layer over ${width} channels`);
    width = kind === 'double' || kind === 'from-bottleneck' ? (shape[1] ?? 0) : (shape[0] ?? 0);
    layers.push({ index, kind });
  }
  // The last strided convolution before a transposed one was the bottleneck: it takes the whole coarsest map.
  const turn = layers.findIndex(({ kind }) => kind === 'double');
  const bottleneck = layers[turn - 1];
  if (bottleneck?.kind === 'half') {
    layers[turn - 1] = { ...bottleneck, kind: 'bottleneck' };
    layers[turn] = { ...(layers[turn] as Layer), kind: 'from-bottleneck' };
  }
  const count = (kind: LayerKind): number => layers.filter((layer) => layer.kind === kind).length;
  const sizePx = coarsestPx << count('half');
  const predictedPx = coarsestPx << count('double');
  const last = `main.${layers.at(-1)?.index ?? 0}.weight`;
  if (count('double') < 1 || predictedPx > sizePx || width !== 3) {
    throw misfit(
      weights,
      last,
      findShape(weights, last) ?? [],
      'a last layer to 3 channels at the size of the image or less',
    );
  }
  return {
    layers,
    sizePx,
    predictedPx,
    bottleneck:
      count('bottleneck') === 1 ? dimension(weights, `main.${bottleneck?.index ?? 0}.weight`, 4, 0) : 0,
    flopPerPixel: flopOf(weights, layers, sizePx),
  };
}

/** What a weight of this shape does behind a layer of this kind with `width` channels. */
function kindOf(
  previous: LayerKind | undefined,
  shape: readonly number[],
  width: number,
): LayerKind | undefined {
  const [first = 0, second = 0, , kernel = 0] = shape;
  const positions = coarsestPx ** 2;
  const decoding = previous === 'double';
  if (shape.length === 3)
    return previous === 'half' && first === width && second === positions && shape[2] === positions
      ? 'channel-wise'
      : undefined;
  if (shape.length !== 4) return undefined;
  if (previous === 'channel-wise') return kernel === 1 && second === width ? 'mix' : undefined;
  if (kernel !== coarsestPx) return undefined;
  if (!decoding && previous !== 'mix' && second === width) return 'half';
  return previous !== undefined && first === width ? 'double' : undefined;
}

function flopOf(weights: Weights, layers: readonly Layer[], sizePx: number): number {
  const areas = new Map<string, number>();
  let side = sizePx;
  for (const { index, kind } of layers) {
    if (kind === 'half') side /= 2;
    if (kind === 'bottleneck') side = 1;
    const positions = kind === 'channel-wise' ? 1 : side * side;
    if (kind === 'from-bottleneck') side = coarsestPx;
    if (kind === 'double') side *= 2;
    areas.set(`main.${index}.weight`, positions / sizePx ** 2);
  }
  return weightFlop(weights, (name) => areas.get(name) ?? 0);
}

function describe({
  layers,
  sizePx,
  predictedPx,
  bottleneck,
  flopPerPixel,
}: ContextEncoderParams): ModelInfo {
  return {
    role: 'fill',
    scale: 1,
    inputChannels: 3,
    outputChannels: 3,
    sizeMultiple: sizePx,
    padMode: 'reflect',
    receptiveFieldPx: Number.POSITIVE_INFINITY,
    tileable: false,
    fixedSize: { width: sizePx, height: sizePx },
    inputRange: [-1, 1],
    outputRange: [-1, 1],
    hyperparameters: {
      form: bottleneck > 0 ? `bottleneck of ${bottleneck}` : 'channel-wise fully connected',
      size: sizePx,
      'predicted size': predictedPx,
      layers: layers.length,
    },
    flopPerPixel,
  };
}

function build(
  graph: Graph,
  weights: Weights,
  params: ContextEncoderParams,
): Readonly<Record<string, Value>> {
  const { sizePx, predictedPx, layers } = params;
  const image = graph.input('input', ['n', 3, sizePx, sizePx]);
  const mask = graph.input('mask', ['n', 1, sizePx, sizePx]);
  const without = (hole: Value): Value => mul(graph, image, graph.op('Sub', [numbers(graph, [1]), hole]));
  let x = add(graph, without(mask), mul(graph, mask, numbers(graph, meanColor, [1, 3, 1, 1])));
  for (const layer of layers) {
    x = applyLayer(graph, weights, x, layer);
    if (layer === layers.at(-1)) x = tanh(graph, x);
    else if (layer.kind === 'double' || layer.kind === 'from-bottleneck') x = relu(graph, x);
    else if (layer.kind !== 'channel-wise') x = leakyRelu(graph, x);
  }
  const margin = (sizePx - predictedPx) / 2;
  if (margin === 0) return { output: add(graph, mul(graph, x, mask), without(mask)) };
  const hole = mul(graph, mask, graph.constant(middleWindow(sizePx, margin), 'middle'));
  return { output: add(graph, mul(graph, zeroPad(graph, x, margin), hole), without(hole)) };
}

/** 1 in the middle, 0 within `margin` pixels of the edge: (1, 1, size, size). */
function middleWindow(sizePx: number, margin: number): Tensor {
  const isInside = (position: number): boolean => position >= margin && position < sizePx - margin;
  const data = Float32Array.from({ length: sizePx * sizePx }, (_, index) =>
    isInside(index % sizePx) && isInside(Math.floor(index / sizePx)) ? 1 : 0,
  );
  return { data, shape: [1, 1, sizePx, sizePx] };
}

/** One layer with its normalization, before the activation. */
function applyLayer(graph: Graph, weights: Weights, x: Value, { index, kind }: Layer): Value {
  const key = `main.${index}`;
  const norm = has(weights, `main.${index + 1}.running_mean`) ? `main.${index + 1}` : undefined;
  switch (kind) {
    case 'channel-wise':
      return channelWise(graph, weights, x, key);
    case 'half':
    case 'bottleneck':
    case 'mix': {
      const options = kind === 'half' ? { stride: 2, pad: 1 } : {};
      return norm === undefined
        ? conv2d(graph, x, weights, key, options)
        : conv2dBatchNorm(graph, x, weights, key, norm, options);
    }
    case 'double':
    case 'from-bottleneck': {
      const options = kind === 'double' ? { stride: 2, pad: 1 } : {};
      return norm === undefined
        ? convTranspose2d(graph, x, weights, key, options)
        : convTranspose2dBatchNorm(graph, x, weights, key, norm, options);
    }
  }
}

/** Every channel's map through its own fully connected layer. */
function channelWise(graph: Graph, weights: Weights, x: Value, key: string): Value {
  const weight = readTensor(weights, `${key}.weight`);
  const [channels = 0, positions = 0] = weight.shape;
  const columns = reshape(graph, x, [-1, channels, positions, 1]);
  let y = graph.op('MatMul', [graph.constant(weight, `${key}.weight`), columns]);
  const bias = findTensor(weights, `${key}.bias`);
  if (bias !== undefined)
    y = add(graph, y, graph.constant({ data: bias.data, shape: [channels, positions, 1] }, `${key}.bias`));
  return reshape(graph, y, [-1, channels, coarsestPx, coarsestPx]);
}
