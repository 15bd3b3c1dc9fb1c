import type { Graph, Value } from '../graph/graph.ts';
import { add, conv2d, conv2dBatchNorm, maxPool, nearestUp, relu, sigmoid } from '../graph/layers.ts';
import { anchorRows, normalizedPixels } from '../graph/layers-detector.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { expectShape, has } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a YuNet. */
export interface YuNetParams {
  readonly stemWidth: number;
  /** Output channels of the six backbone stages. */
  readonly widths: readonly number[];
  readonly flopPerPixel: number;
}

/**
 * The small face detector YuNet (`yunet_n`, `yunet_s` and other widths).
 *
 * 'input' (n, 3, h, w) is RGB in [0, 1], sides multiples of 32; the graph reorders to BGR in 0 to 255. Outputs for each stride s of 8, 16, 32:
 * 'cls_s', 'obj_s' (n, cells, 1), 'bbox_s' (n, cells, 4), 'kps_s' (n, cells, 10): see `decodeYuNet`.
 */
export const yuNet: Architecture<YuNetParams> = {
  id: 'yu-net',
  name: 'YuNet',
  source: {
    paper: 'Wu et al., YuNet: A Tiny Millisecond-level Face Detector, 2023',
    code: 'https://github.com/ShiqiYu/libfacedetection.train',
    license: 'Apache-2.0',
  },
  detect: (weights) =>
    has(weights, 'backbone.model0.conv2.conv1.weight', 'neck.lateral_convs.0.conv1.weight') &&
    has(weights, 'bbox_head.multi_level_cls.0.conv1.weight', 'bbox_head.multi_level_kps.2.conv2.weight'),
  read,
  describe,
  build,
};

const strides = [8, 16, 32] as const;
/** Stages whose maps are used, and stages after which the size is halved. */
const takenStages = [3, 4, 5];
const pooledStages = [0, 2, 3, 4];

function read(weights: Weights): YuNetParams {
  const stemWidth = dimension(weights, 'backbone.model0.conv1.weight', 4, 0);
  const widths = Array.from({ length: 6 }, (_, stage) =>
    dimension(weights, `backbone.model${stage}.conv2.conv1.weight`, 4, 0),
  );
  const feature = widths[5] ?? 0;
  for (const level of [0, 1, 2]) {
    expectShape(weights, `neck.lateral_convs.${level}.conv1.weight`, [feature, feature, 1, 1]);
    for (const [head, size] of [
      ['cls', 1],
      ['obj', 1],
      ['bbox', 4],
      ['kps', 10],
    ] as const) {
      expectShape(weights, `bbox_head.multi_level_${head}.${level}.conv2.weight`, [size, 1, 3, 3]);
    }
  }
  return { stemWidth, widths, flopPerPixel: weightFlop(weights, areaOf) };
}

/** Output positions per input pixel at which a weight is applied. */
function areaOf(name: string): number {
  const [, stage] = /^backbone\.model(\d)/.exec(name) ?? [];
  if (stage !== undefined) return 1 / 4 ** ([1, 2, 2, 3, 4, 5][Number(stage)] ?? 5);
  return 1 / 4 ** (3 + Number(/\.(\d)\./.exec(name)?.[1] ?? 0));
}

function describe({ stemWidth, widths, flopPerPixel }: YuNetParams): ModelInfo {
  return {
    role: 'face-detect',
    scale: 1,
    inputChannels: 3,
    outputChannels: 0,
    sizeMultiple: 32,
    padMode: 'zero',
    receptiveFieldPx: Number.POSITIVE_INFINITY,
    tileable: false,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { 'stem width': stemWidth, 'stage widths': widths.join(' ') },
    flopPerPixel,
  };
}

function build(graph: Graph, weights: Weights): Readonly<Record<string, Value>> {
  const input = graph.input('input', ['n', 3, 'h', 'w']);
  const levels = neck(graph, weights, backbone(graph, weights, normalizedPixels(graph, input, 'bgr', 255)));
  const outputs: Record<string, Value> = {};
  for (const [level, map] of levels.entries()) {
    let feature = map;
    for (let index = 0; has(weights, `${sharedKey(level, index)}.conv1.weight`); index++) {
      feature = unit(graph, weights, feature, sharedKey(level, index));
    }
    for (const [head, size] of [
      ['cls', 1],
      ['obj', 1],
      ['bbox', 4],
      ['kps', 10],
    ] as const) {
      const rows = anchorRows(
        graph,
        unit(graph, weights, feature, `bbox_head.multi_level_${head}.${level}`),
        size,
      );
      outputs[`${head}_${strides[level]}`] = size === 1 ? sigmoid(graph, rows) : rows;
    }
  }
  return outputs;
}

function sharedKey(level: number, index: number): string {
  return `bbox_head.multi_level_share_convs.${level}.${index}`;
}

/** 1×1, then depthwise 3×3 convolution; normalized and rectified where a normalization is stored. */
function unit(graph: Graph, weights: Weights, x: Value, key: string): Value {
  const point = conv2d(graph, x, weights, `${key}.conv1`);
  const options = { pad: 1, group: dimension(weights, `${key}.conv2.weight`, 4, 0) };
  if (!has(weights, `${key}.bn.running_mean`)) return conv2d(graph, point, weights, `${key}.conv2`, options);
  return relu(graph, conv2dBatchNorm(graph, point, weights, `${key}.conv2`, `${key}.bn`, options));
}

/** The maps at strides 8, 16 and 32. */
function backbone(graph: Graph, weights: Weights, pixels: Value): Value[] {
  const stem = 'backbone.model0';
  const first = conv2dBatchNorm(graph, pixels, weights, `${stem}.conv1`, `${stem}.bn1`, {
    stride: 2,
    pad: 1,
  });
  let x = unit(graph, weights, relu(graph, first), `${stem}.conv2`);
  const maps: Value[] = [];
  for (let stage = 0; stage < 6; stage++) {
    if (stage > 0) {
      const key = `backbone.model${stage}`;
      x = unit(graph, weights, unit(graph, weights, x, `${key}.conv1`), `${key}.conv2`);
    }
    if (takenStages.includes(stage)) maps.push(x);
    if (pooledStages.includes(stage)) x = maxPool(graph, x, 2, 2);
  }
  return maps;
}

/** Coarse maps are enlarged and added to finer ones before each passes its lateral unit. */
function neck(graph: Graph, weights: Weights, maps: readonly Value[]): Value[] {
  const levels: Value[] = [];
  for (let level = 2; level >= 0; level--) {
    const map = maps[level] as Value;
    const coarser = levels[0];
    const joined = coarser === undefined ? map : add(graph, map, nearestUp(graph, coarser, 2));
    levels.unshift(unit(graph, weights, joined, `neck.lateral_convs.${level}`));
  }
  return levels;
}
