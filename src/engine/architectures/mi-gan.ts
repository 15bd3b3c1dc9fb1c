import type { Graph, Value } from '../graph/graph.ts';
import {
  add,
  concat,
  convolve,
  depthwiseScale,
  findTensor,
  leakyRelu,
  mul,
  numbers,
  readTensor,
  scaled,
} from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { expectShape, has } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a MI-GAN generator. */
export interface MiGanParams {
  /** Side of the square image it takes: 512 or 256 in the published weights. */
  readonly sizePx: number;
  /** Channels at 4×4, 8×8, … */
  readonly widths: readonly number[];
  readonly flopPerPixel: number;
}

/**
 * The small inpainting network MI-GAN, in its inference form.
 *
 * 'input' (n, 3, size, size) is RGB in [−1, 1], 'mask' (n, 1, size, size) is 1 where to fill and 0 elsewhere (the published pipeline uses the
 * opposite). 'output' is the image with the hole filled, not clamped: pixels outside the mask come back unchanged.
 */
export const miGan: Architecture<MiGanParams> = {
  id: 'mi-gan',
  name: 'MI-GAN',
  source: {
    paper: 'Sargsyan et al., MI-GAN: A Simple Baseline for Image Inpainting on Mobile Devices, ICCV 2023',
    code: 'https://github.com/Picsart-AI-Research/MI-GAN',
    license: 'MIT',
  },
  detect: (weights) =>
    has(
      weights,
      'synthesis.b4.conv1.conv1.weight',
      'encoder.b4.conv1.conv1.weight',
      'synthesis.b8.torgb.weight',
    ),
  read,
  describe,
  build,
};

function read(weights: Weights): MiGanParams {
  const widths: number[] = [];
  for (let size = 4; has(weights, `synthesis.b${size}.torgb.weight`); size *= 2) {
    const width = dimension(weights, `encoder.b${size}.conv1.conv1.weight`, 4, 0);
    expectShape(weights, `synthesis.b${size}.torgb.weight`, [3, width, 1, 1]);
    if (size > 4) {
      expectShape(weights, `synthesis.b${size}.conv2.noise_const`, [size, size]);
      expectShape(weights, `synthesis.b${size}.conv1.upsample.filter.weight`, [width, 1, 4, 4]);
    }
    widths.push(width);
  }
  const sizePx = 2 << widths.length;
  expectShape(weights, `encoder.b${sizePx}.fromrgb.weight`, [widths.at(-1) ?? 0, 4, 1, 1]);
  return { sizePx, widths, flopPerPixel: weightFlop(weights, (name) => areaOf(name, sizePx)) };
}

/** Output positions per input pixel at which a weight is applied. */
function areaOf(name: string, sizePx: number): number {
  const side = Number(/\.b(\d+)\./.exec(name)?.[1] ?? 0);
  const halved = name.includes('downsample') || /^encoder.*conv2\.conv2/.test(name);
  const doubled = /^synthesis.*conv1\.conv/.test(name);
  return (Math.max(4, side / (halved || doubled ? 2 : 1)) / sizePx) ** 2;
}

function describe({ sizePx, widths, flopPerPixel }: MiGanParams): ModelInfo {
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
    hyperparameters: { size: sizePx, widths: widths.join(' ') },
    flopPerPixel,
  };
}

