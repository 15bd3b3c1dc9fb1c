import type { Graph, Value } from '../graph/graph.ts';
import {
  add,
  batchNormAffine,
  concat,
  conv2d,
  conv2dBatchNorm,
  convolve,
  mul,
  numbers,
  readTensor,
  reflectPad,
  relu,
  sigmoid,
} from '../graph/layers.ts';
import { fourier, fourierPlan, type FourierPlan, inverseFourier } from '../graph/layers-fourier.ts';
import { convTranspose2dBatchNorm } from '../graph/layers-transpose.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { countFrom, has } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a LaMa generator. */
export interface LaMaParams {
  /** What stands before the layer number in tensor names: `generator.model.` or `model.` and the like. */
  readonly prefix: string;
  /** Halvings before the residual blocks. */
  readonly halvings: number;
  readonly blocks: number;
  /** Channels of the local and of the global branch. */
  readonly localWidth: number;
  readonly globalWidth: number;
  readonly flopPerPixel: number;
}

const anchorLayer = '1.bn_l.running_mean';

/**
 * The large-mask inpainting network LaMa with Fourier convolutions, of any width and depth that its weights have.
 *
 * 'input' (n, 3, h, w) is RGB in [0, 1], 'mask' (n, 1, h, w) is 1 where to fill and 0 elsewhere; sides are multiples of 8. 'output' (n, 3, h, w) is the image with
 * the hole filled: pixels outside the mask come back unchanged. Every output pixel depends on the whole image.
 */
export const laMa: Architecture<LaMaParams> = {
  id: 'la-ma',
  name: 'LaMa',
  source: {
    paper: 'Suvorov et al., Resolution-robust Large Mask Inpainting with Fourier Convolutions, WACV 2022',
    code: 'https://github.com/advimman/lama',
    license: 'Apache-2.0',
  },
  detect: (weights) => findPrefix(weights) !== undefined,
  read,
  describe,
  build,
};

/** The prefix under which the generator's layers lie: it differs between checkpoints and traced files. */
function findPrefix(weights: Weights): string | undefined {
  for (const name of weights.tensors.keys()) {
    if (name !== anchorLayer && !name.endsWith(`.${anchorLayer}`)) continue;
    const prefix = name.slice(0, -anchorLayer.length);
    if (has(weights, `${prefix}1.ffc.convl2l.weight`, `${prefix}2.ffc.convl2l.weight`)) return prefix;
  }
  return undefined;
}

function read(weights: Weights): LaMaParams {
  const prefix = findPrefix(weights) ?? '';
  const halvings = countFrom(weights, (index) => `${prefix}${index}.ffc.convl2l.weight`, 2);
  const first = halvings + 2;
  const blocks = countFrom(weights, (index) => `${prefix}${index}.conv1.ffc.convl2l.weight`, first);
  const localWidth = dimension(weights, `${prefix}${first}.conv1.ffc.convl2l.weight`, 4, 0);
  const globalWidth = dimension(weights, `${prefix}${first}.conv1.ffc.convg2g.conv2.weight`, 4, 0);
  dimension(weights, `${prefix}${lastLayer({ halvings, blocks })}.weight`, 4, 0);
  const flopPerPixel = weightFlop(weights, (name) => areaOf(name, prefix, halvings, blocks));
  return { prefix, halvings, blocks, localWidth, globalWidth, flopPerPixel };
}

/** Index of the first transposed convolution: after the blocks comes a concatenation. */
function firstUpLayer({ halvings, blocks }: Pick<LaMaParams, 'halvings' | 'blocks'>): number {
  return halvings + 2 + blocks + 1;
}

function lastLayer(params: Pick<LaMaParams, 'halvings' | 'blocks'>): number {
  return firstUpLayer(params) + 3 * params.halvings + 1;
}

/** Output positions per input pixel at which a weight is applied. */
function areaOf(name: string, prefix: string, halvings: number, blocks: number): number {
  if (!name.startsWith(prefix)) return 0;
  const layer = Number(/^\d+/.exec(name.slice(prefix.length))?.[0] ?? 0);
  const up = firstUpLayer({ halvings, blocks });
  if (layer <= halvings + 1) return 1 / 4 ** (layer - 1);
  if (layer < up) return (name.includes('fu.conv_layer') ? 0.5 : 1) / 4 ** halvings;
  // A transposed convolution applies its kernel once for each input position.
  return 1 / 4 ** Math.max(0, halvings - Math.floor((layer - up) / 3));
}

function describe(params: LaMaParams): ModelInfo {
  const { halvings, blocks, localWidth, globalWidth, flopPerPixel } = params;
  return {
    role: 'fill',
    scale: 1,
    inputChannels: 3,
    outputChannels: 3,
    sizeMultiple: 2 ** halvings,
    padMode: 'symmetric',
    receptiveFieldPx: Number.POSITIVE_INFINITY,
    tileable: false,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { blocks, 'local width': localWidth, 'global width': globalWidth },
    flopPerPixel,
  };
}

/** Features in two branches: local convolutions, and global ones that see the whole map. */
interface Branches {
  readonly local: Value;
  readonly global: Value | undefined;
}

