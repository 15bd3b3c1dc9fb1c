import type { Graph, Value } from '../graph/graph.ts';
import {
  add,
  conv2d,
  groupNorm,
  mul,
  nearestUp,
  readTensor,
  reshape,
  sigmoid,
  softmax,
  transpose,
  zeroPad,
} from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { countFrom, expectShape, has } from './reading.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a RestoreFormer. */
export interface RestoreFormerParams {
  readonly variant: 'RestoreFormer' | 'RestoreFormer++';
  /** Side of the square face: 16 · 2^(levels − 1), 512 in the published weights. */
  readonly sizePx: number;
  /** Channels from the finest to the coarsest size. */
  readonly widths: readonly number[];
  readonly encoderBlocks: number;
  readonly decoderBlocks: number;
  /** Groups of the normalizations: 32, or fewer in networks narrower than the published ones. */
  readonly groups: number;
  readonly heads: number;
  readonly codes: number;
  readonly flopPerPixel: number;
}

/**
 * The face restorer RestoreFormer, and RestoreFormer++ which attends at a second size.
 *
 * 'input' (n, 3, size, size) is an aligned face, RGB in [−1, 1]; 'output' the same, not clamped. Features are replaced by the nearest entries of a codebook, so a
 * tiny change of the input may change the output by a step.
 */
export const restoreFormer: Architecture<RestoreFormerParams> = {
  id: 'restore-former',
  name: 'RestoreFormer',
  source: {
    paper: 'Wang et al., RestoreFormer, CVPR 2022; RestoreFormer++, TPAMI 2023',
    code: 'https://github.com/wzhouxiff/RestoreFormerPlusPlus',
    license: 'Apache-2.0',
  },
  detect: (weights) =>
    has(
      weights,
      'quantize.embedding.weight',
      'quant_conv.weight',
      'encoder.conv_in.weight',
      'decoder.conv_out.weight',
    ) && has(weights, 'encoder.down.0.block.0.norm1.weight', 'decoder.mid.attn_1.norm2.weight'),
  read,
  describe,
  build,
};

