import type { Graph, Tensor, Value } from '../graph/graph.ts';
import {
  add,
  batchNormAffine,
  conv2d,
  conv2dBatchNorm,
  depthwiseAffine,
  findTensor,
  globalAveragePool,
  linearOf,
  maxPool,
  mul,
  numbers,
  prelu,
  readTensor,
  relu,
  reshape,
  sigmoid,
} from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import {
  countFrom,
  expectConv,
  expectShape,
  expectVectors,
  has,
  misfit,
  shapeOf,
  squareRoot,
} from './reading.ts';
import { weightFlop } from './weight-flop.ts';

interface ArcFaceBlock {
  readonly inputs: number;
  readonly outputs: number;
  readonly stride: 1 | 2;
}

/** Hyperparameters of an ArcFace backbone. */
export interface ArcFaceParams {
  readonly blocks: readonly ArcFaceBlock[];
  /** Squeeze-and-excitation at the end of every block ("IR-SE"); without it "IR". */
  readonly excited: boolean;
  /** Length of the embedding. */
  readonly length: number;
  /** Side of the aligned face. */
  readonly sizePx: number;
  readonly flopPerPixel: number;
}

/**
 * The face recognition backbone of ArcFace: a residual network of "improved residual" blocks, with squeeze and excitation (IR-SE-50 has 3 + 4 + 14 + 3 of them) or without
 * (IR), of any widths and depth that its weights have.
 *
 * 'input' (n, 3, s, s) is an aligned face, RGB in [−1, 1], 112×112 in the published weights; 'embedding' (n, length) has length 1 in the Euclidean sense, so that the
 * cosine similarity of two faces is their product. There is no image output.
 */
export const arcFace: Architecture<ArcFaceParams> = {
  id: 'arc-face',
  name: 'ArcFace',
  source: {
    paper: 'Deng et al., ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019',
    code: 'https://github.com/TreB1eN/InsightFace_Pytorch',
    license: 'MIT',
  },
  detect: (weights) =>
    has(weights, 'input_layer.0.weight', 'body.0.res_layer.3.weight', 'output_layer.3.weight'),
  read,
  describe,
  build,
};

function read(weights: Weights): ArcFaceParams {
  const [width] = shapeOf(weights, 'input_layer.0.weight', 4);
  expectConv(weights, 'input_layer.0', width, 3, 3, 'no-bias');
  expectNorm(weights, 'input_layer.1', width);
  expectSlopes(weights, 'input_layer.2', width);
  const excited = has(weights, 'body.0.res_layer.5.fc1.weight');
  const count = countFrom(weights, (index) => `body.${index}.res_layer.1.weight`);
  const blocks: ArcFaceBlock[] = [];
  let inputs = width;
  for (let index = 0; index < count; index++) {
    const block = readBlock(weights, index, inputs, excited);
    blocks.push(block);
    inputs = block.outputs;
  }
  expectNorm(weights, 'output_layer.0', inputs);
  const [length, flat] = shapeOf(weights, 'output_layer.3.weight', 2);
  const side = squareRoot(flat / inputs);
  if (length === 0 || side === undefined)
    throw misfit(weights, 'output_layer.3.weight', [length, flat], `[n, ${inputs}·k²]`);
  expectVectors(weights, length, 'output_layer.3.bias');
  expectNorm(weights, 'output_layer.4', length);
  const sizePx = side * 2 ** blocks.filter(({ stride }) => stride === 2).length;
  return { blocks, excited, length, sizePx, flopPerPixel: weightFlop(weights, areaIn(blocks, sizePx)) };
}

/** The first block of each stage halves the size: the very first, and those whose shortcut widens. */
function readBlock(weights: Weights, index: number, inputs: number, excited: boolean): ArcFaceBlock {
  const key = `body.${index}`;
  const [outputs] = shapeOf(weights, `${key}.res_layer.1.weight`, 4);
  const widened = has(weights, `${key}.shortcut_layer.0.weight`);
  expectNorm(weights, `${key}.res_layer.0`, inputs);
  expectConv(weights, `${key}.res_layer.1`, outputs, inputs, 3, 'no-bias');
  expectSlopes(weights, `${key}.res_layer.2`, outputs);
  expectConv(weights, `${key}.res_layer.3`, outputs, outputs, 3, 'no-bias');
  expectNorm(weights, `${key}.res_layer.4`, outputs);
  if (excited) {
    const [squeezed] = shapeOf(weights, `${key}.res_layer.5.fc1.weight`, 4);
    expectConv(weights, `${key}.res_layer.5.fc1`, squeezed, outputs, 1, 'no-bias');
    expectConv(weights, `${key}.res_layer.5.fc2`, outputs, squeezed, 1, 'no-bias');
  }
  if (widened) {
    expectConv(weights, `${key}.shortcut_layer.0`, outputs, inputs, 1, 'no-bias');
    expectNorm(weights, `${key}.shortcut_layer.1`, outputs);
  } else if (outputs !== inputs)
    throw misfit(weights, `${key}.res_layer.1.weight`, [outputs, inputs, 3, 3], `[${inputs}, …]`);
  return { inputs, outputs, stride: index === 0 || widened ? 2 : 1 };
}

