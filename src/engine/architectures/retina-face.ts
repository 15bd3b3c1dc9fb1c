import type { Graph, Tensor, Value } from '../graph/graph.ts';
import {
  add,
  concat,
  conv2dBatchNorm,
  convolve,
  leakyRelu,
  maxPool,
  readTensor,
  relu,
  softmax,
} from '../graph/layers.ts';
import { anchorRows, nearestLike, normalizedPixels } from '../graph/layers-detector.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { countFrom, expectShape, has } from './reading.ts';
import { trainedWithRelu } from './retina-face-slope.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a RetinaFace detector. */
export interface RetinaFaceParams {
  readonly backbone: 'mobilenet' | 'resnet';
  /** Blocks of the three MobileNet stages or of the four ResNet layers. */
  readonly blocks: readonly number[];
  readonly fpnWidth: number;
  /**
   * 'leaky' or 'relu' for the activations of the network. The MobileNet variant trained with plain ReLU (Face-Detector-1MB) also has smaller anchors; its heads
   * are rescaled while building, so that `decodeRetinaFace` treats both alike.
   */
  readonly activation: 'leaky' | 'relu';
  readonly flopPerPixel: number;
}

/** Anchors of Face-Detector-1MB relative to those of RetinaFace, by level and anchor. */
const smallAnchorRatios = [
  [10 / 16, 20 / 32],
  [32 / 64, 64 / 128],
  [128 / 256, 256 / 512],
] as const;

/**
 * The face detector RetinaFace on MobileNet 0.25 or ResNet-50, of any width and block counts that its weights have.
 *
 * 'input' (n, 3, h, w) is RGB in [0, 1] of any size; the graph reorders to BGR and subtracts the training mean. Outputs: 'box' (n, anchors, 4),
 * 'score' (n, anchors, 2) as probabilities of background and face, 'landmark' (n, anchors, 10): see `decodeRetinaFace`.
 */
export const retinaFace: Architecture<RetinaFaceParams> = {
  id: 'retina-face',
  name: 'RetinaFace',
  source: {
    paper: 'Deng et al., RetinaFace: Single-stage Dense Face Localisation in the Wild, 2019',
    code: 'https://github.com/biubug6/Pytorch_Retinaface',
    license: 'MIT',
  },
  detect: (weights) =>
    has(weights, 'ClassHead.0.conv1x1.weight', 'LandmarkHead.2.conv1x1.weight', 'fpn.merge1.0.weight') &&
    (has(weights, 'body.stage1.0.0.weight') || has(weights, 'body.layer4.0.conv1.weight')),
  read,
  describe,
  build,
};

/** Channel means in BGR order that the networks were trained with. */
const meanBgr = [104, 117, 123] as const;

function read(weights: Weights): RetinaFaceParams {
  const mobile = has(weights, 'body.stage1.0.0.weight');
  const blocks = mobile
    ? [1, 2, 3].map((stage) => countFrom(weights, (index) => `body.stage${stage}.${index}.0.weight`))
    : [1, 2, 3, 4].map((layer) => countFrom(weights, (index) => `body.layer${layer}.${index}.conv1.weight`));
  const fpnWidth = dimension(weights, 'fpn.output1.0.weight', 4, 0);
  for (const { key, length } of Object.values(heads)) {
    for (const level of [0, 1, 2])
      expectShape(weights, `${key}.${level}.conv1x1.weight`, [2 * length, fpnWidth, 1, 1]);
  }
  const backbone = mobile ? 'mobilenet' : 'resnet';
  const activation = !mobile || trainedWithRelu(weights) === true ? 'relu' : 'leaky';
  return { backbone, blocks, fpnWidth, activation, flopPerPixel: weightFlop(weights, areaOf) };
}

