import type { Graph, Value } from '../graph/graph.ts';
import {
  add,
  concat,
  conv2d,
  conv2dParts,
  convTranspose2d,
  gelu,
  layerNorm,
  linear,
  readTensor,
  relu,
  transpose,
} from '../graph/layers.ts';
import {
  mergeWindows,
  partitionWindows,
  relativePositionBias,
  residual,
  rollPixels,
  shiftMask,
  windowAttention,
  windowGrid,
} from '../graph/layers-window-attention.ts';
import type { WindowGrid } from '../graph/layers-window-attention.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { convFlop } from './geometry.ts';
import { countFrom, expectConv, expectShape, expectVectors, has, misfit, shapeOf } from './reading.ts';

export interface ScuNetParams {
  readonly channels: number;
  /** Features at full resolution; doubled at each of the three halvings. */
  readonly features: number;
  /** Blocks of the three stages down, the body and the three stages up. */
  readonly blocks: readonly [number, number, number, number, number, number, number];
  readonly windowPx: number;
}

interface Stage {
  readonly key: string;
  /** Number of the first block in the stage: the stages up begin with a transposed convolution. */
  readonly firstBlock: 0 | 1;
  readonly level: number;
}

const stages: readonly Stage[] = [
  { key: 'm_down1', firstBlock: 0, level: 0 },
  { key: 'm_down2', firstBlock: 0, level: 1 },
  { key: 'm_down3', firstBlock: 0, level: 2 },
  { key: 'm_body', firstBlock: 0, level: 3 },
  { key: 'm_up3', firstBlock: 1, level: 2 },
  { key: 'm_up2', firstBlock: 1, level: 1 },
  { key: 'm_up1', firstBlock: 1, level: 0 },
];

const largestWindowPx = 32;

/** Excludes pairs of pixels from attention: its exponential is zero in float32. */
const excluded = -1e9;

/** SCUNet: a U-Net whose blocks let half of the channels pass convolutions and half window attention; removes unknown real degradations. */
export const scuNet: Architecture<ScuNetParams> = {
  id: 'scu-net',
  name: 'SCUNet',
  source: {
    paper: 'https://arxiv.org/abs/2203.13278',
    code: 'https://github.com/cszn/SCUNet',
    license: 'Apache-2.0',
  },
  detect: (weights) =>
    has(
      weights,
      'm_head.0.weight',
      'm_tail.0.weight',
      'm_body.0.conv1_1.weight',
      'm_body.0.trans_block.ln1.weight',
    ),
  read,
  describe,
  build,
};

function read(weights: Weights): ScuNetParams {
  const [features, channels] = shapeOf(weights, 'm_head.0.weight', 4);
  const table = 'm_body.0.trans_block.msa.relative_position_params';
  const tableShape = shapeOf(weights, table, 3);
  const windowPx = (tableShape[1] + 1) / 2;
  if (windowPx % 2 !== 0 || windowPx > largestWindowPx) {
    throw misfit(
      weights,
      table,
      tableShape.slice(0, 3),
      `an even window of at most ${largestWindowPx} pixels`,
    );
  }
  const counts = stages.map(({ key, firstBlock, level }) => {
    const width = features * 2 ** level;
    const count = countFrom(weights, (index) => `${key}.${index}.conv1_1.weight`, firstBlock);
    for (let index = firstBlock; index < firstBlock + count; index++) {
      checkBlock(weights, `${key}.${index}`, width, windowPx);
    }
    if (firstBlock === 1) expectShape(weights, `${key}.0.weight`, [width * 2, width, 2, 2]);
    else if (level < 3) expectShape(weights, `${key}.${count}.weight`, [width * 2, width, 2, 2]);
    return count;
  });
  expectConv(weights, 'm_head.0', features, channels, 3, 'maybe-bias');
  expectConv(weights, 'm_tail.0', channels, features, 3, 'maybe-bias');
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0] = counts;
  return { channels, features, blocks: [a, b, c, d, e, f, g], windowPx };
}

function checkBlock(weights: Weights, key: string, width: number, windowPx: number): void {
  const half = width / 2;
  expectConv(weights, `${key}.conv1_1`, width, width, 1);
  expectConv(weights, `${key}.conv1_2`, width, width, 1);
  expectConv(weights, `${key}.conv_block.0`, half, half, 3, 'maybe-bias');
  expectConv(weights, `${key}.conv_block.2`, half, half, 3, 'maybe-bias');
  const attention = `${key}.trans_block.msa`;
  const position = shapeOf(weights, `${attention}.relative_position_params`, 3);
  const side = 2 * windowPx - 1;
  if (position[1] !== side || position[2] !== side || half % position[0] !== 0) {
    throw misfit(
      weights,
      `${attention}.relative_position_params`,
      position.slice(0, 3),
      `(heads, ${side}, ${side})`,
    );
  }
  expectShape(weights, `${attention}.embedding_layer.weight`, [3 * half, half]);
  expectShape(weights, `${attention}.linear.weight`, [half, half]);
  const [hidden] = shapeOf(weights, `${key}.trans_block.mlp.0.weight`, 2);
  expectShape(weights, `${key}.trans_block.mlp.0.weight`, [hidden, half]);
  expectShape(weights, `${key}.trans_block.mlp.2.weight`, [half, hidden]);
  const stem = `${key}.trans_block`;
  for (const norm of ['ln1', 'ln2']) {
    for (const name of ['weight', 'bias']) expectShape(weights, `${stem}.${norm}.${name}`, [half]);
  }
  expectVectors(weights, 3 * half, `${attention}.embedding_layer.bias`);
  expectVectors(weights, hidden, `${stem}.mlp.0.bias`);
  expectVectors(weights, half, `${attention}.linear.bias`, `${stem}.mlp.2.bias`);
}

