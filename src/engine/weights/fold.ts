import { HeirloomError } from '../../shared/failure.ts';
import { elementCount, type TensorInfo, type Weights } from './weights.ts';

/** Running statistics and affine part of a batch normalization, one number a channel. */
export interface BatchNorm {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** Scale γ; 1 if absent. */
  readonly scale?: Float32Array;
  /** Shift β; 0 if absent. */
  readonly shift?: Float32Array;
  readonly epsilon?: number;
}

export interface Convolution {
  /** (out, in/groups, kh, kw), or (in, out/groups, kh, kw) when transposed. */
  readonly weight: Float32Array;
  readonly shape: readonly number[];
  /** (out); 0 if absent. */
  readonly bias?: Float32Array | undefined;
  /** Whether it is a transposed convolution, whose output channels are the second axis. */
  readonly transposed?: boolean;
  /** Groups of a transposed convolution; others carry all output channels on the first axis. */
  readonly groups?: number;
}

/**
 * The convolution that does what a convolution and the batch normalization behind it do: W' = W·γ/√(var+ε), b' = (b−mean)·γ/√(var+ε)+β.
 *
 * ε is 1e-5 unless given. Computed in double precision. Also for linear layers, shape (out, in). Paper: Ioffe & Szegedy 2015, §3.1.
 *
 * @throws HeirloomError `corrupt-model` when the normalization has another number of channels than the convolution.
 */
export function foldBatchNorm(convolution: Convolution, norm: BatchNorm): { weight: Float32Array; bias: Float32Array } {
  const { shape, transposed = false, groups = 1 } = convolution;
  const [first = 1, second = 1] = shape;
  const channels = transposed ? second * groups : first;
  const parts = [norm.mean, norm.variance, norm.scale, norm.shift, convolution.bias];
  if (parts.some((part) => part !== undefined && part.length !== channels) || convolution.weight.length !== elementCount(shape)) {
    throw new HeirloomError('corrupt-model', `A normalization of ${norm.mean.length} channels follows a convolution of ${channels}.`);
  }
  const factors = Float64Array.from(norm.variance, (variance, i) => (norm.scale?.[i] ?? 1) / Math.sqrt(variance + (norm.epsilon ?? 1e-5)));
  const inner = elementCount(shape.slice(2));
  const inputsPerGroup = first / groups;
  const weight = convolution.weight.map((value, i) => {
    const outer = Math.floor(i / inner);
    const channel = transposed
      ? (outer % second) + Math.floor(Math.floor(outer / second) / inputsPerGroup) * second
      : Math.floor(outer / second);
    return value * (factors[channel] ?? 0);
  });
  const bias = Float32Array.from(factors, (factor, i) => ((convolution.bias?.[i] ?? 0) - (norm.mean[i] ?? 0)) * factor + (norm.shift?.[i] ?? 0));
  return { weight, bias };
}

/**
 * The weight a spectrally normalized layer computes with: W/σ, σ = uᵀ·M·v with the stored u and v, M the weight as (axis × rest) matrix.
 *
 * `axis` is 0, and 1 for transposed convolutions. Paper: Miyato et al. 2018, "Spectral Normalization for GANs", §2.1.
 *
 * @throws HeirloomError `corrupt-model` when u and v do not fit the shape.
 */
export function foldSpectralNorm(original: Float32Array, shape: readonly number[], u: Float32Array, v: Float32Array, axis = 0): Float32Array {
  const rows = shape[axis] ?? 1;
  if (u.length !== rows || u.length * v.length !== original.length) {
    throw new HeirloomError('corrupt-model', `A spectral norm of ${u.length} by ${v.length} belongs to a weight of shape ${shape.join('×')}.`);
  }
  const inner = elementCount(shape.slice(axis + 1));
  let sigma = 0;
  for (let i = 0; i < original.length; i++) {
    const row = Math.floor(i / inner) % rows;
    const column = Math.floor(i / (inner * rows)) * inner + (i % inner);
    sigma += (u[row] ?? 0) * (original[i] ?? 0) * (v[column] ?? 0);
  }
  return original.map((value) => value / sigma);
}

/**
 * The weight a weight-normalized layer computes with: g·v/‖v‖, the norm over all axes but the one along which g varies.
 *
 * A g of one number is the norm over everything. Paper: Salimans & Kingma 2016, eq. 2.
 *
 * @throws HeirloomError `corrupt-model` when g does not fit.
 */
