import { HeirloomError } from '../../shared/failure.ts';
import { elementCount, type TensorInfo, type Weights } from './weights.ts';
import { printable } from './weights-failure.ts';

/** How far two sets of weights fit together; names are in the order of their file. */
export interface CompatibilityReport {
  /** Whether they can be blended. */
  readonly compatible: boolean;
  /** One sentence for the user. */
  readonly verdict: string;
  /** Tensors of the first that the second lacks. */
  readonly missing: readonly string[];
  /** Tensors of the second that the first lacks. */
  readonly extra: readonly string[];
  readonly shapeDifferent: readonly string[];
  /** Tensors of either with an infinity or a NaN in them. */
  readonly nonFinite: readonly string[];
}

/**
 * Network interpolation: θ = (1−α)·θ_a + α·θ_b, tensor by tensor, computed when read.
 *
 * α = 0 and α = 1 give the numbers of a and b bit by bit. Tensors are those of `a`, in its order; counters (whole numbers) are taken from the nearer end.
 * Closing the blend leaves a and b open. Paper: Wang et al., "Deep Network Interpolation for Continuous Imagery Effect Transition", CVPR 2019.
 *
 * @throws HeirloomError `bad-input` when names or shapes differ or α is outside 0 to 1.
 */
export function blendWeights(a: Weights, b: Weights, alpha: number): Weights {
  if (!(alpha >= 0 && alpha <= 1)) throw new HeirloomError('bad-input', `α is ${alpha}, but lies between 0 and 1.`);
  const difference = compareShapes(a, b);
  if (!isSameNetwork(difference)) throw new HeirloomError('bad-input', verdictOf(a, b, difference, []), differentNetworksHint);
  const tensors = alpha === 1 ? inOrderOf(a, b) : a.tensors;
  return {
    source: `${a.source} ↔ ${b.source} at α ${alpha}`,
    format: 'blend',
    metadata: {},
    tensors,
    read(name) {
      if (alpha === 0) return a.read(name);
      if (alpha === 1) return b.read(name);
      if (isWhole(a.tensors.get(name))) return (alpha < 0.5 ? a : b).read(name);
      return mix(a.read(name), b.read(name), alpha);
    },
    close() {},
  };
}

/** Compares names, shapes and finiteness; reads every number of both once. */
export function compareWeights(a: Weights, b: Weights): CompatibilityReport {
  const difference = compareShapes(a, b);
  const nonFinite = [...new Set([...nonFiniteNames(a), ...nonFiniteNames(b)])];
  const compatible = isSameNetwork(difference) && nonFinite.length === 0;
  return { compatible, verdict: verdictOf(a, b, difference, nonFinite), ...difference, nonFinite };
}

const differentNetworksHint = 'Choose two models of the same architecture and size.';

type ShapeDifference = Pick<CompatibilityReport, 'missing' | 'extra' | 'shapeDifferent'>;

function compareShapes(a: Weights, b: Weights): ShapeDifference {
  const names = [...a.tensors.keys()];
  return {
    missing: names.filter((name) => !b.tensors.has(name)),
    extra: [...b.tensors.keys()].filter((name) => !a.tensors.has(name)),
    shapeDifferent: names.filter((name) => {
      const other = b.tensors.get(name);
      return other !== undefined && shapeOf(other) !== shapeOf(a.tensors.get(name));
    }),
  };
}

function isSameNetwork({ missing, extra, shapeDifferent }: ShapeDifference): boolean {
  return missing.length + extra.length + shapeDifferent.length === 0;
}

function verdictOf(a: Weights, b: Weights, { missing, extra, shapeDifferent }: ShapeDifference, nonFinite: readonly string[]): string {
  const shared = a.tensors.size - missing.length - shapeDifferent.length;
  if (a.tensors.size === 0 || b.tensors.size === 0) return `${a.source} and ${b.source} cannot be blended: one of them is empty.`;
  if (shared === 0) return `${a.source} and ${b.source} are different networks: they share no tensor of the same name and shape.`;
  const reasons = [
    listed(missing, (names) => `${b.source} lacks ${names}`),
    listed(extra, (names) => `${a.source} lacks ${names}`),
    listed(shapeDifferent, (names) => `${names} differ${shapeDifferent.length === 1 ? 's' : ''} in shape (${firstShapes(a, b, shapeDifferent[0])})`),
    listed(nonFinite, (names) => `${names} ${nonFinite.length === 1 ? 'has' : 'have'} numbers that are not finite`),
  ].filter((reason) => reason !== '');
  if (reasons.length > 0) return `${a.source} and ${b.source} cannot be blended: ${reasons.join('; ')}.`;
  return `${a.source} and ${b.source} have the same ${a.tensors.size} tensors and can be blended.`;
}

function listed(names: readonly string[], sentence: (names: string) => string): string {
  const [first, ...others] = names;
  if (first === undefined) return '';
  return sentence(others.length === 0 ? printable(first) : `${printable(first)} and ${others.length} more`);
}

function firstShapes(a: Weights, b: Weights, name: string | undefined): string {
  return `${shapeOf(a.tensors.get(name ?? ''))} against ${shapeOf(b.tensors.get(name ?? ''))}`;
}

function shapeOf(tensor: TensorInfo | undefined): string {
  return tensor === undefined ? '' : `[${tensor.shape.join(', ')}]`;
}

function inOrderOf(a: Weights, b: Weights): ReadonlyMap<string, TensorInfo> {
  return new Map([...a.tensors].map(([name, info]) => [name, b.tensors.get(name) ?? info]));
}

function isWhole(tensor: TensorInfo | undefined): boolean {
  return tensor !== undefined && /^(i|u|bool)/.test(tensor.dtype);
}

function nonFiniteNames(weights: Weights): string[] {
  return [...weights.tensors.values()]
    .filter((tensor) => !isWhole(tensor) && elementCount(tensor.shape) > 0 && !isAllFinite(weights.read(tensor.name)))
    .map(({ name }) => name);
}

function isAllFinite(numbers: Float32Array): boolean {
  for (let i = 0; i < numbers.length; i++) if (!Number.isFinite(numbers[i])) return false;
  return true;
}

function mix(a: Float32Array, b: Float32Array, alpha: number): Float32Array {
  const result = new Float32Array(a.length);
  const beta = 1 - alpha;
  for (let i = 0; i < result.length; i++) result[i] = beta * (a[i] ?? 0) + alpha * (b[i] ?? 0);
  return result;
}
