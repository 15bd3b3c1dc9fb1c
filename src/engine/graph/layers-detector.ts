import type { Graph, Value } from './graph.ts';
import { concat, convolve, reshape, transpose } from './layers.ts';

/**
 * RGB in [0, 1] to what a detector was trained on: y = factor · x − mean, in RGB or BGR order, as one 1×1 convolution, so that later zero padding
 * pads the normalized image as the original network did.
 *
 * @param mean of the channels in the order of the output.
 */
export function normalizedPixels(
  graph: Graph,
  rgb: Value,
  order: 'rgb' | 'bgr',
  factor: number,
  mean: readonly [number, number, number] = [0, 0, 0],
): Value {
  const data = new Float32Array(9);
  for (let out = 0; out < 3; out++) data[3 * out + (order === 'rgb' ? out : 2 - out)] = factor;
  const bias = { data: Float32Array.from(mean, (value) => -value), shape: [3] };
  return convolve(graph, rgb, { data, shape: [3, 3, 1, 1] }, bias, {}, 'normalized');
}

/** (n, a·k, h, w) to (n, h·w·a, k): one row for each anchor, by row, column, anchor. */
export function anchorRows(graph: Graph, x: Value, rowLength: number): Value {
  return reshape(graph, transpose(graph, x, [0, 2, 3, 1]), [0, -1, rowLength]);
}

/** Nearest-neighbor resize of x to the height and width of `target`. */
export function nearestLike(graph: Graph, x: Value, target: Value): Value {
  const own = graph.op('Shape', [x], { start: 0, end: 2 });
  const wanted = graph.op('Shape', [target], { start: 2, end: 4 });
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  return graph.op('Resize', [x, undefined, undefined, concat(graph, [own, wanted], 0)], attributes);
}