export function foldWeightNorm(direction: Float32Array, shape: readonly number[], gain: Float32Array, gainShape: readonly number[]): Float32Array {
  const axis = gainShape.findIndex((size) => size !== 1);
  const rows = axis < 0 ? 1 : (shape[axis] ?? 1);
  if (gain.length !== rows) throw new HeirloomError('corrupt-model', `A weight norm of shape ${gainShape.join('×')} belongs to a weight of shape ${shape.join('×')}.`);
  const inner = axis < 0 ? direction.length : elementCount(shape.slice(axis + 1));
  const rowOf = (i: number): number => Math.floor(i / inner) % rows;
  const squares = new Float64Array(rows);
  for (let i = 0; i < direction.length; i++) squares[rowOf(i)] = (squares[rowOf(i)] ?? 0) + (direction[i] ?? 0) ** 2;
  return direction.map((value, i) => (value * (gain[rowOf(i)] ?? 0)) / Math.sqrt(squares[rowOf(i)] ?? 1));
}

/** A weight that is stored in parts. */
interface NormForm {
  readonly kind: 'spectral' | 'weight';
  /** Endings that stand for the weight, its shape being that of the first. */
  readonly endings: readonly string[];
}

/** As PyTorch's two generations of norms leave them in checkpoints. */
const normForms: readonly NormForm[] = [
  { kind: 'spectral', endings: ['.weight_orig', '.weight_u', '.weight_v'] },
  { kind: 'spectral', endings: ['.parametrizations.weight.original', '.parametrizations.weight.0._u', '.parametrizations.weight.0._v'] },
  { kind: 'weight', endings: ['.weight_v', '.weight_g'] },
  { kind: 'weight', endings: ['.parametrizations.weight.original1', '.parametrizations.weight.original0'] },
];

interface StoredNorm {
  readonly kind: NormForm['kind'];
  readonly parts: readonly TensorInfo[];
}

/** The same weights with spectral and weight norms folded: each appears as `<layer>.weight`, in the place of its first part. */
export function foldNorms(weights: Weights): Weights {
  const norms = new Map<string, StoredNorm>();
  const consumed = new Map<string, string>();
  for (const name of weights.tensors.keys()) {
    for (const { kind, endings } of normForms) {
      const [first = ''] = endings;
      const layer = name.endsWith(first) ? name.slice(0, -first.length) : undefined;
      const parts = layer === undefined ? [] : endings.flatMap((ending) => weights.tensors.get(layer + ending) ?? []);
      if (layer === undefined || parts.length < endings.length || consumed.has(name)) continue;
      norms.set(`${layer}.weight`, { kind, parts });
      for (const part of parts) consumed.set(part.name, `${layer}.weight`);
    }
  }
  if (norms.size === 0) return weights;
  const tensors = new Map<string, TensorInfo>();
  for (const [name, tensor] of weights.tensors) {
    const folded = consumed.get(name);
    const norm = folded === undefined ? undefined : norms.get(folded);
    if (folded === undefined || norm === undefined) tensors.set(name, tensor);
    else if (!tensors.has(folded)) tensors.set(folded, { name: folded, shape: norm.parts[0]?.shape ?? [], dtype: 'f32' });
  }
  const read = (name: string): Float32Array => {
    const norm = norms.get(name);
    return norm === undefined ? weights.read(name) : foldStored(weights, norm);
  };
  return { ...weights, tensors, read, close: () => weights.close() };
}

function foldStored(weights: Weights, { kind, parts }: StoredNorm): Float32Array {
  const [main, ...others] = parts;
  const [second, third] = others.map(({ name }) => weights.read(name));
  const numbers = weights.read(main?.name ?? '');
  const shape = main?.shape ?? [];
  if (kind === 'weight') return foldWeightNorm(numbers, shape, second ?? numbers, others[0]?.shape ?? []);
  // Transposed convolutions are normalized along their second axis: u tells which, unless both are equally long.
  const axis = second?.length !== shape[0] && second?.length === shape[1] ? 1 : 0;
  return foldSpectralNorm(numbers, shape, second ?? numbers, third ?? numbers, axis);
}
