import type { Weights } from '../weights/weights.ts';
import { findShape, misfit } from './reading.ts';

/**
 * One side of a tensor that must have `rank` dimensions.
 *
 * @throws HeirloomError `unsupported-model` naming the tensor.
 */
export function dimension(weights: Weights, name: string, rank: number, axis: number): number {
  const shape = findShape(weights, name) ?? [];
  const size = shape[axis];
  if (shape.length !== rank || size === undefined) throw misfit(weights, name, shape, `${rank} dimensions`);
  return size;
}
