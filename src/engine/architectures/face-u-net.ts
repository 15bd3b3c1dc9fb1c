import type { Graph, Value } from '../graph/graph.ts';
import { add, conv2d, leakyRelu } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { countFrom, expectShape, has } from './reading.ts';
import { resizingBlock } from './resizing-block.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a face U-Net. */
export interface FaceUNetParams {
  /** Side of the square face it takes and gives: the coarsest map is always 8×8. */
  readonly sizePx: number;
  readonly levels: number;
  /** Channels at full size, half of it, … down to 8×8. */
  readonly widths: readonly number[];
  readonly flopPerPixel: number;
}

/** Side of the coarsest map. */
const coarsestPx = 8;

/**
 * The degradation-removal U-Net of GFPGANv1Clean without its generative prior, with the same tensor names: what Heirloom's own face restorers are.
 * The last `toRGB` gives the change of the input; the others only guide the training.
 *
 * 'input' (n, 3, size, size) is an aligned face, RGB in [−1, 1]; 'output' the same, not clamped.
 */
export const faceUNet: Architecture<FaceUNetParams> = {
  id: 'face-u-net',
  name: 'Face U-Net',
  source: {
    paper:
      'Wang et al., Towards Real-World Blind Face Restoration with Generative Facial Prior, CVPR 2021, section 3.2',
    code: 'https://github.com/TencentARC/GFPGAN',
    license: 'Apache-2.0',
  },
  detect: (weights) =>
    has(weights, 'conv_body_first.weight', 'final_conv.weight', 'conv_body_up.0.skip.weight') &&
    has(weights, 'toRGB.0.weight') &&
    !has(weights, 'final_linear.weight'),
  read,
  describe,
  build,
};

function read(weights: Weights): FaceUNetParams {
  const levels = countFrom(weights, (index) => `conv_body_down.${index}.conv1.weight`);
  const widths = [dimension(weights, 'conv_body_first.weight', 4, 0)];
  for (let index = 0; index < levels; index++) {
    const [before, after] = [
      widths[index] ?? 0,
      dimension(weights, `conv_body_down.${index}.conv2.weight`, 4, 0),
    ];
    expectShape(weights, `conv_body_down.${index}.conv1.weight`, [before, before, 3, 3]);
    expectShape(weights, `conv_body_down.${index}.conv2.weight`, [after, before, 3, 3]);
    expectShape(weights, `conv_body_down.${index}.skip.weight`, [after, before, 1, 1]);
    widths.push(after);
  }
  const coarsest = widths[levels] ?? 0;
  expectShape(weights, 'final_conv.weight', [coarsest, coarsest, 3, 3]);
  for (let index = 0; index < levels; index++) {
    const [before, after] = [widths[levels - index] ?? 0, widths[levels - index - 1] ?? 0];
    expectShape(weights, `conv_body_up.${index}.conv1.weight`, [before, before, 3, 3]);
    expectShape(weights, `conv_body_up.${index}.conv2.weight`, [after, before, 3, 3]);
    expectShape(weights, `conv_body_up.${index}.skip.weight`, [after, before, 1, 1]);
  }
  expectShape(weights, `toRGB.${levels - 1}.weight`, [3, widths[0] ?? 0, 1, 1]);
  const flopPerPixel = weightFlop(weights, (name) => areaOf(name, levels));
  return { sizePx: coarsestPx << levels, levels, widths, flopPerPixel };
}

/** Output positions per pixel at which a weight is applied. */
function areaOf(name: string, levels: number): number {
  const index = Number(/\.(\d+)\./.exec(name)?.[1] ?? 0);
  const own = name.includes('conv1') ? 0 : 1;
  if (name.startsWith('conv_body_down')) return 1 / 4 ** (index + own);
  if (name.startsWith('conv_body_up')) return 1 / 4 ** (levels - index - (name.includes('conv2') ? 1 : 0));
  if (name.startsWith('toRGB')) return index === levels - 1 ? 1 : 0;
  return name.startsWith('final_conv') ? 1 / 4 ** levels : 1;
}

function describe({ sizePx, widths, flopPerPixel }: FaceUNetParams): ModelInfo {
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
    hyperparameters: { 'face size': sizePx, widths: widths.join(' ') },
    flopPerPixel,
  };
}

function build(graph: Graph, weights: Weights, params: FaceUNetParams): Readonly<Record<string, Value>> {
  const { sizePx, levels } = params;
  const input = graph.input('input', ['n', 3, sizePx, sizePx]);
  let feature = leakyRelu(graph, conv2d(graph, input, weights, 'conv_body_first'));
  const skips: Value[] = [];
  for (let index = 0; index < levels; index++) {
    skips.push(feature);
    feature = resizingBlock(graph, weights, feature, `conv_body_down.${index}`, 0.5);
  }
  feature = leakyRelu(graph, conv2d(graph, feature, weights, 'final_conv', { pad: 1 }));
  for (let index = 0; index < levels; index++) {
    feature = resizingBlock(graph, weights, feature, `conv_body_up.${index}`, 2);
    feature = add(graph, feature, skips.pop() ?? feature);
  }
  return { output: add(graph, conv2d(graph, feature, weights, `toRGB.${levels - 1}`), input) };
}