function expectNorm(weights: Weights, key: string, channels: number): void {
  expectShape(weights, `${key}.running_mean`, [channels]);
  expectShape(weights, `${key}.running_var`, [channels]);
  expectVectors(weights, channels, `${key}.weight`, `${key}.bias`);
}

function expectSlopes(weights: Weights, key: string, channels: number): void {
  expectShape(weights, `${key}.weight`, [channels]);
}

/** Output positions per input pixel at which a weight is applied. */
function areaIn(blocks: readonly ArcFaceBlock[], sizePx: number): (name: string) => number {
  return (name) => {
    if (name.startsWith('output_layer') || name.includes('.fc')) return 1 / sizePx ** 2;
    const [, number, part] = /^body\.(\d+)\.(\S+)\.weight$/.exec(name) ?? [];
    if (number === undefined) return 1;
    const before = blocks.slice(0, Number(number)).filter(({ stride }) => stride === 2).length;
    const halves = part !== 'res_layer.1' && blocks[Number(number)]?.stride === 2;
    return 1 / 4 ** (before + (halves ? 1 : 0));
  };
}

function describe({ blocks, excited, length, sizePx, flopPerPixel }: ArcFaceParams): ModelInfo {
  return {
    role: 'face-recognize',
    scale: 1,
    inputChannels: 3,
    outputChannels: 0,
    sizeMultiple: 1,
    padMode: 'zero',
    receptiveFieldPx: Number.POSITIVE_INFINITY,
    tileable: false,
    fixedSize: { width: sizePx, height: sizePx },
    inputRange: [-1, 1],
    outputRange: [-1, 1],
    hyperparameters: {
      blocks: blocks.length,
      widths: [...new Set(blocks.map(({ outputs }) => outputs))].join(' '),
      'squeeze and excitation': excited,
      'embedding length': length,
    },
    flopPerPixel,
  };
}

function build(graph: Graph, weights: Weights, params: ArcFaceParams): Readonly<Record<string, Value>> {
  const { blocks, excited, sizePx } = params;
  let x = graph.input('input', ['n', 3, sizePx, sizePx]);
  x = conv2dBatchNorm(graph, x, weights, 'input_layer.0', 'input_layer.1', { pad: 1 });
  x = prelu(graph, x, weights, 'input_layer.2.weight');
  blocks.forEach(({ stride }, index) => {
    x = residualBlock(graph, weights, x, `body.${index}`, stride, excited);
  });
  return {
    embedding: unitLength(graph, embed(graph, weights, normalized(graph, weights, x, 'output_layer.0'))),
  };
}

/** The normalization before the first convolution cannot be folded into it: zeros are padded after it. */
function residualBlock(
  graph: Graph,
  weights: Weights,
  x: Value,
  key: string,
  stride: 1 | 2,
  excited: boolean,
): Value {
  const layer = `${key}.res_layer`;
  let y = conv2d(graph, normalized(graph, weights, x, `${layer}.0`), weights, `${layer}.1`, { pad: 1 });
  y = prelu(graph, y, weights, `${layer}.2.weight`);
  y = conv2dBatchNorm(graph, y, weights, `${layer}.3`, `${layer}.4`, { stride, pad: 1 });
  if (excited) {
    const squeezed = relu(graph, conv2d(graph, globalAveragePool(graph, y), weights, `${layer}.5.fc1`));
    y = mul(graph, y, sigmoid(graph, conv2d(graph, squeezed, weights, `${layer}.5.fc2`)));
  }
  return add(graph, y, shortcut(graph, weights, x, `${key}.shortcut_layer`, stride));
}

function shortcut(graph: Graph, weights: Weights, x: Value, key: string, stride: 1 | 2): Value {
  if (has(weights, `${key}.0.weight`))
    return conv2dBatchNorm(graph, x, weights, `${key}.0`, `${key}.1`, { stride });
  return stride === 1 ? x : maxPool(graph, x, 1, stride);
}

function normalized(graph: Graph, weights: Weights, x: Value, key: string): Value {
  const { factor, offset } = batchNormAffine(weights, key);
  return depthwiseAffine(graph, x, factor, offset, key);
}

/** The fully connected layer with the normalization behind it folded in. */
function embed(graph: Graph, weights: Weights, x: Value): Value {
  const weight = readTensor(weights, 'output_layer.3.weight');
  const bias = findTensor(weights, 'output_layer.3.bias');
  const { factor, offset } = batchNormAffine(weights, 'output_layer.4');
  const columns = weight.data.length / factor.length;
  const folded: Tensor = {
    data: weight.data.map((value, index) => value * factor[Math.floor(index / columns)]!),
    shape: weight.shape,
  };
  const shift = offset.map((value, row) => value + (bias?.data[row] ?? 0) * factor[row]!);
  const flat = reshape(graph, x, [0, -1]);
  return linearOf(graph, flat, folded, { data: shift, shape: [shift.length] }, 'output_layer.3');
}

function unitLength(graph: Graph, x: Value): Value {
  const square = graph.op('ReduceSum', [mul(graph, x, x), graph.int64([1])], { keepdims: 1 });
  return graph.op('Div', [x, graph.op('Max', [graph.op('Sqrt', [square]), numbers(graph, [1e-12])])]);
}
