import type { Graph, Value } from '../graph/graph.ts';
import { add, bilinearResize, conv2d, leakyRelu, pixelShuffle, relu } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop, receptiveFieldPx } from './geometry.ts';
import { countFrom, expectConv, has, misfit, shapeOf, squareRoot } from './reading.ts';

export interface MsrResNetParams {
  readonly layout: 'new' | 'middle';
  readonly features: number;
  readonly blocks: number;
  /** Factors of the pixel shuffles: one of 2 or 3, or two of 2. */
  readonly shuffles: readonly number[];
  readonly scale: number;
  readonly inputChannels: number;
  readonly outputChannels: number;
}

const layouts = {
  new: { block: (index: number, conv: number) => `body.${index}.conv${conv}`, high: 'conv_hr' },
  middle: { block: (index: number, conv: number) => `recon_trunk.${index}.conv${conv}`, high: 'HRconv' },
} as const;

/**
 * SRResNet without batch normalization, on top of a bilinear enlargement; also the generator many SRGANs are trained with.
 *
 * Keys: `conv_first`, `body.N.conv1/2`, `upconv1/2`, `conv_hr`, `conv_last`, or with `recon_trunk` and `HRconv` in older files.
 */
export const msrResNet: Architecture<MsrResNetParams> = {
  id: 'msr-res-net',
  name: 'MSRResNet (SRResNet, SRGAN)',
  source: {
    paper: 'https://arxiv.org/abs/1609.04802',
    code: 'https://github.com/XPixelGroup/BasicSR',
    license: 'Apache-2.0',
  },
  detect: (weights) => layoutOf(weights) !== undefined,
  read,
  describe,
  build,
};

function layoutOf(weights: Weights): MsrResNetParams['layout'] | undefined {
  const alien =
    has(weights, 'spynet.basic_module.0.basic_module.0.conv.weight') ||
    has(weights, 'pcd_align.dcn_pack.l1.weight');
  if (alien || !has(weights, 'conv_first.weight', 'upconv1.weight', 'conv_last.weight')) return undefined;
  return (['new', 'middle'] as const).find((name) => {
    const { block, high } = layouts[name];
    return has(weights, `${block(0, 1)}.weight`, `${block(0, 2)}.weight`, `${high}.weight`);
  });
}

function read(weights: Weights): MsrResNetParams {
  const layout = layoutOf(weights) ?? 'new';
  const { block, high } = layouts[layout];
  const [features, inputChannels] = shapeOf(weights, 'conv_first.weight', 4);
  const [outputChannels] = shapeOf(weights, 'conv_last.weight', 4);
  const blocks = countFrom(weights, (index) => `${block(index, 1)}.weight`);
  const shuffles = Array.from(
    { length: countFrom(weights, (index) => `upconv${index}.weight`, 1) },
    (_, index) => {
      const key = `upconv${index + 1}`;
      const shape = shapeOf(weights, `${key}.weight`, 4);
      const factor = squareRoot(shape[0] / features);
      if (factor === undefined) throw misfit(weights, `${key}.weight`, shape, 'features × factor² outputs');
      expectConv(weights, key, features * factor * factor, features, 3);
      return factor;
    },
  );
  expectConv(weights, 'conv_first', features, inputChannels, 3);
  for (let index = 0; index < blocks; index++) {
    expectConv(weights, block(index, 1), features, features, 3);
    expectConv(weights, block(index, 2), features, features, 3);
  }
  expectConv(weights, high, features, features, 3);
  expectConv(weights, 'conv_last', outputChannels, features, 3);
  if (inputChannels !== outputChannels) {
    throw misfit(weights, 'conv_last.weight', [outputChannels, features, 3, 3], `${inputChannels} outputs`);
  }
  const scale = shuffles.reduce((product, factor) => product * factor, 1);
  return { layout, features, blocks, shuffles, scale, inputChannels, outputChannels };
}

function describe(params: MsrResNetParams): ModelInfo {
  const { features, blocks, shuffles, scale, inputChannels, outputChannels } = params;
  let flop = convFlop(3, inputChannels, features) + 2 * blocks * convFlop(3, features, features);
  const reaches: [number, number][] = [[1 + 2 * blocks, 1]];
  let resolution = 1;
  for (const factor of shuffles) {
    flop += convFlop(3, features, features * factor * factor, resolution * resolution);
    reaches.push([1, resolution]);
    resolution *= factor;
  }
  flop += (convFlop(3, features, features) + convFlop(3, features, outputChannels)) * scale * scale;
  reaches.push([2, scale]);
  return {
    role: 'enlarge',
    scale,
    inputChannels,
    outputChannels,
    sizeMultiple: 1,
    padMode: 'reflect',
    receptiveFieldPx: receptiveFieldPx(reaches),
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { features, blocks, scale, layout: params.layout },
    flopPerPixel: flop,
  };
}

function build(graph: Graph, weights: Weights, params: MsrResNetParams): Readonly<Record<string, Value>> {
  const { block, high } = layouts[params.layout];
  const input = graph.input('input', ['n', params.inputChannels, 'h', 'w']);
  let x = leakyRelu(graph, conv2d(graph, input, weights, 'conv_first', { pad: 1 }), 0.1);
  for (let index = 0; index < params.blocks; index++) {
    const inner = relu(graph, conv2d(graph, x, weights, block(index, 1), { pad: 1 }));
    x = add(graph, conv2d(graph, inner, weights, block(index, 2), { pad: 1 }), x);
  }
  params.shuffles.forEach((factor, index) => {
    // The activation works pixel by pixel, so it may come before the shuffle, where it is part of the convolution.
    x = pixelShuffle(
      graph,
      leakyRelu(graph, conv2d(graph, x, weights, `upconv${index + 1}`, { pad: 1 }), 0.1),
      factor,
    );
  });
  x = leakyRelu(graph, conv2d(graph, x, weights, high, { pad: 1 }), 0.1);
  x = conv2d(graph, x, weights, 'conv_last', { pad: 1 });
  return { output: add(graph, x, bilinearResize(graph, input, params.scale)) };
}
