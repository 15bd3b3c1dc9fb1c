import { HeirloomError } from '../../shared/failure.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { add, conv2d, conv2dBatchNorm, depthwiseAffine, pixelShuffle, prelu, tanh } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop, receptiveFieldPx } from './geometry.ts';
import {
  countFrom,
  expectConv,
  expectShape,
  expectVectors,
  findShape,
  has,
  misfit,
  shapeOf,
  squareRoot,
} from './reading.ts';

export interface SrResNetParams {
  readonly layout: 'numbered' | 'trunk';
  readonly features: number;
  readonly blocks: number;
  /** Kernel sides of the first and the last convolution: 9 in the paper. */
  readonly firstKernel: number;
  readonly lastKernel: number;
  readonly shuffles: readonly number[];
  readonly scale: number;
  readonly channels: number;
}

/** Names in one layout; `norm` and `slope` belong to the convolution of the same step. */
interface Keys {
  readonly first: string;
  readonly firstSlope: string;
  readonly block: (index: number) => {
    conv1: string;
    norm1: string;
    slope: string;
    conv2: string;
    norm2: string;
  };
  readonly after: (blocks: number) => { conv: string; norm: string };
  readonly up: (index: number, blocks: number) => { conv: string; slope: string };
  readonly last: (shuffles: number, blocks: number) => string;
  /** The last layer is (tanh + 1) / 2. */
  readonly tanhOutput: boolean;
}

const layouts: Readonly<Record<SrResNetParams['layout'], Keys>> = {
  numbered: {
    first: 'block1.0',
    firstSlope: 'block1.1.weight',
    block: (index) => {
      const stem = `block${index + 2}`;
      return {
        conv1: `${stem}.conv1`,
        norm1: `${stem}.bn1`,
        slope: `${stem}.prelu.weight`,
        conv2: `${stem}.conv2`,
        norm2: `${stem}.bn2`,
      };
    },
    after: (blocks) => ({ conv: `block${blocks + 2}.0`, norm: `block${blocks + 2}.1` }),
    up: (index, blocks) => ({
      conv: `block${blocks + 3}.${index}.conv`,
      slope: `block${blocks + 3}.${index}.prelu.weight`,
    }),
    last: (shuffles, blocks) => `block${blocks + 3}.${shuffles}`,
    tanhOutput: true,
  },
  trunk: {
    first: 'conv1.0',
    firstSlope: 'conv1.1.weight',
    block: (index) => {
      const stem = `trunk.${index}.rcb`;
      return {
        conv1: `${stem}.0`,
        norm1: `${stem}.1`,
        slope: `${stem}.2.weight`,
        conv2: `${stem}.3`,
        norm2: `${stem}.4`,
      };
    },
    after: () => ({ conv: 'conv2.0', norm: 'conv2.1' }),
    up: (index) => ({
      conv: `upsampling.${index}.upsample_block.0`,
      slope: `upsampling.${index}.upsample_block.2.weight`,
    }),
    last: () => 'conv3',
    tanhOutput: false,
  },
};

/**
 * SRResNet as in the paper, which is also SRGAN's generator: batch-normalized residual blocks with PReLU between 9×9 convolutions.
 *
 * The paper fixes no key names. Two layouts are read: numbered blocks (`block1.0`, `block2.conv1`, `block2.bn1`, …, tanh at the end, mapped to
 * [0, 1]) and a trunk (`conv1.0`, `trunk.N.rcb.0–4`, `conv2.0/1`, `upsampling.N.upsample_block.0/2`, `conv3`, no tanh). A plain convolution
 * and norm without bias or with are both fine; the batch norms are folded into the convolutions.
 */
export const srResNet: Architecture<SrResNetParams> = {
  id: 'sr-res-net',
  name: 'SRResNet (SRGAN paper form)',
  source: {
    paper: 'https://arxiv.org/abs/1609.04802',
    code: 'https://github.com/leftthomas/SRGAN',
    license: 'paper',
  },
  detect: (weights) => layoutOf(weights) !== undefined,
  read,
  describe,
  build,
};

function layoutOf(weights: Weights): SrResNetParams['layout'] | undefined {
  return (['numbered', 'trunk'] as const).find((name) => {
    const { first, firstSlope, block } = layouts[name];
    const { conv1, norm1, slope, conv2 } = block(0);
    return has(
      weights,
      `${first}.weight`,
      firstSlope,
      `${conv1}.weight`,
      `${norm1}.running_mean`,
      slope,
      `${conv2}.weight`,
    );
  });
}

