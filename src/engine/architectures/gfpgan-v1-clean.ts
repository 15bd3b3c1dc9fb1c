import type { Graph, Value } from '../graph/graph.ts';
import {
  add,
  bilinearResize,
  concat,
  conv2d,
  leakyRelu,
  mul,
  numbers,
  readTensor,
  reshape,
  scaled,
  split,
} from '../graph/layers.ts';
import { gemm, modulatedConv, modulatedToRgb } from '../graph/layers-style.ts';
import type { Weights } from '../weights/weights.ts';
import type { Architecture, ModelInfo } from './architecture.ts';
import { dimension } from './dimension.ts';
import { countFrom, expectShape, has, misfit } from './reading.ts';
import { resizingBlock } from './resizing-block.ts';
import { weightFlop } from './weight-flop.ts';

/** Hyperparameters of a GFPGANv1Clean. */
export interface GfpganParams {
  /** Side of the square face it takes and gives: 512 in the published weights. */
  readonly sizePx: number;
  /** Halvings down to 4×4: log2(size) − 2. */
  readonly levels: number;
  readonly styleDimension: number;
  /** Latents the linear layer gives: one for each convolution, or one shared by all. */
  readonly latents: number;
  /** Encoder channels behind the body convolutions, coarsest first: 4×4, 8×8, … */
  readonly encoderWidths: readonly number[];
  /** Generator channels at 4×4, 8×8, … */
  readonly generatorWidths: readonly number[];
  readonly flopPerPixel: number;
}

const decoder = 'stylegan_decoder';

/**
 * The face restorer GFPGAN in its clean form (v1.2, v1.3, v1.4), of any size, widths and style dimension that its weights have.
 *
 * 'input' (n, 3, size, size) is an aligned face, RGB in [−1, 1]; 'output' the same, not clamped. The noise of the generator is the stored one, so the
 * result is the same on every run (the reference implementation draws it anew by default). `style_mlp` and `toRGB` are not used at inference.
 */
export const gfpganV1Clean: Architecture<GfpganParams> = {
  id: 'gfpgan-v1-clean',
  name: 'GFPGANv1Clean',
  source: {
    paper: 'Wang et al., Towards Real-World Blind Face Restoration with Generative Facial Prior, CVPR 2021',
    code: 'https://github.com/TencentARC/GFPGAN',
    license: 'Apache-2.0 (parts under other licenses)',
  },
  detect: (weights) =>
    has(weights, 'conv_body_first.weight', 'final_linear.weight', 'condition_scale.0.0.weight') &&
    has(weights, `${decoder}.constant_input.weight`, `${decoder}.to_rgbs.0.modulated_conv.weight`),
  read,
  describe,
  build,
};

function read(weights: Weights): GfpganParams {
  const levels = countFrom(weights, (index) => `${decoder}.to_rgbs.${index}.modulated_conv.weight`);
  const sizePx = 4 << levels;
  const styleDimension = dimension(weights, `${decoder}.to_rgb1.modulated_conv.modulation.weight`, 2, 1);
  const generatorWidths = [dimension(weights, `${decoder}.constant_input.weight`, 4, 1)];
  const encoderWidths = [dimension(weights, 'final_conv.weight', 4, 0)];
  for (let level = 0; level < levels; level++) {
    const width = dimension(weights, `${decoder}.style_convs.${2 * level}.modulated_conv.weight`, 5, 1);
    const encoderWidth = dimension(weights, `conv_body_up.${level}.conv2.weight`, 4, 0);
    generatorWidths.push(width);
    encoderWidths.push(encoderWidth);
    expectShape(weights, `condition_scale.${level}.2.weight`, [width / 2, encoderWidth, 3, 3]);
    expectShape(weights, `condition_shift.${level}.2.weight`, [width / 2, encoderWidth, 3, 3]);
  }
  for (let index = 0; index <= 2 * levels; index++) {
    const side = 4 << Math.ceil(index / 2);
    expectShape(weights, `${decoder}.noises.noise${index}`, [1, 1, side, side]);
  }
  const rows = dimension(weights, 'final_linear.weight', 2, 0);
  const latents = rows / styleDimension;
  if (latents !== 2 * levels + 2 && latents !== 1) {
    const found = weights.tensors.get('final_linear.weight')?.shape ?? [];
    throw misfit(weights, 'final_linear.weight', found, `${(2 * levels + 2) * styleDimension} rows`);
  }
  expectShape(weights, 'final_linear.weight', [rows, (encoderWidths[0] ?? 0) * 16]);
  const flopPerPixel = weightFlop(weights, (name) => positionsOf(name, levels) / sizePx ** 2);
  return { sizePx, levels, styleDimension, latents, encoderWidths, generatorWidths, flopPerPixel };
}

/** Output positions at which a weight is applied. */
function positionsOf(name: string, levels: number): number {
  const [, index = '0'] = /\.(\d+)/.exec(name) ?? [];
  const side = (level: number): number => (4 << level) ** 2;
  if (/^(?:toRGB|stylegan_decoder\.style_mlp|stylegan_decoder\.constant)/.test(name)) return 0;
  if (name.includes('modulation') || name.startsWith('final_linear')) return 1;
  if (name.startsWith('conv_body_first')) return side(levels);
  if (name.startsWith('conv_body_down'))
    return side(levels - Number(index) - (name.includes('conv1') ? 0 : 1));
  if (name.startsWith('conv_body_up')) return side(Number(index) + (name.includes('conv1') ? 0 : 1));
  if (name.startsWith('condition') || name.includes('to_rgbs')) return side(Number(index) + 1);
  if (name.includes('style_convs')) return side(Math.floor(Number(index) / 2) + 1);
  return side(0);
}

