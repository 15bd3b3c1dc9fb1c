import type { Weights } from '../weights/weights.ts';
import type { Graph, Tensor, Value } from './graph.ts';
import { add, concat, linearOf, readTensor, reshape, scaled, slice, softmax, transpose } from './layers.ts';

/** How a picture of dynamic size falls into square windows; made once per resolution and shared by all attention layers there. */
export interface WindowGrid {
  readonly windowPx: number;
  readonly channels: number;
  /** Values are int64 vectors: shapes for the reshapes into and out of windows. */
  readonly split: Value;
  readonly windows: Value;
  readonly joined: Value;
  readonly merged: Value;
  /** Numbers of window rows and columns, int64 scalars. */
  readonly rows: Value;
  readonly columns: Value;
}

/**
 * Reads the size of `x` (n, h, w, channels); h and w must be multiples of the window.
 *
 * Shapes are worked out in the graph, so that the picture's size may change from run to run.
 */
export function windowGrid(graph: Graph, x: Value, windowPx: number, channels: number): WindowGrid {
  const shape = graph.op('Shape', [x]);
  const part = (index: number): Value => slice(graph, shape, 0, index, index + 1);
  const side = graph.int64([windowPx]);
  const [n, h, w] = [part(0), part(1), part(2)];
  const rows = graph.op('Div', [h, side]);
  const columns = graph.op('Div', [w, side]);
  const c = graph.int64([channels]);
  const area = graph.int64([windowPx * windowPx]);
  const scalar = graph.int64([], [0]);
  return {
    windowPx,
    channels,
    split: concat(graph, [n, rows, side, columns, side, c], 0),
    windows: concat(graph, [n, graph.op('Mul', [rows, columns]), area, c], 0),
    joined: concat(graph, [n, rows, columns, side, side, c], 0),
    merged: concat(graph, [n, h, w, c], 0),
    rows: graph.op('Reshape', [rows, scalar]),
    columns: graph.op('Reshape', [columns, scalar]),
  };
}

/** (n, h, w, c) to (n, windows, window², c), row by row. */
export function partitionWindows(graph: Graph, x: Value, grid: WindowGrid): Value {
  const split = graph.op('Reshape', [x, grid.split]);
  return graph.op('Reshape', [transpose(graph, split, [0, 1, 3, 2, 4, 5]), grid.windows]);
}

/** The way back from `partitionWindows`. */
export function mergeWindows(graph: Graph, x: Value, grid: WindowGrid): Value {
  const joined = graph.op('Reshape', [x, grid.joined]);
  return graph.op('Reshape', [transpose(graph, joined, [0, 1, 3, 2, 4, 5]), grid.merged]);
}

/** Rolls rows and columns of (n, h, w, c) up and left by `shiftPx`, or down and right if negative; what leaves enters opposite. */
export function rollPixels(graph: Graph, x: Value, shiftPx: number): Value {
  const roll = (value: Value, axis: number): Value =>
    concat(graph, [slice(graph, value, axis, shiftPx), slice(graph, value, axis, 0, shiftPx)], axis);
  return roll(roll(x, 1), 2);
}

/**
 * What is added to the scores of rolled windows, (windows, 1, window², window²): `penalty` between pixels that the roll made neighbors, which are
 * in the last row and column of windows only.
 */
export function shiftMask(graph: Graph, grid: WindowGrid, shiftPx: number, penalty: number): Value {
  const side = grid.windowPx;
  const area = side * side;
  const boundary = side - shiftPx;
  const apart = (of: (index: number) => number): Value => {
    const data = new Float32Array(area * area);
    for (let query = 0; query < area; query++) {
      for (let key = 0; key < area; key++) {
        if (of(query) < boundary !== of(key) < boundary) data[query * area + key] = penalty;
      }
    }
    return graph.constant({ data, shape: [area, area] }, 'apart');
  };
  const lastOf = (count: Value, shape: readonly number[]): Value => {
    const [zero, one] = [graph.int64([0], []), graph.int64([1], [])];
    const indices = graph.op('Range', [zero, count, one]);
    const isLast = graph.op('Equal', [indices, graph.op('Sub', [count, one])]);
    return reshape(graph, graph.op('Cast', [isLast], { to: 1 }), shape);
  };
  const byRow = graph.op('Mul', [
    lastOf(grid.rows, [-1, 1, 1, 1]),
    apart((index) => Math.floor(index / side)),
  ]);
  const byColumn = graph.op('Mul', [lastOf(grid.columns, [1, -1, 1, 1]), apart((index) => index % side)]);
  return reshape(graph, graph.op('Min', [byRow, byColumn]), [-1, 1, area, area]);
}