/** Output positions per input pixel at which a weight is applied. */
function areaOf(name: string): number {
  const stage = /^body\.(stage|layer)(\d)\.(\d+)\.(\d|conv1)?/.exec(name);
  const [, kind, number = '0', block = '0', part] = stage ?? [];
  if (kind === 'stage' && number === '1') return 1 / 4 ** Math.min(3, 1 + Math.floor(Number(block) / 2));
  if (kind === 'stage') return 1 / 4 ** (Number(number) + 2);
  if (kind === 'layer')
    return 1 / 4 ** (Number(number) + (Number(number) > 1 && block === '0' && part === 'conv1' ? 0 : 1));
  if (name.startsWith('body')) return 1 / 4;
  const level = /(?:output|merge|ssh)(\d)|Head\.(\d)/.exec(name);
  return 1 / 4 ** (2 + (level?.[1] === undefined ? Number(level?.[2] ?? 0) + 1 : Number(level[1])));
}

function describe({ backbone, blocks, fpnWidth, activation, flopPerPixel }: RetinaFaceParams): ModelInfo {
  return {
    role: 'face-detect',
    scale: 1,
    inputChannels: 3,
    outputChannels: 0,
    sizeMultiple: 1,
    padMode: 'zero',
    receptiveFieldPx: Number.POSITIVE_INFINITY,
    tileable: false,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { backbone, blocks: blocks.join(' '), 'pyramid width': fpnWidth, activation },
    flopPerPixel,
  };
}

/** Shared by the parts of one build. A slope of 0 is a plain ReLU. */
interface Build {
  readonly graph: Graph;
  readonly weights: Weights;
  readonly slope: number;
}

function build(graph: Graph, weights: Weights, params: RetinaFaceParams): Readonly<Record<string, Value>> {
  const input = graph.input('input', ['n', 3, 'h', 'w']);
  const pixels = normalizedPixels(graph, input, 'bgr', 255, meanBgr);
  const parts = { graph, weights, slope: params.activation === 'leaky' ? 0.1 : 0 };
  const maps =
    params.backbone === 'mobilenet' ? mobilenet(parts, pixels, params) : resnet(parts, pixels, params);
  const features = pyramid(parts, maps).map((map, index) => contextModule(parts, map, `ssh${index + 1}`));
  const smallAnchors = params.backbone === 'mobilenet' && params.activation === 'relu';
  const rows = (head: Head): Value => {
    const parts = features.map((feature, level) => {
      const { weight, bias } = headTensors(weights, head, level, smallAnchors);
      return anchorRows(graph, convolve(graph, feature, weight, bias, {}, head.key), head.length);
    });
    return concat(graph, parts);
  };
  return {
    box: rows(heads.box),
    score: softmax(graph, rows(heads.score)),
    landmark: rows(heads.landmark),
  };
}

interface Head {
  readonly key: string;
  /** Numbers for each anchor, of which the first `positions` are in units of the anchor's size. */
  readonly length: number;
  readonly positions: number;
}

const heads = {
  score: { key: 'ClassHead', length: 2, positions: 0 },
  box: { key: 'BboxHead', length: 4, positions: 2 },
  landmark: { key: 'LandmarkHead', length: 10, positions: 10 },
} as const satisfies Record<string, Head>;

/** Weight and bias of a head, rescaled from the small anchors to the usual ones: offsets times the ratio r of sizes, logarithms of sizes plus ln(r) / 0.2. */
function headTensors(
  weights: Weights,
  head: Head,
  level: number,
  smallAnchors: boolean,
): { weight: Tensor; bias: Tensor } {
  const weight = readTensor(weights, `${head.key}.${level}.conv1x1.weight`);
  const bias = readTensor(weights, `${head.key}.${level}.conv1x1.bias`);
  if (!smallAnchors || head.positions === 0) return { weight, bias };
  const inputs = weight.data.length / bias.data.length;
  const ratioOf = (row: number): number => smallAnchorRatios[level]?.[Math.floor(row / head.length)] ?? 1;
  const isPosition = (row: number): boolean => row % head.length < head.positions;
  const data = weight.data.map((value, index) => {
    const row = Math.floor(index / inputs);
    return isPosition(row) ? value * ratioOf(row) : value;
  });
  const shift = bias.data.map((value, row) =>
    isPosition(row) ? value * ratioOf(row) : value + Math.log(ratioOf(row)) / 0.2,
  );
  return { weight: { data, shape: weight.shape }, bias: { data: shift, shape: bias.shape } };
}