function build(graph: Graph, weights: Weights, params: LaMaParams): Readonly<Record<string, Value>> {
  const { prefix, halvings, blocks } = params;
  const image = graph.input('input', ['n', 3, 'h', 'w']);
  const mask = graph.input('mask', ['n', 1, 'h', 'w']);
  const known = graph.op('Sub', [numbers(graph, [1]), mask]);
  const visible = mul(graph, image, known);
  let branches: Branches = { local: concat(graph, [visible, mask]), global: undefined };
  for (let layer = 1; layer <= halvings + 1; layer++) {
    branches = fourierUnit(graph, weights, branches, `${prefix}${layer}`, undefined, layer === 1 ? 1 : 2);
  }
  const plan = fourierPlan(graph, branches.local);
  for (let block = 0; block < blocks; block++) {
    branches = residualBlock(graph, weights, branches, `${prefix}${halvings + 2 + block}`, plan);
  }
  let x = branches.global === undefined ? branches.local : concat(graph, [branches.local, branches.global]);
  for (let index = 0; index < halvings; index++) {
    const layer = firstUpLayer(params) + 3 * index;
    const options = { stride: 2, pad: 1, outputPadding: 1 };
    x = relu(
      graph,
      convTranspose2dBatchNorm(graph, x, weights, `${prefix}${layer}`, `${prefix}${layer + 1}`, options),
    );
  }
  const last = `${prefix}${lastLayer(params)}`;
  const kernel = dimension(weights, `${last}.weight`, 4, 3);
  const filled = sigmoid(graph, conv2d(graph, reflectPad(graph, x, (kernel - 1) / 2), weights, last));
  return { output: add(graph, mul(graph, filled, mask), visible) };
}

function residualBlock(
  graph: Graph,
  weights: Weights,
  x: Branches,
  key: string,
  plan: FourierPlan,
): Branches {
  const inner = fourierUnit(graph, weights, x, `${key}.conv1`, plan, 1);
  const outer = fourierUnit(graph, weights, inner, `${key}.conv2`, plan, 1);
  const sum = (a: Value | undefined, b: Value | undefined): Value | undefined =>
    a === undefined || b === undefined ? undefined : add(graph, a, b);
  return { local: add(graph, x.local, outer.local), global: sum(x.global, outer.global) };
}

/**
 * Fast Fourier convolution, batch normalization and ReLU. The convolutions into one branch are one convolution over both branches' channels; the
 * normalization is folded into them.
 */
function fourierUnit(
  graph: Graph,
  weights: Weights,
  x: Branches,
  key: string,
  plan: FourierPlan | undefined,
  stride: number,
): Branches {
  const ffc = `${key}.ffc`;
  const kernel = dimension(weights, `${ffc}.convl2l.weight`, 4, 3);
  const pad = (value: Value): Value => reflectPad(graph, value, (kernel - 1) / 2);
  const local = pad(x.local);
  const conv = (input: Value, part: string, norm: string, withOffset: boolean): Value => {
    const { factor, offset } = batchNormAffine(weights, `${key}.${norm}`);
    const weight = scaleOutputs(readTensor(weights, `${ffc}.${part}.weight`), factor);
    const bias = withOffset ? { data: offset, shape: [offset.length] } : undefined;
    return convolve(graph, input, weight, bias, { stride }, `${ffc}.${part}`);
  };
  let localOut = conv(local, 'convl2l', 'bn_l', true);
  if (x.global !== undefined) localOut = add(graph, localOut, conv(pad(x.global), 'convg2l', 'bn_l', false));
  if (!has(weights, `${ffc}.convl2g.weight`)) return { local: relu(graph, localOut), global: undefined };
  let globalOut = conv(local, 'convl2g', 'bn_g', true);
  if (x.global !== undefined && plan !== undefined) {
    const hidden = spectralTransform(graph, weights, x.global, `${ffc}.convg2g`, plan);
    globalOut = add(graph, globalOut, conv(hidden, 'convg2g.conv2', 'bn_g', false));
  }
  return { local: relu(graph, localOut), global: relu(graph, globalOut) };
}

/** t + the transform of t in the frequency domain, before the last 1×1 convolution. */
function spectralTransform(graph: Graph, weights: Weights, x: Value, key: string, plan: FourierPlan): Value {
  const t = relu(graph, conv2dBatchNorm(graph, x, weights, `${key}.conv1.0`, `${key}.conv1.1`));
  const channels = dimension(weights, `${key}.conv1.0.weight`, 4, 0);
  const spectrum = fourier(graph, plan, t, channels);
  const mixed = relu(
    graph,
    conv2dBatchNorm(graph, spectrum, weights, `${key}.fu.conv_layer`, `${key}.fu.bn`),
  );
  return add(graph, t, inverseFourier(graph, plan, mixed, channels));
}

/** A convolution's weight with each output channel times its factor. */
function scaleOutputs(
  weight: { data: Float32Array; shape: readonly number[] },
  factor: Float32Array,
): { data: Float32Array; shape: readonly number[] } {
  const perChannel = weight.data.length / factor.length;
  const data = weight.data.map((value, index) => value * (factor[Math.floor(index / perChannel)] ?? 1));
  return { data, shape: weight.shape };
}