function read(weights: Weights): SrResNetParams {
  const layout = layoutOf(weights) ?? 'numbered';
  const keys = layouts[layout];
  const [features, channels, firstKernel] = shapeOf(weights, `${keys.first}.weight`, 4);
  const blocks = countFrom(weights, (index) => `${keys.block(index).conv1}.weight`);
  for (let index = 0; index < blocks; index++) {
    const { conv1, norm1, slope, conv2, norm2 } = keys.block(index);
    expectSlopes(weights, slope, features);
    expectNormalized(weights, conv1, norm1, features);
    expectNormalized(weights, conv2, norm2, features);
  }
  const after = keys.after(blocks);
  expectNormalized(weights, after.conv, after.norm, features);
  const shuffles = Array.from(
    { length: countFrom(weights, (index) => `${keys.up(index, blocks).conv}.weight`) },
    (_, index) => {
      const name = `${keys.up(index, blocks).conv}.weight`;
      const shape = shapeOf(weights, name, 4);
      const factor = squareRoot(shape[0] / features);
      if (factor === undefined) throw misfit(weights, name, shape, 'features × factor² outputs');
      expectConv(weights, keys.up(index, blocks).conv, features * factor * factor, features, 3, 'maybe-bias');
      expectSlopes(weights, keys.up(index, blocks).slope, features);
      return factor;
    },
  );
  const lastName = `${keys.last(shuffles.length, blocks)}.weight`;
  const [, , lastKernel] = shapeOf(weights, lastName, 4);
  expectConv(weights, keys.last(shuffles.length, blocks), channels, features, lastKernel, 'maybe-bias');
  expectConv(weights, keys.first, features, channels, firstKernel, 'maybe-bias');
  expectSlopes(weights, keys.firstSlope, features);
  if (firstKernel % 2 === 0 || lastKernel % 2 === 0) {
    throw new HeirloomError(
      'unsupported-model',
      `${weights.source} has convolutions of even size, which keep no center.`,
    );
  }
  const scale = shuffles.reduce((product, factor) => product * factor, 1);
  return { layout, features, blocks, firstKernel, lastKernel, shuffles, scale, channels };
}

function expectNormalized(weights: Weights, conv: string, norm: string, features: number): void {
  expectConv(weights, conv, features, features, 3, 'maybe-bias');
  expectShape(weights, `${norm}.running_mean`, [features]);
  expectShape(weights, `${norm}.running_var`, [features]);
  expectVectors(weights, features, `${norm}.weight`, `${norm}.bias`);
}

/** PReLU has one slope for all channels or one for each. */
function expectSlopes(weights: Weights, name: string, features: number): void {
  expectShape(weights, name, [findShape(weights, name)?.[0] === 1 ? 1 : features]);
}

function describe(params: SrResNetParams): ModelInfo {
  const { features, blocks, firstKernel, lastKernel, shuffles, scale, channels, layout } = params;
  let flop = convFlop(firstKernel, channels, features) + (2 * blocks + 1) * convFlop(3, features, features);
  const reaches: [number, number][] = [[(firstKernel - 1) / 2 + 2 * blocks + 1, 1]];
  let resolution = 1;
  for (const factor of shuffles) {
    flop += convFlop(3, features, features * factor * factor, resolution * resolution);
    reaches.push([1, resolution]);
    resolution *= factor;
  }
  reaches.push([(lastKernel - 1) / 2, scale]);
  return {
    role: 'enlarge',
    scale,
    inputChannels: channels,
    outputChannels: channels,
    sizeMultiple: 1,
    padMode: 'reflect',
    receptiveFieldPx: receptiveFieldPx(reaches),
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { features, blocks, scale, layout },
    flopPerPixel: flop + convFlop(lastKernel, features, channels, scale * scale),
  };
}

function build(graph: Graph, weights: Weights, params: SrResNetParams): Readonly<Record<string, Value>> {
  const { blocks, shuffles, channels } = params;
  const keys = layouts[params.layout];
  const input = graph.input('input', ['n', channels, 'h', 'w']);
  const firstPad = (params.firstKernel - 1) / 2;
  const first = prelu(
    graph,
    conv2d(graph, input, weights, keys.first, { pad: firstPad }),
    weights,
    keys.firstSlope,
  );
  let x = first;
  for (let index = 0; index < blocks; index++) {
    const { conv1, norm1, slope, conv2, norm2 } = keys.block(index);
    const inner = prelu(graph, conv2dBatchNorm(graph, x, weights, conv1, norm1, { pad: 1 }), weights, slope);
    x = add(graph, conv2dBatchNorm(graph, inner, weights, conv2, norm2, { pad: 1 }), x);
  }
  const after = keys.after(blocks);
  x = add(graph, conv2dBatchNorm(graph, x, weights, after.conv, after.norm, { pad: 1 }), first);
  shuffles.forEach((factor, index) => {
    const { conv, slope } = keys.up(index, blocks);
    const shuffled = pixelShuffle(graph, conv2d(graph, x, weights, conv, { pad: 1 }), factor);
    x = prelu(graph, shuffled, weights, slope);
  });
  x = conv2d(graph, x, weights, keys.last(shuffles.length, blocks), { pad: (params.lastKernel - 1) / 2 });
  if (!keys.tanhOutput) return { output: x };
  const half = new Float32Array(channels).fill(0.5);
  return { output: depthwiseAffine(graph, tanh(graph, x), half, half, 'half') };
}
