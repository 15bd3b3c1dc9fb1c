import type { Weights } from '../weights/weights.ts';

/**
 * FLOP per input pixel (multiply-adds × 2) of all convolution and fully connected weights, for networks whose layers are easier counted in the
 * file than in a formula.
 *
 * @param area output positions at which the weight of this name is applied, per input pixel of the network; 0 for what is not used.
 */
export function weightFlop(weights: Weights, area: (name: string) => number): number {
  let flop = 0;
  for (const { name, shape } of weights.tensors.values()) {
    if (!/(?:weight|weight_orig|filt)$/.test(name) || shape.length < 2) continue;
    flop += 2 * shape.reduce((product, size) => product * size, 1) * area(name);
  }
  return Math.round(flop);
}
