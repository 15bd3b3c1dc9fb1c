import type { Graph, Value } from '../graph/graph.ts';
import type { Weights } from '../weights/weights.ts';

/** What a network does, as the catalog and the steps name it. */
export type ModelRole =
  | 'enlarge'
  | 'clean'
  | 'face-detect'
  | 'face-restore'
  | 'face-parse'
  | 'face-recognize'
  | 'fill'
  | 'scratch-detect'
  | 'colorize'
  | 'other';

/** Geometry and meaning of a network, known before a single pixel is computed. */
export interface ModelInfo {
  readonly role: ModelRole;
  /** Output pixels per input pixel along one side; 1 for same-size networks. */
  readonly scale: number;
  /** Channels of the (first) image input and of the (first) image output. */
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** Input sides must be a multiple of this; Model pads. */
  readonly sizeMultiple: number;
  /** How Model pads to the multiple. */
  readonly padMode: 'reflect' | 'replicate' | 'zero' | 'symmetric' | 'flip';
  /** Input pixels around one that can influence its output: the margin that makes tiling exact. Infinity when global. */
  readonly receptiveFieldPx: number;
  /** False for networks that must see the whole picture (fixed size, global Fourier or attention). */
  readonly tileable: boolean;
  /** Set when the network accepts exactly one size. */
  readonly fixedSize?: { readonly width: number; readonly height: number };
  /** Range the image input expects and the output has: [0,1] unless said. Model converts. */
  readonly inputRange: readonly [number, number];
  readonly outputRange: readonly [number, number];
  /** Hyperparameters for the model card, in the field's own terms (features, blocks, ...). */
  readonly hyperparameters: Readonly<Record<string, number | string | boolean>>;
  /** Multiply-adds ×2 per input pixel, in FLOP. */
  readonly flopPerPixel: number;
}

/**
 * From weights to an ONNX graph and a description. An architecture is known by its weights: detected by tensor names, measured by
 * shapes. One file each.
 */
export interface Architecture<P = unknown> {
  /** kebab-case, e.g. 'srvgg-net-compact'. */
  readonly id: string;
  /** The field's own name, e.g. 'SRVGGNetCompact'. */
  readonly name: string;
  readonly source: { readonly paper: string; readonly code: string; readonly license: string };
  /** Whether these (unwrapped) weights are of this architecture: tests on names and shapes only. */
  detect(weights: Weights): boolean;
  /**
   * Hyperparameters, read from the shapes.
   *
   * @throws HeirloomError `unsupported-model` naming the tensor that does not fit.
   */
  read(weights: Weights): P;
  describe(params: P): ModelInfo;
  /**
   * Adds the network to `graph` and returns its outputs by name. The graph's image input is named 'input' (n, c, h, w) with dynamic n, h, w unless
   * fixed; the image output is 'output'. Further inputs and outputs are named in the architecture's docstring.
   */
  build(graph: Graph, weights: Weights, params: P): Readonly<Record<string, Value>>;
}
