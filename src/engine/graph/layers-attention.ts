import type { Weights } from '../weights/weights.ts';
import type { Graph, Tensor, Value } from './graph.ts';
import { add, linear, linearOf, numbers, readTensor, reshape, scaled, softmax, transpose } from './layers.ts';

/**
 * PyTorch's MultiheadAttention with `key.in_proj_weight` (3c, c), `key.in_proj_bias` and `key.out_proj`, on queries (n, q, c), keys and values (n, k, c).
 *
 * Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.
 */
export function multiHeadAttention(
  graph: Graph,
  query: Value,
  keys: Value,
  values: Value,
  weights: Weights,
  key: string,
  heads: number,
): Value {
  const weight = readTensor(weights, `${key}.in_proj_weight`);
  const bias = readTensor(weights, `${key}.in_proj_bias`);
  const channels = weight.shape[1] ?? 0;
  const depth = channels / heads;
  const project = (x: Value, part: number, scale: number): Value => {
    const rows = {
      data: weight.data.subarray(part * channels ** 2, (part + 1) * channels ** 2),
      shape: [channels, channels],
    };
    const offsets = { data: bias.data.subarray(part * channels, (part + 1) * channels), shape: [channels] };
    const projected = linearOf(graph, x, scaled(rows, scale), scaled(offsets, scale), `${key}.in_proj`);
    return reshape(graph, projected, [0, -1, heads, depth]);
  };
  const asked = transpose(graph, project(query, 0, depth ** -0.5), [0, 2, 1, 3]);
  const offered = transpose(graph, project(keys, 1, 1), [0, 2, 3, 1]);
  const given = transpose(graph, project(values, 2, 1), [0, 2, 1, 3]);
  const mixed = graph.op('MatMul', [softmax(graph, graph.op('MatMul', [asked, offered])), given]);
  return linear(
    graph,
    reshape(graph, transpose(graph, mixed, [0, 2, 1, 3]), [0, -1, channels]),
    weights,
    `${key}.out_proj`,
  );
}

/**
 * Sine position encoding of a map (n, ?, h, w): (h · w, channels), the first half of the channels for y, the second for x, sines and cosines alternating.
 *
 * Source: Carion et al., "End-to-End Object Detection with Transformers" (2020), normalized to 2π, temperature 10,000.
 */
export function sinePositions(graph: Graph, map: Value, channels: number): Value {
  const half = channels / 2;
  const frequencies = Float32Array.from(
    { length: half },
    (_, j) => (2 * Math.PI) / 10_000 ** ((2 * Math.floor(j / 2)) / half),
  );
  const phases = Float32Array.from({ length: half }, (_, j) => (j % 2 === 0 ? 0 : Math.PI / 2));
  const sizes = [2, 3].map((axis) => graph.op('Shape', [map], { start: axis, end: axis + 1 }));
  const [height, width] = sizes as [Value, Value];
  const rowOf = (data: Float32Array): Tensor => ({ data, shape: [1, half] });
  const encoded = (size: Value, shape: readonly number[]): Value => {
    const range = graph.op('Range', [
      graph.int64([1], []),
      reshape(graph, graph.op('Add', [size, graph.int64([1])]), []),
      graph.int64([1], []),
    ]);
    const position = reshape(graph, graph.op('Cast', [range], { to: 1 }), [-1, 1]);
    const relative = graph.op('Div', [
      position,
      add(graph, graph.op('Cast', [size], { to: 1 }), numbers(graph, [1e-6])),
    ]);
    const angle = graph.op('Mul', [relative, graph.constant(rowOf(frequencies), 'frequencies')]);
    return reshape(
      graph,
      graph.op('Sin', [add(graph, angle, graph.constant(rowOf(phases), 'phases'))]),
      shape,
    );
  };
  const target = graph.op('Concat', [height, width, graph.int64([half])], { axis: 0 });
  const y = graph.op('Expand', [encoded(height, [-1, 1, half]), target]);
  const x = graph.op('Expand', [encoded(width, [1, -1, half]), target]);
  return reshape(graph, graph.op('Concat', [y, x], { axis: 2 }), [-1, channels]);
}