function describe(params: GfpganParams): ModelInfo {
  const { sizePx, styleDimension } = params;
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
      'face size': sizePx,
      'style dimension': styleDimension,
      'encoder widths': params.encoderWidths.join(' '),
      'generator widths': params.generatorWidths.join(' '),
      'one latent per layer': params.latents > 1,
    },
    flopPerPixel: params.flopPerPixel,
  };
}

/** Shared by the parts of one build. */
interface Build {
  readonly graph: Graph;
  readonly weights: Weights;
  readonly params: GfpganParams;
}

function build(graph: Graph, weights: Weights, params: GfpganParams): Readonly<Record<string, Value>> {
  const { sizePx } = params;
  const input = graph.input('input', ['n', 3, sizePx, sizePx]);
  const parts = { graph, weights, params };
  const { latents, conditions } = encoder(parts, input);
  return { output: generator(parts, latents, conditions) };
}

interface Condition {
  readonly scale: Value;
  readonly shift: Value;
}

/** Degradation removal: the latents (n, style) of all layers and a spatial scale and shift for every size from 8×8. */
function encoder(
  { graph, weights, params }: Build,
  input: Value,
): { latents: Value[]; conditions: Condition[] } {
  let feature = leakyRelu(graph, conv2d(graph, input, weights, 'conv_body_first'));
  const skips: Value[] = [];
  for (let index = 0; index < params.levels; index++) {
    feature = resizingBlock(graph, weights, feature, `conv_body_down.${index}`, 0.5);
    skips.push(feature);
  }
  feature = leakyRelu(graph, conv2d(graph, feature, weights, 'final_conv', { pad: 1 }));
  const flat = reshape(graph, feature, [-1, (params.encoderWidths[0] ?? 0) * 16]);
  const joined = gemm(graph, flat, weights, 'final_linear');
  const latents = Array<Value>(2 * params.levels + 2).fill(joined);
  if (params.latents > 1) {
    latents.splice(
      0,
      latents.length,
      ...split(
        graph,
        joined,
        1,
        latents.map(() => params.styleDimension),
      ),
    );
  }
  const conditions: Condition[] = [];
  for (let index = 0; index < params.levels; index++) {
    const skip = skips.pop() ?? feature;
    feature = resizingBlock(graph, weights, add(graph, feature, skip), `conv_body_up.${index}`, 2);
    const [scale, shift] = ['condition_scale', 'condition_shift'].map((kind) => {
      const hidden = leakyRelu(graph, conv2d(graph, feature, weights, `${kind}.${index}.0`, { pad: 1 }));
      return conv2d(graph, hidden, weights, `${kind}.${index}.2`, { pad: 1 });
    }) as [Value, Value];
    conditions.push({ scale, shift });
  }
  return { latents, conditions };
}

/** StyleGAN2 with spatial feature transform on half of the channels at each size. */
function generator(parts: Build, latents: readonly Value[], conditions: readonly Condition[]): Value {
  const { graph, weights, params } = parts;
  const latent = (index: number): Value => latents[index] as Value;
  const constant = graph.constant(readTensor(weights, `${decoder}.constant_input.weight`), 'constant_input');
  let x = styleConv(parts, constant, latent(0), 'style_conv1', 0, false);
  let rgb = toRgb(parts, x, latent(1), 'to_rgb1', 4);
  for (const [level, { scale, shift }] of conditions.entries()) {
    const layer = 1 + 2 * level;
    x = styleConv(parts, x, latent(layer), `style_convs.${2 * level}`, layer, true);
    const half = (params.generatorWidths[level + 1] ?? 0) / 2;
    const [kept, changed] = split(graph, x, 1, [half, half]) as [Value, Value];
    x = concat(graph, [kept, add(graph, mul(graph, changed, scale), shift)]);
    x = styleConv(parts, x, latent(layer + 1), `style_convs.${2 * level + 1}`, layer + 1, false);
    const image = toRgb(parts, x, latent(layer + 2), `to_rgbs.${level}`, 8 << level);
    rgb = add(graph, image, bilinearResize(graph, rgb, 2));
  }
  return rgb;
}

/** Modulated convolution ·√2, plus stored noise at its learned strength, plus bias; leaky ReLU. */
function styleConv(parts: Build, x: Value, latent: Value, name: string, noise: number, up: boolean): Value {
  const { graph, weights } = parts;
  const key = `${decoder}.${name}`;
  const resize = up ? (value: Value) => bilinearResize(graph, value, 2) : undefined;
  let y = modulatedConv(graph, x, latent, weights, `${key}.modulated_conv`, Math.SQRT2, resize);
  const strength = readTensor(weights, `${key}.weight`).data[0] ?? 0;
  if (strength !== 0) {
    const map = scaled(readTensor(weights, `${decoder}.noises.noise${noise}`), strength);
    y = add(graph, y, graph.constant(map, `${key}.noise`));
  }
  y = add(graph, y, graph.constant(readTensor(weights, `${key}.bias`), `${key}.bias`));
  return leakyRelu(graph, y);
}

function toRgb({ graph, weights }: Build, x: Value, latent: Value, name: string, sizePx: number): Value {
  const key = `${decoder}.${name}`;
  const bias = readTensor(weights, `${key}.bias`);
  const image = modulatedToRgb(graph, x, latent, weights, `${key}.modulated_conv`, sizePx);
  return add(graph, image, numbers(graph, [...bias.data], [1, bias.data.length, 1, 1]));
}
