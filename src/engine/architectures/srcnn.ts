import type { Graph, Value } from '../graph/graph.ts';
import { conv2d, numbers, relu } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop, receptiveFieldPx } from './geometry.ts';
import { expectConv, has, hasRank, shapeOf } from './reading.ts';

export interface SrcnnParams {
  readonly layout: 'numbered' | 'named';
  readonly channels: number;
  /** Output channels of the first two convolutions. */
  readonly features: readonly [number, number];
  readonly kernels: readonly [number, number, number];
  /** The bicubic enlargement before the first convolution; 1 if the file does not say. */
  readonly scale: number;
}

const layouts = {
  numbered: ['conv1', 'conv2', 'conv3'],
  named: ['features.0', 'map.0', 'reconstruction'],
} as const;

/**
 * SRCNN: three convolutions that sharpen a bicubic enlargement, any kernel sizes.
 *
 * The enlargement is not part of the weights. It is taken from the metadata entry `scale` or from `x2`, `x3`, … in the file name; otherwise the
 * network keeps the size and sharpens what it gets. Keys: `conv1–3`, or `features.0`, `map.0`, `reconstruction`.
 */
export const srcnn: Architecture<SrcnnParams> = {
  id: 'srcnn',
  name: 'SRCNN',
  source: {
    paper: 'https://arxiv.org/abs/1501.00092',
    code: 'https://github.com/open-mmlab/mmagic',
    license: 'Apache-2.0',
  },
  detect: (weights) => layoutOf(weights) !== undefined,
  read,
  describe,
  build,
};

function layoutOf(weights: Weights): SrcnnParams['layout'] | undefined {
  return (['numbered', 'named'] as const).find((name) => {
    const keys = layouts[name].map((key) => `${key}.weight`);
    if (!has(weights, ...keys) || !keys.every((key) => hasRank(weights, key, 4)) || weights.tensors.size > 6)
      return false;
    const [features1, channels, kernel1] = shapeOf(weights, keys[0] ?? '', 4);
    const [outputs] = shapeOf(weights, keys[2] ?? '', 4);
    return outputs === channels && kernel1 >= 7 && features1 > channels;
  });
}

function read(weights: Weights): SrcnnParams {
  const layout = layoutOf(weights) ?? 'numbered';
  const [first, second, third] = layouts[layout];
  const [features1, channels, kernel1] = shapeOf(weights, `${first}.weight`, 4);
  const [features2, , kernel2] = shapeOf(weights, `${second}.weight`, 4);
  const [, , kernel3] = shapeOf(weights, `${third}.weight`, 4);
  expectConv(weights, first, features1, channels, kernel1);
  expectConv(weights, second, features2, features1, kernel2);
  expectConv(weights, third, channels, features2, kernel3);
  const kernels = [kernel1, kernel2, kernel3] as const;
  return { layout, channels, features: [features1, features2], kernels, scale: statedScale(weights) };
}

/** 2 to 8 from the metadata or the file name, else 1. */
function statedScale(weights: Weights): number {
  const name = weights.source.split(/[\\/]/).at(-1) ?? '';
  const stated = weights.metadata.scale ?? /(?:^|[^a-z0-9])x([2-8])(?![0-9])/i.exec(name)?.[1];
  const scale = Number(stated);
  return Number.isInteger(scale) && scale >= 2 && scale <= 8 ? scale : 1;
}

function describe(params: SrcnnParams): ModelInfo {
  const { channels, features, kernels, scale } = params;
  const area = scale * scale;
  const reach = kernels.reduce((sum, kernel) => sum + (kernel - 1) / 2, 0);
  return {
    role: scale === 1 ? 'clean' : 'enlarge',
    scale,
    inputChannels: channels,
    outputChannels: channels,
    sizeMultiple: 1,
    padMode: 'replicate',
    receptiveFieldPx:
      scale === 1
        ? reach
        : receptiveFieldPx([
            [reach, scale],
            [2, 1],
          ]),
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { features: features.join('-'), kernels: kernels.join('-'), scale },
    flopPerPixel:
      convFlop(kernels[0], channels, features[0], area) +
      convFlop(kernels[1], features[0], features[1], area) +
      convFlop(kernels[2], features[1], channels, area),
  };
}

function build(graph: Graph, weights: Weights, params: SrcnnParams): Readonly<Record<string, Value>> {
  const { kernels, scale } = params;
  let x = graph.input('input', ['n', params.channels, 'h', 'w']);
  if (scale > 1) x = bicubicUp(graph, x, scale);
  layouts[params.layout].forEach((key, index) => {
    x = conv2d(graph, x, weights, key, { pad: ((kernels[index] ?? 1) - 1) / 2 });
    if (index < 2) x = relu(graph, x);
  });
  return { output: x };
}

/** PyTorch's bicubic enlargement (a = −0.75), which these networks were trained on. */
function bicubicUp(graph: Graph, x: Value, scale: number): Value {
  return graph.op('Resize', [x, undefined, numbers(graph, [1, 1, scale, scale], [4])], {
    mode: 'cubic',
    coordinate_transformation_mode: 'half_pixel',
    cubic_coeff_a: { float: -0.75 },
  });
}
