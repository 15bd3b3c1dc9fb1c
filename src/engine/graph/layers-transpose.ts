import type { Weights } from '../weights/weights.ts';
import type { Graph, Value } from './graph.ts';
import { batchNormAffine, type ConvTranspose2dOptions, findTensor, readTensor } from './layers.ts';

/** Transposed convolution with `convKey.weight` (in, out, kh, kw) whose stored batch normalization, if there is one, is folded in. */
export function convTranspose2dBatchNorm(
  graph: Graph,
  x: Value,
  weights: Weights,
  convKey: string,
  normKey: string,
  options: Omit<ConvTranspose2dOptions, 'group'> & { readonly pad?: number },
): Value {
  const weight = readTensor(weights, `${convKey}.weight`);
  const bias = findTensor(weights, `${convKey}.bias`);
  const [, channels = 0, kernelHeight = 1, kernelWidth = 1] = weight.shape;
  const { factor, offset } = batchNormAffine(weights, normKey);
  const taps = kernelHeight * kernelWidth;
  const data = weight.data.map((value, index) => value * (factor[Math.floor(index / taps) % channels] ?? 1));
  const shift = offset.map((value, channel) => value + (bias?.data[channel] ?? 0) * (factor[channel] ?? 1));
  const inputs = [
    x,
    graph.constant({ data, shape: weight.shape }, `${convKey}.weight`),
    graph.constant({ data: shift, shape: [channels] }, `${convKey}.bias`),
  ];
  const { stride = 1, pad = 0, outputPadding = 0 } = options;
  return graph.op('ConvTranspose', inputs, {
    kernel_shape: [kernelHeight, kernelWidth],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    output_padding: [outputPadding, outputPadding],
  });
}
