import type { Graph, Value } from '../graph/graph.ts';
import { add, concat, conv2d, maxPool, relu, zeroPad } from '../graph/layers.ts';
import { anchorRows, normalizedPixels } from '../graph/layers-detector.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { countFrom, expectShape, has } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a BlazeFace. */
export interface BlazeFaceParams {
  /** For the front camera (near faces, 128 px) or the back camera (far ones, 256 px). */
  readonly range: 'front' | 'back';
  readonly sizePx: number;
  /** Channels of the 16×16 and of the 8×8 map. */
  readonly widths: readonly [number, number];
  readonly flopPerPixel: number;
}

/**
 * The small face detector BlazeFace of MediaPipe, front and back.
 *
 * 'input' (n, 3, size, size) is RGB in [0, 1]. Outputs: 'regression' (n, 896, 16) and 'classification' (n, 896, 1), a logit: see `decodeBlazeFace`.
 */
export const blazeFace: Architecture<BlazeFaceParams> = {
  id: 'blaze-face',
  name: 'BlazeFace',
  source: {
    paper: 'Bazarevsky et al., BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs, 2019',
    code: 'https://github.com/hollance/BlazeFace-PyTorch',
    license: 'Apache-2.0',
  },
  detect: (weights) =>
    has(
      weights,
      'classifier_8.weight',
      'classifier_16.weight',
      'regressor_8.weight',
      'regressor_16.weight',
    ) &&
    (has(weights, 'backbone1.0.weight', 'backbone2.0.convs.0.weight') ||
      has(weights, 'backbone.0.weight', 'final.convs.0.weight')),
  read,
  describe,
  build,
};

/** Blocks that halve the size; each layout is fixed, only its widths are read. */
const halvingBlocks: ReadonlySet<string> = new Set([
  'backbone1.4',
  'backbone1.7',
  'backbone2.0',
  'backbone.9',
  'backbone.17',
  'backbone.25',
]);

function read(weights: Weights): BlazeFaceParams {
  const range = has(weights, 'backbone1.0.weight') ? 'front' : 'back';
  const widths = [
    dimension(weights, 'regressor_8.weight', 4, 1),
    dimension(weights, 'regressor_16.weight', 4, 1),
  ] as const;
  expectShape(weights, 'classifier_8.weight', [2, widths[0], 1, 1]);
  expectShape(weights, 'classifier_16.weight', [6, widths[1], 1, 1]);
  expectShape(weights, 'regressor_8.weight', [32, widths[0], 1, 1]);
  expectShape(weights, 'regressor_16.weight', [96, widths[1], 1, 1]);
  const sizePx = range === 'front' ? 128 : 256;
  return {
    range,
    sizePx,
    widths,
    flopPerPixel: weightFlop(weights, (name) => sideOf(name, range) ** 2 / sizePx ** 2),
  };
}

/** Side of the map at which a weight is applied. */
function sideOf(name: string, range: 'front' | 'back'): number {
  if (/_16|^backbone2|^final/.test(name)) return 8;
  if (/_8/.test(name)) return 16;
  const block = Number(/\.(\d+)\./.exec(name)?.[1] ?? 0);
  if (range === 'front') return block < 4 ? 64 : block < 7 ? 32 : 16;
  return block < 9 ? 128 : block < 17 ? 64 : block < 25 ? 32 : 16;
}

function describe({ range, sizePx, widths, flopPerPixel }: BlazeFaceParams): ModelInfo {
  return {
    role: 'face-detect',
    scale: 1,
    inputChannels: 3,
    outputChannels: 0,
    sizeMultiple: sizePx,
    padMode: 'zero',
    receptiveFieldPx: Number.POSITIVE_INFINITY,
    tileable: false,
    fixedSize: { width: sizePx, height: sizePx },
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { range, 'input size': sizePx, 'map widths': widths.join(' ') },
    flopPerPixel,
  };
}

function build(graph: Graph, weights: Weights, params: BlazeFaceParams): Readonly<Record<string, Value>> {
  const { sizePx, range } = params;
  const input = graph.input('input', ['n', 3, sizePx, sizePx]);
  const first = range === 'front' ? 'backbone1' : 'backbone';
  const pixels = normalizedPixels(graph, input, 'rgb', 2, [1, 1, 1]);
  // TensorFlow's "same" padding for a stride of 2.
  const stem = conv2d(graph, pixels, weights, `${first}.0`, { stride: 2, pad: [1, 1, 2, 2] });
  const fine = blocks(graph, weights, relu(graph, stem), first, 2);
  const coarse =
    range === 'front' ? blocks(graph, weights, fine, 'backbone2', 0) : finalBlock(graph, weights, fine);
  const rows = (kind: string, length: number): Value => {
    const parts = [fine, coarse].map((map, level) =>
      anchorRows(graph, conv2d(graph, map, weights, `${kind}_${8 << level}`), length),
    );
    return concat(graph, parts);
  };
  return { regression: rows('regressor', 16), classification: rows('classifier', 1) };
}

/** A chain of residual blocks; channels that a block adds are zero in its shortcut. */
function blocks(graph: Graph, weights: Weights, input: Value, part: string, start: number): Value {
  let x = input;
  const count = countFrom(weights, (index) => `${part}.${index}.convs.0.weight`, start);
  for (let index = start; index < start + count; index++) {
    const key = `${part}.${index}`;
    const halved = halvingBlocks.has(key);
    const inner = separable(graph, weights, x, key, halved);
    let shortcut = halved ? maxPool(graph, x, 2, 2) : x;
    const added =
      dimension(weights, `${key}.convs.1.weight`, 4, 0) - dimension(weights, `${key}.convs.1.weight`, 4, 1);
    if (added > 0)
      shortcut = graph.op('Pad', [shortcut, graph.int64([0, 0, 0, 0, 0, added, 0, 0])], { mode: 'constant' });
    x = relu(graph, add(graph, inner, shortcut));
  }
  return x;
}

function finalBlock(graph: Graph, weights: Weights, x: Value): Value {
  return relu(graph, separable(graph, weights, x, 'final', true));
}

/** Depthwise 3×3, then 1×1 convolution; a halving one pads right and below by two. */
function separable(graph: Graph, weights: Weights, x: Value, key: string, halved: boolean): Value {
  const group = dimension(weights, `${key}.convs.0.weight`, 4, 0);
  const padded = halved ? zeroPad(graph, x, [0, 0, 2, 2]) : x;
  const options = halved ? { stride: 2, group } : { pad: 1, group };
  return conv2d(graph, conv2d(graph, padded, weights, `${key}.convs.0`, options), weights, `${key}.convs.1`);
}
