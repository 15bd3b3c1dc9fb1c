import { availableParallelism } from 'node:os';

import { HeirloomError } from '../../shared/failure.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { concat, conv2d, convolve, findTensor, relu } from '../graph/layers.ts';
import { createInlineRuntime, type Runtime, type Session } from '../models/runtime.ts';
import { openWeights } from '../weights/open-weights.ts';
import type { Weights } from '../weights/weights.ts';
import { asRgb, type Pixels } from './pixels.ts';

/** Fire modules and poolings after the first convolution: indices in torchvision's `features`, '' for poolings. */
const stages = ['2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'] as const;
const pooled = new Set<string>(['2', '5', '8']);
/** LPIPS compares the features as they stand before these indices (after 12 at the end); the first convolution counts as 0 and 1. */
const comparedBefore = new Set<string>(['2', '5', '8', '10', '11', '12']);
const compareChannels = [64, 128, 256, 384, 384, 512, 512];

/** A loaded perceptual distance on SqueezeNet 1.1 features. */
export interface SqueezeDistance {
  /** Whether the layers' trained weights were given and the backbone is the one they were trained with: LPIPS proper. */
  readonly isLpips: boolean;
  /** Distance of two pictures of one size, 0 for equal ones; gray counts as RGB. Undefined below 32 pixels a side. */
  measure(a: Pixels, b: Pixels): Promise<number | undefined>;
  release(): Promise<void>;
}

/** Whether these weights are torchvision's `squeezenet1_1`, as far as the convolutions below the classifier go. */
export function isSqueezeNet(weights: Weights): boolean {
  const shape = (name: string): string => weights.tensors.get(name)?.shape.join(',') ?? '';
  return shape('features.0.weight') === '64,3,3,3' && shape('features.12.expand3x3.weight') === '256,64,3,3';
}

/** Loads the distance from files, to be measured on the CPU; see `loadSqueezeDistance`. */
export function openSqueezeDistance(backbonePath: string, layersPath: string | undefined): Promise<SqueezeDistance> {
  const layers = layersPath === undefined ? undefined : openWeights(layersPath);
  return loadSqueezeDistance(openWeights(backbonePath), layers, createInlineRuntime(), { device: 'cpu', threads: availableParallelism() });
}

/**
 * Loads LPIPS 0.1 'squeeze' (Zhang et al. 2018). `backbone` has torchvision's tensor names; `layers` the names `lin0.model.1.weight` … `lin6`.
 *
 * Without `layers` all channels weigh alike. The trained layers only mean something with torchvision's own backbone; a file whose
 * metadata says `backbone: other` is measured without them.
 *
 * @throws HeirloomError `unsupported-model` when either file is something else.
 */
export async function loadSqueezeDistance(
  backbone: Weights,
  layers: Weights | undefined,
  runtime: Runtime,
  options: { readonly device: string; readonly threads: number },
): Promise<SqueezeDistance> {
  if (!isSqueezeNet(backbone)) {
    throw new HeirloomError('unsupported-model', `${backbone.source} is not a SqueezeNet 1.1.`, 'Choose the features of torchvision\'s squeezenet1_1.');
  }
  const trained = backbone.metadata['backbone'] === 'other' ? undefined : layers;
  const graph = buildSqueezeDistance(backbone, trained);
  const session = await runtime.load(graph.encode({ distance: graph.distance }), options);
  return {
    isLpips: trained !== undefined,
    measure: (a, b) => measure(session, a, b),
    release: () => session.release(),
  };
}

async function measure(session: Session, a: Pixels, b: Pixels): Promise<number | undefined> {
  const { width, height } = a;
  if (Math.min(width, height) < 32) return undefined;
  const data = new Float32Array(2 * 3 * width * height);
  const mean = [0.485, 0.456, 0.406];
  const deviation = [0.229, 0.224, 0.225];
  [asRgb(a), asRgb(b)].forEach((pixels, n) => {
    for (let c = 0; c < 3; c++) {
      const to = (3 * n + c) * width * height;
      for (let i = 0; i < width * height; i++) data[to + i] = (pixels.data[3 * i + c]! - mean[c]!) / deviation[c]!;
    }
  });
  const { distance } = await session.run({ pair: { data, dims: [2, 3, height, width] } });
  return Number(distance?.data[0]);
}

/** The network with the input `pair` (2, 3, h, w) and its scalar output. */
class DistanceGraph extends Graph {
  distance: Value = { name: '' };
}

function buildSqueezeDistance(backbone: Weights, layers: Weights | undefined): DistanceGraph {
  const graph = new DistanceGraph('squeeze-distance');
  let x = relu(graph, conv2d(graph, graph.input('pair', [2, 3, 'h', 'w']), backbone, 'features.0', { stride: 2 }));
  const parts: Value[] = [];
  for (const stage of stages) {
    if (comparedBefore.has(stage)) parts.push(layerDistance(graph, x, parts.length, layers));
    x = pooled.has(stage) ? maxPool(graph, x) : fire(graph, x, backbone, `features.${stage}`);
  }
  parts.push(layerDistance(graph, x, parts.length, layers));
  graph.distance = parts.reduce((sum, part) => graph.op('Add', [sum, part]));
  return graph;
}

/** 3×3, stride 2, the last window may reach over the edge. */
function maxPool(graph: Graph, x: Value): Value {
  return graph.op('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 });
}

function fire(graph: Graph, x: Value, weights: Weights, key: string): Value {
  const squeezed = relu(graph, conv2d(graph, x, weights, `${key}.squeeze`));
  const one = relu(graph, conv2d(graph, squeezed, weights, `${key}.expand1x1`));
  const three = relu(graph, conv2d(graph, squeezed, weights, `${key}.expand3x3`, { pad: 1 }));
  return concat(graph, [one, three]);
}

/** Features scaled to length 1 at each position, squared difference, weighted sum over channels, mean over positions. */
function layerDistance(graph: Graph, x: Value, layer: number, layers: Weights | undefined): Value {
  const channels = compareChannels[layer]!;
  const length = graph.op('Sqrt', [graph.op('ReduceSum', [graph.op('Mul', [x, x]), graph.int64([1])], { keepdims: 1 })]);
  const epsilon = graph.constant({ data: Float32Array.of(1e-10), shape: [1] }, 'epsilon');
  const unit = graph.op('Div', [x, graph.op('Add', [length, epsilon])]);
  const [a, b] = graph.ops('Split', [unit], { axis: 0, num_outputs: 2 }, 2);
  const difference = graph.op('Sub', [a, b]);
  const squared = graph.op('Mul', [difference, difference]);
  const weight = layerWeights(layers, layer, channels);
  const summed = convolve(graph, squared, { data: weight, shape: [1, channels, 1, 1] }, undefined);
  return graph.op('ReduceMean', [summed], { keepdims: 0 });
}

function layerWeights(layers: Weights | undefined, layer: number, channels: number): Float32Array {
  if (layers === undefined) return new Float32Array(channels).fill(1 / compareChannels.length);
  const tensor = findTensor(layers, `lin${layer}.model.1.weight`) ?? findTensor(layers, `lin${layer}.weight`);
  if (tensor?.data.length === channels) return tensor.data;
  throw new HeirloomError('unsupported-model', `${layers.source} does not hold the LPIPS layers for SqueezeNet.`, 'Choose squeeze.pth of LPIPS 0.1.');
}
