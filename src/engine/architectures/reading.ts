import { HeirloomError } from '../../shared/failure.ts';
import type { Weights } from '../weights/weights.ts';

/** Whether all of these tensors are there. */
export function has(weights: Weights, ...names: readonly string[]): boolean {
  return names.every((name) => weights.tensors.has(name));
}

/** The shape of a tensor, or undefined if there is none of that name. */
export function findShape(weights: Weights, name: string): readonly number[] | undefined {
  return weights.tensors.get(name)?.shape;
}

/** Whether the tensor is there and has this many dimensions. */
export function hasRank(weights: Weights, name: string, rank: number): boolean {
  return findShape(weights, name)?.length === rank;
}

/** How many of `name(0)`, `name(1)`, … are there before the first that is not. */
export function countFrom(weights: Weights, name: (index: number) => string, start = 0): number {
  let count = 0;
  while (weights.tensors.has(name(start + count))) count += 1;
  return count;
}

/**
 * The shape of a tensor that must have this many dimensions.
 *
 * @throws HeirloomError `unsupported-model` naming the tensor.
 */
export function shapeOf(
  weights: Weights,
  name: string,
  rank: 0 | 1 | 2 | 3 | 4,
): readonly [number, number, number, number] {
  const shape = findShape(weights, name);
  if (shape === undefined) throw missing(weights, name);
  if (shape.length !== rank) throw misfit(weights, name, shape, `${rank} dimensions`);
  const [a = 1, b = 1, c = 1, d = 1] = shape;
  return [a, b, c, d];
}

/**
 * Checks that a tensor has exactly this shape.
 *
 * @throws HeirloomError `unsupported-model` naming the tensor.
 */
export function expectShape(weights: Weights, name: string, expected: readonly number[]): void {
  const shape = findShape(weights, name);
  if (shape === undefined) throw missing(weights, name);
  const same = shape.length === expected.length && expected.every((size, axis) => shape[axis] === size);
  if (!same) throw misfit(weights, name, shape, `[${expected.join(', ')}]`);
}

/** Checks a convolution's weight (output, input, kernel, kernel) and, where it has one or must have one, its bias. */
export function expectConv(
  weights: Weights,
  key: string,
  output: number,
  input: number,
  kernel: number,
  bias: 'bias' | 'no-bias' | 'maybe-bias' = 'bias',
): void {
  expectShape(weights, `${key}.weight`, [output, input, kernel, kernel]);
  const name = `${key}.bias`;
  if (bias === 'bias' || (bias === 'maybe-bias' && weights.tensors.has(name)))
    expectShape(weights, name, [output]);
}

/** Checks that vectors such as biases, norms and slopes have this length where the file has them. */
export function expectVectors(weights: Weights, length: number, ...names: readonly string[]): void {
  for (const name of names) {
    if (weights.tensors.has(name)) expectShape(weights, name, [length]);
  }
}

/**
 * The square root of a whole number that must be a square, such as a pixel shuffle's factor from its channels; undefined if it is none or larger than any
 * network has.
 */
export function squareRoot(value: number, largest = 16): number | undefined {
  const root = Math.round(Math.sqrt(value));
  return Number.isInteger(value) && root > 0 && root <= largest && root * root === value ? root : undefined;
}

export function misfit(
  weights: Weights,
  name: string,
  shape: readonly number[],
  expected: string,
): HeirloomError {
  return new HeirloomError(
    'unsupported-model',
    `Tensor ${name} of ${weights.source} has shape [${shape.join(', ')}] where ${expected} was expected.`,
    'This variant of the network is not supported: choose another model file.',
  );
}

function missing(weights: Weights, name: string): HeirloomError {
  return new HeirloomError(
    'unsupported-model',
    `${weights.source} has no tensor ${name}, which this kind of network needs.`,
    'The file may be incomplete or of an unsupported variant: download it again or choose another model file.',
  );
}
