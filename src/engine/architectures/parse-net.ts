import type { Graph, Value } from '../graph/graph.ts';
import { add, conv2d, conv2dBatchNorm, leakyRelu, nearestUp, reflectPad } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { countFrom, expectShape, has } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a ParseNet. */
export interface ParseNetParams {
  readonly width: number;
  /** Channels at the coarsest size. */
  readonly bodyWidth: number;
  readonly halvings: number;
  readonly bodyBlocks: number;
  readonly classes: number;
  readonly flopPerPixel: number;
}

/** What the classes of the published weights mean, in order (CelebAMask-HQ). */
export const parseNetClasses = [
  'background',
  'skin',
  'nose',
  'glasses',
  'left-eye',
  'right-eye',
  'left-brow',
  'right-brow',
  'left-ear',
  'right-ear',
  'mouth',
  'upper-lip',
  'lower-lip',
  'hair',
  'hat',
  'ear-ring',
  'necklace',
  'neck',
  'cloth',
] as const;

/**
 * The face parser ParseNet.
 *
 * 'input' (n, 3, h, w) is an aligned face, RGB in [−1, 1], 512×512 in the published weights, sides multiples of 2^halvings and at least two of
 * them; 'output' (n, classes, h, w) holds unnormalized scores (no image; [0, 1] is only said to have a range): the class of a pixel is the largest. The second head, an image, is left out.
 */
export const parseNet: Architecture<ParseNetParams> = {
  id: 'parse-net',
  name: 'ParseNet',
  source: {
    paper:
      'Chen et al., Progressive Semantic-Aware Style Transformation for Blind Face Restoration, CVPR 2021',
    code: 'https://github.com/xinntao/facexlib',
    license: 'MIT',
  },
  detect: (weights) =>
    has(weights, 'out_mask_conv.conv2d.weight', 'encoder.0.conv2d.weight', 'decoder.0.conv1.conv2d.weight'),
  read,
  describe,
  build,
};

function read(weights: Weights): ParseNetParams {
  const halvings = countFrom(weights, (index) => `encoder.${index}.conv1.conv2d.weight`, 1);
  const bodyBlocks = countFrom(weights, (index) => `body.${index}.conv1.conv2d.weight`);
  const width = dimension(weights, 'encoder.0.conv2d.weight', 4, 0);
  const bodyWidth = dimension(weights, `encoder.${halvings}.conv2.conv2d.weight`, 4, 0);
  const classes = dimension(weights, 'out_mask_conv.conv2d.weight', 4, 0);
  for (const index of Array.from({ length: halvings }, (_, step) => step)) {
    dimension(weights, `decoder.${index}.shortcut_func.conv2d.weight`, 4, 0);
  }
  expectShape(weights, 'out_mask_conv.conv2d.weight', [classes, width, 3, 3]);
  const flopPerPixel = weightFlop(weights, (name) => areaOf(name, halvings));
  return { width, bodyWidth, halvings, bodyBlocks, classes, flopPerPixel };
}

/** Output positions per input pixel at which a weight is applied. */
function areaOf(name: string, halvings: number): number {
  const index = Number(/\.(\d+)\./.exec(name)?.[1] ?? 0);
  if (name.startsWith('out_img')) return 0;
  if (name.startsWith('body')) return 1 / 4 ** halvings;
  if (name.startsWith('encoder')) return 1 / 4 ** Math.max(0, index - (name.includes('conv1.') ? 1 : 0));
  return name.startsWith('decoder') ? 1 / 4 ** (halvings - 1 - index) : 1;
}

function describe(params: ParseNetParams): ModelInfo {
  const { width, bodyWidth, halvings, bodyBlocks, classes, flopPerPixel } = params;
  return {
    role: 'face-parse',
    scale: 1,
    inputChannels: 3,
    outputChannels: classes,
    sizeMultiple: 2 ** halvings,
    padMode: 'reflect',
    receptiveFieldPx: Number.POSITIVE_INFINITY,
    tileable: false,
    inputRange: [-1, 1],
    outputRange: [0, 1],
    hyperparameters: { width, 'body width': bodyWidth, 'body blocks': bodyBlocks, classes },
    flopPerPixel,
  };
}

type Resize = 'half' | 'same' | 'double';

function build(graph: Graph, weights: Weights, params: ParseNetParams): Readonly<Record<string, Value>> {
  const input = graph.input('input', ['n', 3, 'h', 'w']);
  const pad = (value: Value): Value => reflectPad(graph, value, 1);
  let x = conv2d(graph, pad(input), weights, 'encoder.0.conv2d');
  for (let index = 1; index <= params.halvings; index++)
    x = resBlock(graph, weights, x, `encoder.${index}`, 'half');
  let body = x;
  for (let index = 0; index < params.bodyBlocks; index++)
    body = resBlock(graph, weights, body, `body.${index}`, 'same');
  x = add(graph, x, body);
  for (let index = 0; index < params.halvings; index++)
    x = resBlock(graph, weights, x, `decoder.${index}`, 'double');
  return { output: conv2d(graph, pad(x), weights, 'out_mask_conv.conv2d') };
}

/** Two normalized convolutions beside a shortcut; halving happens in the second, doubling before the first. */
function resBlock(graph: Graph, weights: Weights, x: Value, key: string, resize: Resize): Value {
  const padded = reflectPad(graph, resize === 'double' ? nearestUp(graph, x, 2) : x, 1);
  const stride = resize === 'half' ? 2 : 1;
  const projected = has(weights, `${key}.shortcut_func.conv2d.weight`);
  const shortcut = projected ? conv2d(graph, padded, weights, `${key}.shortcut_func.conv2d`, { stride }) : x;
  const unit = (value: Value, part: string, step: number): Value =>
    conv2dBatchNorm(graph, value, weights, `${key}.${part}.conv2d`, `${key}.${part}.norm.norm`, {
      stride: step,
    });
  const inner = reflectPad(graph, leakyRelu(graph, unit(padded, 'conv1', 1)), 1);
  return add(graph, unit(inner, 'conv2', stride), shortcut);
}
