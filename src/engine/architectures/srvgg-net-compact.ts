import type { Graph, Tensor, Value } from '../graph/graph.ts';
import { add, conv2d, convolve, pixelShuffle, prelu } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop, receptiveFieldPx } from './geometry.ts';
import {
  countFrom,
  expectConv,
  expectShape,
  findShape,
  hasRank,
  misfit,
  shapeOf,
  squareRoot,
} from './reading.ts';

export interface SrvggNetCompactParams {
  readonly features: number;
  /** Convolutions between the first and the last. */
  readonly convolutions: number;
  readonly scale: number;
  readonly inputChannels: number;
  readonly outputChannels: number;
}

/** A plain chain of convolutions and PReLUs whose result, shuffled to full size, is added to the nearest enlargement. */
export const srvggNetCompact: Architecture<SrvggNetCompactParams> = {
  id: 'srvgg-net-compact',
  name: 'SRVGGNetCompact',
  source: {
    paper: 'https://arxiv.org/abs/2107.10833',
    code: 'https://github.com/xinntao/Real-ESRGAN',
    license: 'BSD-3-Clause',
  },
  detect(weights) {
    return (
      hasRank(weights, 'body.0.weight', 4) &&
      hasRank(weights, 'body.1.weight', 1) &&
      hasRank(weights, 'body.2.weight', 4)
    );
  },
  read,
  describe,
  build,
};

function read(weights: Weights): SrvggNetCompactParams {
  const [features, inputChannels] = shapeOf(weights, 'body.0.weight', 4);
  const last = countFrom(weights, (index) => `body.${index}.weight`) - 1;
  const convolutions = last / 2 - 1;
  const lastName = `body.${last}.weight`;
  const lastShape = findShape(weights, lastName) ?? [];
  if (last % 2 !== 0) throw misfit(weights, lastName, lastShape, 'a convolution at the end');
  const [lastChannels] = shapeOf(weights, lastName, 4);
  for (let layer = 0; layer < last; layer += 2) {
    expectConv(weights, `body.${layer}`, features, layer === 0 ? inputChannels : features, 3);
    const slope = `body.${layer + 1}.weight`;
    if (weights.tensors.get(slope)?.shape[0] !== 1) expectShape(weights, slope, [features]);
  }
  expectConv(weights, `body.${last}`, lastChannels, features, 3);
  for (const outputChannels of [inputChannels, 3, 4, 1]) {
    const scale = squareRoot(lastChannels / outputChannels);
    if (scale !== undefined) return { features, convolutions, scale, inputChannels, outputChannels };
  }
  throw misfit(weights, lastName, lastShape, 'channels × scale² outputs');
}

function describe(params: SrvggNetCompactParams): ModelInfo {
  const { features, convolutions, scale, inputChannels, outputChannels } = params;
  return {
    role: scale === 1 ? 'clean' : 'enlarge',
    scale,
    inputChannels,
    outputChannels,
    sizeMultiple: 1,
    padMode: 'reflect',
    receptiveFieldPx: receptiveFieldPx([[convolutions + 2, 1]]),
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { features, convolutions, scale },
    flopPerPixel:
      convFlop(3, inputChannels, features) +
      convolutions * convFlop(3, features, features) +
      convFlop(3, features, outputChannels * scale * scale),
  };
}

function build(
  graph: Graph,
  weights: Weights,
  params: SrvggNetCompactParams,
): Readonly<Record<string, Value>> {
  const { convolutions, scale, inputChannels, outputChannels } = params;
  const input = graph.input('input', ['n', inputChannels, 'h', 'w']);
  let x = input;
  for (let layer = 0; layer <= convolutions; layer++) {
    x = conv2d(graph, x, weights, `body.${2 * layer}`, { pad: 1 });
    x = prelu(graph, x, weights, `body.${2 * layer + 1}.weight`);
  }
  x = conv2d(graph, x, weights, `body.${2 * convolutions + 2}`, { pad: 1 });
  const base = convolve(
    graph,
    input,
    nearestBase(inputChannels, outputChannels, scale),
    undefined,
    {},
    'nearest',
  );
  return { output: pixelShuffle(graph, add(graph, x, base), scale) };
}

/** A 1×1 convolution that copies every input channel to the channels its pixels have before the shuffle: nearest enlargement. */
function nearestBase(inputChannels: number, outputChannels: number, scale: number): Tensor {
  const area = scale * scale;
  const data = new Float32Array(outputChannels * area * inputChannels);
  for (let output = 0; output < outputChannels * area; output++) {
    const source = inputChannels === 1 ? 0 : Math.floor(output / area);
    if (source < inputChannels) data[output * inputChannels + source] = 1;
  }
  return { data, shape: [outputChannels * area, inputChannels, 1, 1] };
}
