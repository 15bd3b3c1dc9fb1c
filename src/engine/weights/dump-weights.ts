import { elementCount, type TensorInfo, type Weights } from './weights.ts';

/** What one tensor's numbers look like; NaN for an empty tensor. */
export interface TensorStatistics {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  /** Standard deviation of the whole population. */
  readonly deviation: number;
  readonly nonFinite: number;
}

/** Extremes, mean and deviation of the finite numbers, in double precision. */
export function tensorStatistics(numbers: Float32Array): TensorStatistics {
  let minimum = Infinity;
  let maximum = -Infinity;
  let sum = 0;
  let squares = 0;
  let nonFinite = 0;
  for (const value of numbers) {
    if (!Number.isFinite(value)) {
      nonFinite++;
      continue;
    }
    minimum = Math.min(minimum, value);
    maximum = Math.max(maximum, value);
    sum += value;
    squares += value * value;
  }
  const count = numbers.length - nonFinite;
  if (count === 0) return { minimum: NaN, maximum: NaN, mean: NaN, deviation: NaN, nonFinite };
  const mean = sum / count;
  return { minimum, maximum, mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)), nonFinite };
}

/** Names, types, shapes and, when wanted, statistics of all tensors as a text table; reads one tensor at a time. */
export function* dumpWeights(weights: Weights, withStatistics = true): Generator<string, void, undefined> {
  const tensors = [...weights.tensors.values()];
  const total = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const unwrapped = weights.unwrapped ?? [];
  yield `${weights.source}: ${weights.format}${unwrapped.length > 0 ? `, inside ${unwrapped.join(' › ')}` : ''}, ${tensors.length} tensors, ${total} elements`;
  for (const [key, text] of Object.entries(weights.metadata)) yield `  ${key} = ${text}`;
  const nameWidth = tensors.reduce((widest, { name }) => Math.max(widest, name.length), 4);
  const shapeWidth = tensors.reduce((widest, { shape }) => Math.max(widest, shapeText(shape).length), 5);
  const row = (name: string, dtype: string, shape: string): string => `${name.padEnd(nameWidth)}  ${dtype.padEnd(5)} ${shape.padEnd(shapeWidth)}`;
  const heading = ['minimum', 'maximum', 'mean', 'deviation'].map((text) => text.padStart(11)).join(' ');
  yield `${row('name', 'type', 'shape')}${withStatistics ? ` ${heading}` : ''}`.trimEnd();
  for (const tensor of tensors) {
    yield `${row(tensor.name, tensor.dtype, shapeText(tensor.shape))}${withStatistics ? ` ${statisticsText(weights, tensor)}` : ''}`.trimEnd();
  }
}

function statisticsText(weights: Weights, { name }: TensorInfo): string {
  const { minimum, maximum, mean, deviation, nonFinite } = tensorStatistics(weights.read(name));
  const numbers = [minimum, maximum, mean, deviation].map((value) => (Number.isNaN(value) ? '-' : value.toPrecision(4)).padStart(11));
  return `${numbers.join(' ')}${nonFinite > 0 ? `  ${nonFinite} not finite` : ''}`;
}

function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join('×');
}
