import type { Weights } from '../weights/weights.ts';
import type { Graph, Tensor, Value } from './graph.ts';
import { convolve, depthwiseScale, findTensor, readTensor, reshape, scaled } from './layers.ts';

/**
 * Modulated convolution of StyleGAN2 with its weight kept constant, so that ONNX Runtime packs it once: the style multiplies the input
 * channels, the demodulation the output channels, d = 1 / √(s² · Q + 1e-8) with Q the squared weights summed over the kernel.
 *
 * Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), section 2.2.
 */
export interface ModulatedConv {
  /** Multiplies the input: (n, in, 1, 1). */
  readonly style: Value;
  /** Multiplies the output: (n, out, 1, 1). */
  readonly demodulation: Value;
  /** (out, in, k, k), times the gain. */
  readonly weight: Tensor;
}

/** The style of a modulated convolution stored under `key`, from a latent (n, style): (n, in). */
export function styleOf(graph: Graph, latent: Value, weights: Weights, key: string): Value {
  return gemm(graph, latent, weights, `${key}.modulation`);
}

/** Fully connected layer of (n, in) with `key.weight` (out, in) used as it is stored, and `key.bias`. */
export function gemm(graph: Graph, x: Value, weights: Weights, key: string): Value {
  const inputs = [x, graph.constant(readTensor(weights, `${key}.weight`), `${key}.weight`)];
  const bias = findTensor(weights, `${key}.bias`);
  if (bias !== undefined) inputs.push(graph.constant(bias, `${key}.bias`));
  return graph.op('Gemm', inputs, { transB: 1 });
}

/** Modulated, demodulated convolution of x (n, in, h, w) with 'same' zero padding, times `gain`; `resize` acts between style and convolution. */
export function modulatedConv(
  graph: Graph,
  x: Value,
  latent: Value,
  weights: Weights,
  key: string,
  gain: number,
  resize?: (value: Value) => Value,
): Value {
  const stored = readTensor(weights, `${key}.weight`);
  const weight = { data: stored.data, shape: stored.shape.slice(1) };
  const [outChannels = 0, inChannels = 0, kernel = 1] = weight.shape;
  const style = styleOf(graph, latent, weights, key);
  const squared = graph.op('Mul', [style, style]);
  const norm = graph.op('MatMul', [squared, graph.constant(squaredSums(weight), `${key}.squares`)]);
  const epsilon = graph.constant({ data: Float32Array.of(1e-8), shape: [] }, 'epsilon');
  const demodulation = graph.op('Reciprocal', [graph.op('Sqrt', [graph.op('Add', [norm, epsilon])])]);
  let modulated = graph.op('Mul', [x, reshape(graph, style, [-1, inChannels, 1, 1])]);
  // The depthwise identity puts the resize into ONNX Runtime's blocked layout: a quarter of the pixels to reorder, and the faster resize.
  if (resize !== undefined) modulated = resize(depthwiseScale(graph, modulated, inChannels, 1));
  const y = convolve(graph, modulated, scaled(weight, gain), undefined, { pad: Math.floor(kernel / 2) }, key);
  return graph.op('Mul', [y, reshape(graph, demodulation, [-1, outChannels, 1, 1])]);
}

/** Modulated 1×1 convolution without demodulation of x (n, in, size, size): few output channels, so the style goes into the weight. */
export function modulatedToRgb(
  graph: Graph,
  x: Value,
  latent: Value,
  weights: Weights,
  key: string,
  sizePx: number,
): Value {
  const stored = readTensor(weights, `${key}.weight`);
  const [, outChannels = 0, inChannels = 0] = stored.shape;
  const style = reshape(graph, styleOf(graph, latent, weights, key), [-1, 1, inChannels]);
  const weight = graph.constant({ data: stored.data, shape: [1, outChannels, inChannels] }, `${key}.weight`);
  const pixels = reshape(graph, x, [0, inChannels, sizePx * sizePx]);
  const product = graph.op('MatMul', [graph.op('Mul', [weight, style]), pixels]);
  return reshape(graph, product, [0, outChannels, sizePx, sizePx]);
}

/** Q[i, o] = Σ over the kernel of W[o, i]². */
function squaredSums(weight: Tensor): Tensor {
  const [outChannels = 0, inChannels = 0] = weight.shape;
  const taps = weight.data.length / (outChannels * inChannels);
  const data = new Float32Array(inChannels * outChannels);
  let index = 0;
  for (let out = 0; out < outChannels; out++) {
    for (let input = 0; input < inChannels; input++) {
      let sum = 0;
      for (let tap = 0; tap < taps; tap++, index++) sum += (weight.data[index] ?? 0) ** 2;
      data[input * outChannels + out] = sum;
    }
  }
  return { data, shape: [inChannels, outChannels] };
}