export interface WindowAttentionKeys {
  /** Fully connected layer to queries, keys and values of all heads, in this order. */
  readonly qkv: string;
  readonly out: string;
}

/**
 * Self-attention among the pixels of each window, x (n, windows, window², c).
 *
 * @param bias relative position bias (heads, window², window²), added to the scores.
 * @param mask from `shiftMask`.
 */
export function windowAttention(
  graph: Graph,
  x: Value,
  weights: Weights,
  keys: WindowAttentionKeys,
  bias: Tensor,
  mask?: Value,
): Value {
  const [heads = 1, area = 1] = bias.shape;
  const weight = readTensor(weights, `${keys.qkv}.weight`);
  const channels = weight.shape[1] ?? 1;
  const depth = channels / heads;
  const qkvBias = weights.tensors.has(`${keys.qkv}.bias`)
    ? readTensor(weights, `${keys.qkv}.bias`)
    : undefined;
  // Three products instead of one that is taken apart; the scale of the scores is folded into the queries.
  const headsOf = (index: number, order: readonly number[], factor = 1): Value => {
    const part = {
      data: weight.data.subarray(index * channels * channels, (index + 1) * channels * channels),
      shape: [channels, channels],
    };
    const offset =
      qkvBias === undefined
        ? undefined
        : scaled(
            { data: qkvBias.data.subarray(index * channels, (index + 1) * channels), shape: [channels] },
            factor,
          );
    const flat = linearOf(graph, x, scaled(part, factor), offset, keys.qkv);
    return transpose(graph, reshape(graph, flat, [0, 0, area, heads, depth]), order);
  };
  const query = headsOf(0, [0, 1, 3, 2, 4], depth ** -0.5);
  const key = headsOf(1, [0, 1, 3, 4, 2]);
  const value = headsOf(2, [0, 1, 3, 2, 4]);
  let scores = add(graph, graph.op('MatMul', [query, key]), graph.constant(bias, 'position'));
  if (mask !== undefined) scores = add(graph, scores, mask);
  const mixed = graph.op('MatMul', [softmax(graph, scores), value]);
  const joined = reshape(graph, transpose(graph, mixed, [0, 1, 3, 2, 4]), [0, 0, area, channels]);
  const outBias = weights.tensors.has(`${keys.out}.bias`)
    ? readTensor(weights, `${keys.out}.bias`)
    : undefined;
  return linearOf(graph, joined, readTensor(weights, `${keys.out}.weight`), outBias, keys.out);
}

/**
 * Spreads a stored table of relative positions over all pairs of a window's pixels: (heads, window², window²).
 *
 * @param at the table's entry for a head and a displacement, each from 0 to 2·window − 2.
 */
export function relativePositionBias(
  heads: number,
  windowPx: number,
  at: (head: number, dy: number, dx: number) => number,
): Tensor {
  const area = windowPx * windowPx;
  const data = new Float32Array(heads * area * area);
  let index = 0;
  for (let head = 0; head < heads; head++) {
    for (let query = 0; query < area; query++) {
      for (let key = 0; key < area; key++) {
        const dy = Math.floor(query / windowPx) - Math.floor(key / windowPx) + windowPx - 1;
        const dx = (query % windowPx) - (key % windowPx) + windowPx - 1;
        data[index++] = at(head, dy, dx);
      }
    }
  }
  return { data, shape: [heads, area, area] };
}

/** Adds a residual around `inner`. */
export function residual(graph: Graph, x: Value, inner: (x: Value) => Value): Value {
  return add(graph, inner(x), x);
}