interface UnitOptions {
  readonly stride?: number;
  readonly group?: number;
  readonly activate?: boolean;
  /** Names of the convolution and of the normalization below the key. */
  readonly names?: readonly [string, string];
}

/** Convolution with batch normalization folded in, 'same' zero padding, and the activation unless told not to. */
function unit({ graph, weights, slope }: Build, x: Value, key: string, options: UnitOptions = {}): Value {
  const [conv, norm] = options.names ?? ['0', '1'];
  const kernel = dimension(weights, `${key}.${conv}.weight`, 4, 3);
  const { stride = 1, group = 1, activate = true } = options;
  const pad = Math.floor(kernel / 2);
  const y = conv2dBatchNorm(graph, x, weights, `${key}.${conv}`, `${key}.${norm}`, { stride, group, pad });
  if (!activate) return y;
  return slope === 0 ? relu(graph, y) : leakyRelu(graph, y, slope);
}

/** Depthwise separable blocks; every second of stage 1 and the first of each later stage halves the size. */
function mobilenet(parts: Build, pixels: Value, params: RetinaFaceParams): Value[] {
  let x = pixels;
  return params.blocks.map((blocks, index) => {
    for (let block = 0; block < blocks; block++) {
      const key = `body.stage${index + 1}.${block}`;
      const stride = (index === 0 ? block % 2 === 0 : block === 0) ? 2 : 1;
      if (!has(parts.weights, `${key}.3.weight`)) {
        x = unit(parts, x, key, { stride });
        continue;
      }
      x = unit(parts, x, key, { stride, group: dimension(parts.weights, `${key}.0.weight`, 4, 0) });
      x = unit(parts, x, key, { names: ['3', '4'] });
    }
    return x;
  });
}

/** Bottleneck blocks with the stride on the 3×3 convolution; the maps of layers 2 to 4. */
function resnet(parts: Build, pixels: Value, params: RetinaFaceParams): Value[] {
  const { graph } = parts;
  let x = maxPool(graph, unit(parts, pixels, 'body', { stride: 2, names: ['conv1', 'bn1'] }), 3, 2, 1);
  const maps = params.blocks.map((blocks, index) => {
    for (let block = 0; block < blocks; block++) {
      const key = `body.layer${index + 1}.${block}`;
      const stride = index > 0 && block === 0 ? 2 : 1;
      let y = unit(parts, x, key, { names: ['conv1', 'bn1'] });
      y = unit(parts, y, key, { stride, names: ['conv2', 'bn2'] });
      y = unit(parts, y, key, { activate: false, names: ['conv3', 'bn3'] });
      const projected = has(parts.weights, `${key}.downsample.0.weight`);
      const skip = projected ? unit(parts, x, `${key}.downsample`, { stride, activate: false }) : x;
      x = relu(graph, add(graph, y, skip));
    }
    return x;
  });
  return maps.slice(1);
}

/** Feature pyramid: coarse maps are enlarged and added to finer ones. */
function pyramid(parts: Build, maps: readonly Value[]): Value[] {
  const { graph } = parts;
  const [fine, middle, coarse] = maps.map((map, index) => unit(parts, map, `fpn.output${index + 1}`)) as [
    Value,
    Value,
    Value,
  ];
  const merged = unit(parts, add(graph, middle, nearestLike(graph, coarse, middle)), 'fpn.merge2');
  return [unit(parts, add(graph, fine, nearestLike(graph, merged, fine)), 'fpn.merge1'), merged, coarse];
}

/** Single-stage headless context: three receptive fields side by side. */
function contextModule(parts: Build, x: Value, key: string): Value {
  const small = unit(parts, x, `${key}.conv3X3`, { activate: false });
  const shared = unit(parts, x, `${key}.conv5X5_1`);
  const medium = unit(parts, shared, `${key}.conv5X5_2`, { activate: false });
  const large = unit(parts, unit(parts, shared, `${key}.conv7X7_2`), `${key}.conv7x7_3`, { activate: false });
  return relu(parts.graph, concat(parts.graph, [small, medium, large]));
}