function read(weights: Weights): RestoreFormerParams {
  const levels = countFrom(weights, (level) => `encoder.down.${level}.block.0.conv1.weight`);
  const widths = Array.from({ length: levels }, (_, level) =>
    dimension(weights, `encoder.down.${level}.block.0.conv1.weight`, 4, 0),
  );
  const encoderBlocks = countFrom(weights, (index) => `encoder.down.0.block.${index}.conv1.weight`);
  const decoderBlocks = countFrom(weights, (index) => `decoder.up.0.block.${index}.conv1.weight`);
  const plus = has(weights, `decoder.up.${levels - 2}.attn.0.q.weight`);
  const codes = dimension(weights, 'quantize.embedding.weight', 2, 0);
  const codeWidth = dimension(weights, 'quantize.embedding.weight', 2, 1);
  expectShape(weights, 'quant_conv.weight', [
    codeWidth,
    dimension(weights, 'encoder.conv_out.weight', 4, 0),
    1,
    1,
  ]);
  expectShape(weights, 'decoder.conv_out.weight', [3, widths[0] ?? 0, 3, 3]);
  return {
    variant: plus ? 'RestoreFormer++' : 'RestoreFormer',
    sizePx: 8 << levels,
    widths,
    encoderBlocks,
    decoderBlocks,
    groups: widths.reduce(greatestCommonDivisor, 32),
    heads: plus ? 4 : 8,
    codes,
    flopPerPixel: weightFlop(weights, (name) => areaOf(name, levels)),
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Output positions per input pixel at which a weight is applied. */
function areaOf(name: string, levels: number): number {
  const coarsest = 1 / 4 ** (levels - 1);
  const level = /\.(?:down|up)\.(\d+)\./.exec(name)?.[1];
  if (level !== undefined) {
    const shift = name.includes('downsample') ? 1 : name.includes('upsample') ? -1 : 0;
    return 1 / 4 ** (Number(level) + shift);
  }
  return name === 'encoder.conv_in.weight' || name === 'decoder.conv_out.weight' ? 1 : coarsest;
}

function describe(params: RestoreFormerParams): ModelInfo {
  const { sizePx } = params;
  return {
    role: 'face-restore',
    scale: 1,
    inputChannels: 3,
    outputChannels: 3,
    sizeMultiple: sizePx,
    padMode: 'reflect',
    receptiveFieldPx: Number.POSITIVE_INFINITY,
    tileable: false,
    fixedSize: { width: sizePx, height: sizePx },
    inputRange: [-1, 1],
    outputRange: [-1, 1],
    hyperparameters: {
      variant: params.variant,
      'face size': sizePx,
      widths: params.widths.join(' '),
      'attention heads': params.heads,
      'codebook entries': params.codes,
    },
    flopPerPixel: params.flopPerPixel,
  };
}

/** Shared by the parts of one build. */
interface Build {
  readonly graph: Graph;
  readonly weights: Weights;
  readonly params: RestoreFormerParams;
}

function build(graph: Graph, weights: Weights, params: RestoreFormerParams): Readonly<Record<string, Value>> {
  const { sizePx } = params;
  const parts = { graph, weights, params };
  const { code, middle, levels } = encoder(parts, graph.input('input', ['n', 3, sizePx, sizePx]));
  return { output: decoder(parts, quantized(parts, code), middle, levels) };
}

/** The feature map to look up, the middle's output, and the features that the decoder attends to, by level. */
function encoder(parts: Build, input: Value): { code: Value; middle: Value; levels: Value[] } {
  const { graph, weights, params } = parts;
  const top = params.widths.length - 1;
  const levels: Value[] = [];
  let x = conv2d(graph, input, weights, 'encoder.conv_in', { pad: 1 });
  for (let level = 0; level <= top; level++) {
    for (let index = 0; index < params.encoderBlocks; index++) {
      x = resBlock(parts, x, `encoder.down.${level}.block.${index}`);
      const key = `encoder.down.${level}.attn.${index}`;
      if (has(weights, `${key}.q.weight`)) x = attention(parts, x, key, level);
    }
    if (level === top) break;
    levels.push(x);
    x = conv2d(graph, zeroPad(graph, x, [0, 0, 1, 1]), weights, `encoder.down.${level}.downsample.conv`, {
      stride: 2,
    });
  }
  x = resBlock(parts, x, 'encoder.mid.block_1');
  levels.push(x);
  const middle = resBlock(parts, attention(parts, x, 'encoder.mid.attn_1', top), 'encoder.mid.block_2');
  const code = conv2d(
    graph,
    swish(graph, normalized(parts, middle, 'encoder.norm_out')),
    weights,
    'encoder.conv_out',
    { pad: 1 },
  );
  return { code: conv2d(graph, code, weights, 'quant_conv'), middle, levels };
}

/** Every position's vector z replaced by the codebook's nearest: the least |e|² − 2 z · e. */
function quantized({ graph, weights }: Build, code: Value): Value {
  const book = readTensor(weights, 'quantize.embedding.weight');
  const [codes = 0, width = 0] = book.shape;
  const norms = Float32Array.from({ length: codes }, (_, entry) =>
    book.data.subarray(entry * width, (entry + 1) * width).reduce((sum, value) => sum + value * value, 0),
  );
  const entries = graph.constant(book, 'codebook');
  const doubled = graph.constant(
    { data: book.data.map((value) => -2 * value), shape: book.shape },
    'codebook.doubled',
  );
  const rows = transpose(graph, code, [0, 2, 3, 1]);
  const products = graph.op('MatMul', [rows, graph.op('Transpose', [doubled], { perm: [1, 0] })]);
  const distances = add(graph, products, graph.constant({ data: norms, shape: [codes] }, 'codebook.norms'));
  const nearest = graph.op('ArgMin', [distances], { axis: 3, keepdims: 0 });
  return transpose(graph, graph.op('Gather', [entries, nearest], { axis: 0 }), [0, 3, 1, 2]);
}

function decoder(parts: Build, code: Value, middle: Value, levels: readonly Value[]): Value {
  const { graph, weights, params } = parts;
  const top = params.widths.length - 1;
  let x = conv2d(graph, conv2d(graph, code, weights, 'post_quant_conv'), weights, 'decoder.conv_in', {
    pad: 1,
  });
  x = attention(parts, resBlock(parts, x, 'decoder.mid.block_1'), 'decoder.mid.attn_1', top, middle);
  x = resBlock(parts, x, 'decoder.mid.block_2');
  for (let level = top; level >= 0; level--) {
    for (let index = 0; index < params.decoderBlocks; index++) {
      x = resBlock(parts, x, `decoder.up.${level}.block.${index}`);
      const key = `decoder.up.${level}.attn.${index}`;
      if (has(weights, `${key}.q.weight`)) x = attention(parts, x, key, level, levels[level]);
    }
    if (level > 0)
      x = conv2d(graph, nearestUp(graph, x, 2), weights, `decoder.up.${level}.upsample.conv`, { pad: 1 });
  }
  return conv2d(graph, swish(graph, normalized(parts, x, 'decoder.norm_out')), weights, 'decoder.conv_out', {
    pad: 1,
  });
}

function normalized({ graph, weights, params }: Build, x: Value, key: string): Value {
  return groupNorm(graph, x, weights, key, params.groups, 1e-6);
}

function swish(graph: Graph, x: Value): Value {
  return mul(graph, x, sigmoid(graph, x));
}

function resBlock(parts: Build, x: Value, key: string): Value {
  const { graph, weights } = parts;
  const inner = conv2d(graph, swish(graph, normalized(parts, x, `${key}.norm1`)), weights, `${key}.conv1`, {
    pad: 1,
  });
  const outer = conv2d(
    graph,
    swish(graph, normalized(parts, inner, `${key}.norm2`)),
    weights,
    `${key}.conv2`,
    { pad: 1 },
  );
  const projected = has(weights, `${key}.nin_shortcut.weight`);
  return add(graph, outer, projected ? conv2d(graph, x, weights, `${key}.nin_shortcut`) : x);
}

/** Multi-head attention over all positions, x added; queries come from `other` where it is given. */
function attention(parts: Build, x: Value, key: string, level: number, other?: Value): Value {
  const { graph, weights, params } = parts;
  const channels = params.widths[level] ?? 0;
  const side = params.sizePx >> level;
  const depth = channels / params.heads;
  const own = normalized(parts, x, `${key}.norm1`);
  const asked = other === undefined ? own : normalized(parts, other, `${key}.norm2`);
  const heads = (input: Value, part: string, scale = 1): Value =>
    reshape(graph, conv2d(graph, input, weights, `${key}.${part}`, { scale }), [
      -1,
      params.heads,
      depth,
      side * side,
    ]);
  const query = transpose(graph, heads(asked, 'q', depth ** -0.5), [0, 1, 3, 2]);
  const shares = softmax(graph, graph.op('MatMul', [query, heads(own, 'k')]));
  const mixed = graph.op('MatMul', [heads(own, 'v'), transpose(graph, shares, [0, 1, 3, 2])]);
  return add(
    graph,
    x,
    conv2d(graph, reshape(graph, mixed, [-1, channels, side, side]), weights, `${key}.proj_out`),
  );
}
