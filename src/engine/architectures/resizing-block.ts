import type { Graph, Value } from '../graph/graph.ts';
import { add, bilinearResize, conv2d, leakyRelu } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';

/** GFPGAN's residual block: two convolutions with a bilinear resize by `factor` (0.5 or 2) between, beside a 1×1 convolution of the resized input. */
export function resizingBlock(graph: Graph, weights: Weights, x: Value, key: string, factor: number): Value {
  const inner = leakyRelu(graph, conv2d(graph, x, weights, `${key}.conv1`, { pad: 1 }));
  const resized = bilinearResize(graph, inner, factor);
  const outer = leakyRelu(graph, conv2d(graph, resized, weights, `${key}.conv2`, { pad: 1 }));
  // A 1×1 convolution commutes with the bilinear resize: on the way up it runs at the lower size, on the way down after the resize.
  const skip =
    factor < 1
      ? conv2d(graph, bilinearResize(graph, x, factor), weights, `${key}.skip`)
      : bilinearResize(graph, conv2d(graph, x, weights, `${key}.skip`), factor);
  return add(graph, outer, skip);
}