function describe(params: ScuNetParams): ModelInfo {
  const { channels, features, blocks, windowPx } = params;
  let flop = convFlop(3, channels, features) * 2;
  let reach = 2;
  stages.forEach(({ level }, index) => {
    const count = blocks[index] ?? 0;
    const width = features * 2 ** level;
    const half = width / 2;
    const dense =
      2 * width * width + 2 * 9 * half * half + (3 + 1 + 8) * half * half + 2 * half * windowPx * windowPx;
    flop += (2 * dense * count) / 4 ** level;
    // Attention sees its window, a rolled one reaches half a window across; the convolutions beside it reach two.
    reach += count * Math.max(windowPx - 1, 2) * 2 ** level;
    if (level < 3 && index < 3) {
      flop += (2 * convFlop(2, width, 2 * width)) / 4 ** (level + 1);
      reach += 2 ** (level + 1) - 1;
    }
  });
  return {
    role: 'clean',
    scale: 1,
    inputChannels: channels,
    outputChannels: channels,
    sizeMultiple: 8 * windowPx,
    padMode: 'replicate',
    receptiveFieldPx: reach,
    tileable: true,
    inputRange: [0, 1],
    outputRange: [0, 1],
    hyperparameters: { features, blocks: blocks.join('-'), window: windowPx },
    flopPerPixel: flop,
  };
}

function build(graph: Graph, weights: Weights, params: ScuNetParams): Readonly<Record<string, Value>> {
  const input = graph.input('input', ['n', params.channels, 'h', 'w']);
  let x = conv2d(graph, input, weights, 'm_head.0', { pad: 1 });
  const skips: Value[] = [x];
  const attentions: LevelAttention[] = [];
  stages.forEach(({ key, firstBlock, level }, index) => {
    const width = params.features * 2 ** level;
    if (firstBlock === 1)
      x = convTranspose2d(graph, add(graph, x, skips[level + 1] ?? x), weights, `${key}.0`, { stride: 2 });
    attentions[level] ??= levelAttention(graph, x, width, params.windowPx);
    const attention = attentions[level];
    const count = params.blocks[index] ?? 0;
    for (let block = 0; block < count; block++) {
      x = convTransBlock(graph, x, weights, `${key}.${firstBlock + block}`, attention, block % 2 === 1);
    }
    if (firstBlock === 0 && level < 3) {
      x = conv2d(graph, x, weights, `${key}.${count}`, { stride: 2 });
      skips[level + 1] = x;
    }
  });
  return { output: conv2d(graph, add(graph, x, skips[0] ?? x), weights, 'm_tail.0', { pad: 1 }) };
}

/** What all attention layers of one resolution share. */
interface LevelAttention {
  readonly grid: WindowGrid;
  readonly mask: Value;
}

function levelAttention(graph: Graph, x: Value, width: number, windowPx: number): LevelAttention {
  const pixels = transpose(graph, x, [0, 2, 3, 1]);
  const grid = windowGrid(graph, pixels, windowPx, width / 2);
  return { grid, mask: shiftMask(graph, grid, windowPx / 2, excluded) };
}

function convTransBlock(
  graph: Graph,
  x: Value,
  weights: Weights,
  key: string,
  attention: LevelAttention,
  shifted: boolean,
): Value {
  const [left = x, right = x] = conv2dParts(graph, [x, x], weights, `${key}.conv1_1`);
  const inner = relu(graph, conv2d(graph, left, weights, `${key}.conv_block.0`, { pad: 1 }));
  const convolved = add(graph, conv2d(graph, inner, weights, `${key}.conv_block.2`, { pad: 1 }), left);
  const attended = transBlock(graph, right, weights, `${key}.trans_block`, attention, shifted);
  return add(graph, conv2d(graph, concat(graph, [convolved, attended]), weights, `${key}.conv1_2`), x);
}

/** Attention and MLP, each after a layer norm and with a residual, on pixels grouped in windows throughout. */
function transBlock(
  graph: Graph,
  x: Value,
  weights: Weights,
  key: string,
  attention: LevelAttention,
  shifted: boolean,
): Value {
  const { grid, mask } = attention;
  const shiftPx = grid.windowPx / 2;
  const pixels = transpose(graph, x, [0, 2, 3, 1]);
  let tokens = partitionWindows(graph, shifted ? rollPixels(graph, pixels, shiftPx) : pixels, grid);
  const { data, shape } = readTensor(weights, `${key}.msa.relative_position_params`);
  const [heads = 1, side = 1] = shape;
  const bias = relativePositionBias(
    heads,
    grid.windowPx,
    (head, dy, dx) => data[(head * side + dy) * side + dx] ?? 0,
  );
  const keys = { qkv: `${key}.msa.embedding_layer`, out: `${key}.msa.linear` };
  tokens = residual(graph, tokens, (value) => {
    const normal = layerNorm(graph, value, weights, `${key}.ln1`);
    return windowAttention(graph, normal, weights, keys, bias, shifted ? mask : undefined);
  });
  tokens = residual(graph, tokens, (value) => {
    const hidden = gelu(
      graph,
      linear(graph, layerNorm(graph, value, weights, `${key}.ln2`), weights, `${key}.mlp.0`),
    );
    return linear(graph, hidden, weights, `${key}.mlp.2`);
  });
  const merged = mergeWindows(graph, tokens, grid);
  return transpose(graph, shifted ? rollPixels(graph, merged, -shiftPx) : merged, [0, 3, 1, 2]);
}