function build(graph: Graph, weights: Weights, params: MiGanParams): Readonly<Record<string, Value>> {
  const { sizePx } = params;
  const image = graph.input('input', ['n', 3, sizePx, sizePx]);
  const mask = graph.input('mask', ['n', 1, sizePx, sizePx]);
  const known = graph.op('Sub', [numbers(graph, [1]), mask]);
  const visible = mul(graph, image, known);
  const centered = graph.op('Sub', [known, numbers(graph, [0.5])]);
  const first = `encoder.b${sizePx}.fromrgb`;
  const bias = findTensor(weights, `${first}.bias`);
  const pixels = concat(graph, [centered, visible]);
  let x = activate(
    graph,
    convolve(graph, pixels, readTensor(weights, `${first}.weight`), bias, { scale: Math.SQRT2 }, first),
    dimension(weights, `${first}.weight`, 4, 0),
  );
  const features = new Map<number, Value>();
  for (let size = sizePx; size >= 4; size /= 2) {
    const feature = separable(graph, weights, x, `encoder.b${size}.conv1`);
    features.set(size, feature);
    x = separable(graph, weights, feature, `encoder.b${size}.conv2`);
  }
  let rgb: Value | undefined;
  for (const [size, feature] of [...features].reverse()) {
    const key = `synthesis.b${size}`;
    x = separable(
      graph,
      weights,
      add(graph, separable(graph, weights, x, `${key}.conv1`), feature),
      `${key}.conv2`,
    );
    const layer = convolve(
      graph,
      x,
      readTensor(weights, `${key}.torgb.weight`),
      findTensor(weights, `${key}.torgb.bias`),
      {},
      key,
    );
    rgb = rgb === undefined ? layer : add(graph, layer, upsample(graph, weights, rgb, key, 1));
  }
  return { output: add(graph, mul(graph, rgb ?? image, mask), visible) };
}

/**
 * Leaky ReLU and clamping; its gain of √2 is folded into what comes before. The depthwise identity takes the clamping in as its activation, so that both
 * stay in ONNX Runtime's blocked layout.
 */
function activate(graph: Graph, x: Value, channels: number): Value {
  const y = depthwiseScale(graph, leakyRelu(graph, x), channels, 1);
  return graph.op('Clip', [y, numbers(graph, [-256]), numbers(graph, [256])]);
}

/** Depthwise 3×3 and 1×1 convolution, with the blurred halving or doubling and the stored noise that its weights have. */
function separable(graph: Graph, weights: Weights, x: Value, key: string): Value {
  const depthwise = readTensor(weights, `${key}.conv1.weight`);
  const group = depthwise.shape[0] ?? 1;
  const bias = findTensor(weights, `${key}.conv1.bias`);
  let y = activate(
    graph,
    convolve(graph, x, depthwise, bias, { pad: 1, group, scale: Math.SQRT2 }, `${key}.conv1`),
    group,
  );
  const half = findTensor(weights, `${key}.downsample.filter.weight`);
  if (half !== undefined)
    y = convolve(graph, y, half, undefined, { stride: 2, pad: 1, group }, `${key}.downsample`);
  const doubled = has(weights, `${key}.upsample.filter.weight`);
  const scale = doubled ? 1 : Math.SQRT2;
  y = convolve(graph, y, readTensor(weights, `${key}.conv2.weight`), undefined, { scale }, `${key}.conv2`);
  if (doubled) y = upsample(graph, weights, y, key, Math.SQRT2);
  const strength = (findTensor(weights, `${key}.noise_strength`)?.data[0] ?? 0) * Math.SQRT2;
  const noise = strength === 0 ? undefined : findTensor(weights, `${key}.noise_const`);
  if (noise !== undefined) {
    const map = { data: scaled(noise, strength).data, shape: [1, 1, ...noise.shape] };
    y = add(graph, y, graph.constant(map, `${key}.noise`));
  }
  return activate(graph, y, dimension(weights, `${key}.conv2.weight`, 4, 0));
}

/**
 * Doubling by inserting zeros (each pixel stays at the top left of its four) and blurring with the stored 4×4 filter: a transposed depthwise
 * convolution with that filter turned around.
 */
function upsample(graph: Graph, weights: Weights, x: Value, key: string, gain: number): Value {
  const filter = readTensor(weights, `${key}.upsample.filter.weight`);
  const turned = filter.data.map(
    (_, index) => (filter.data[index - (index % 16) + 15 - (index % 16)] ?? 0) * gain,
  );
  return graph.op(
    'ConvTranspose',
    [x, graph.constant({ data: turned, shape: filter.shape }, `${key}.upsample`)],
    {
      kernel_shape: [4, 4],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      group: filter.shape[0] ?? 1,
    },
  );
}
