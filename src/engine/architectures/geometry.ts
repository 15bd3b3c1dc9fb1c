/**
 * FLOP of a convolution per pixel of the network's input: multiply-adds × 2.
 *
 * @param area output pixels of this convolution per input pixel of the network.
 */
export function convFlop(kernel: number, input: number, output: number, area = 1): number {
  return 2 * kernel * kernel * input * output * area;
}

/**
 * Input pixels around one that can influence its output, from convolutions at several resolutions.
 *
 * @param reaches pairs of [pixels a layer reaches to each side, resolution relative to the input].
 */
export function receptiveFieldPx(reaches: readonly (readonly [number, number])[]): number {
  return Math.ceil(reaches.reduce((sum, [reach, resolution]) => sum + reach / resolution, 0));
}
