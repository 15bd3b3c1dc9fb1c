import type { Graph, Value } from '../graph/graph.ts';
import { conv2d, pixelShuffle, tanh } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop, receptiveFieldPx } from './geometry.ts';
import { expectConv, has, hasRank, misfit, shapeOf, squareRoot } from './reading.ts';

export interface EspcnParams {
  readonly layout: 'numbered' | 'parts' | 'maps';
  readonly channels: number;
  readonly features: readonly [number, number];
  readonly kernels: readonly [number, number, number];
  readonly scale: number;
}

const layouts = {
  numbered: ['conv1', 'conv2', 'conv3'],
  parts: ['first_part.0', 'first_part.2', 'last_part.0'],
  maps: ['feature_maps.0', 'feature_maps.2', 'sub_pixel.0'],
} as const;

/**
 * ESPCN: two convolutions with tanh and a third whose channels are shuffled into the enlargement; gray (luma) in the paper.
 *
 * Keys: `conv1–3`, or `first_part.0/2` and `last_part.0`, or `feature_maps.0/2` and `sub_pixel.0`.
 */
export const espcn: Architecture<EspcnParams> = {
  id: 'espcn',
  name: 'ESPCN',
  source: {
    paper: 'https://arxiv.org/abs/1609.05158',
    code: 'https://github.com/yjn870/ESPCN-pytorch',
    license: 'paper',
  },
  detect: (weights) => layoutOf(weights) !== undefined,
  read,
  describe,
  build,
};

function layoutOf(weights: Weights): EspcnParams['layout'] | undefined {
  return (['numbered', 'parts', 'maps'] as const).find((name) => {
    const keys = layouts[name].map((key) => `${key}.weight`);
    if (!has(weights, ...keys) || !keys.every((key) => hasRank(weights, key, 4)) || weights.tensors.size > 6)
      return false;
    const [, channels] = shapeOf(weights, keys[0] ?? '', 4);
    const [outputs] = shapeOf(weights, keys[2] ?? '', 4);
    return outputs > channels && squareRoot(outputs / channels) !== undefined;
  });
}

function read(weights: Weights): EspcnParams {
  const layout = layoutOf(weights) ?? 'numbered';
  const [first, second, third] = layouts[layout];
  const [features1, channels, kernel1] = shapeOf(weights, `${first}.weight`, 4);
  const [features2, , kernel2] = shapeOf(weights, `${second}.weight`, 4);
  const lastShape = shapeOf(weights, `${third}.weight`, 4);
  const [outputs, , kernel3] = lastShape;
  const scale = squareRoot(outputs / channels);
  if (scale === undefined) throw misfit(weights, `${third}.weight`, lastShape, 'channels × scale² outputs');
  expectConv(weights, first, features1, channels, kernel1);
  expectConv(weights, second, features2, features1, kernel2);
  expectConv(weights, third, outputs, features2, kernel3);
  return { layout, channels, features: [features1, features2], kernels: [kernel1, kernel2, kernel3], scale };
}

function describe(params: EspcnParams): ModelInfo {
  const { channels, features, kernels, scale } = params;
  return {
    role: 'enlarge',
    scale,
    inputChannels: channels,
    outputChannels: channels,
    sizeMultiple: 1,
    padMode: 'replicate',
    receptiveFieldPx: receptiveFieldPx([[kernels.reduce((sum, kernel) => sum + (kernel - 1) / 2, 0), 1]]),
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { features: features.join('-'), kernels: kernels.join('-'), scale },
    flopPerPixel:
      convFlop(kernels[0], channels, features[0]) +
      convFlop(kernels[1], features[0], features[1]) +
      convFlop(kernels[2], features[1], channels * scale * scale),
  };
}

function build(graph: Graph, weights: Weights, params: EspcnParams): Readonly<Record<string, Value>> {
  let x = graph.input('input', ['n', params.channels, 'h', 'w']);
  layouts[params.layout].forEach((key, index) => {
    x = conv2d(graph, x, weights, key, { pad: ((params.kernels[index] ?? 1) - 1) / 2 });
    if (index < 2) x = tanh(graph, x);
  });
  return { output: pixelShuffle(graph, x, params.scale) };
}
