import { clampUnit, withData } from './degrade-filters.ts';
import type { Pixels } from './pixels.ts';

/** Resizing without antialiasing, pixel centers aligned, as PyTorch and so Real-ESRGAN do it. */
export type PlainFilter = 'area' | 'bilinear' | 'bicubic';

/** Keys' cubic kernel with a = −0.75. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  const a = -0.75;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** For each target position: the first source position and the weights from there on, clamped into the line by the reader. */
interface LineWeights {
  readonly first: number;
  readonly weights: readonly number[];
}

function lineWeights(length: number, target: number, filter: PlainFilter): LineWeights[] {
  return Array.from({ length: target }, (_, i) => {
    if (filter === 'area') {
      const first = Math.floor((i * length) / target);
      const count = Math.ceil(((i + 1) * length) / target) - first;
      return { first, weights: Array.from({ length: count }, () => 1 / count) };
    }
    const center = ((i + 0.5) * length) / target - 0.5;
    if (filter === 'bilinear') {
      const at = Math.max(0, center);
      const first = Math.floor(at);
      return { first, weights: [1 - (at - first), at - first] };
    }
    const first = Math.floor(center) - 1;
    return { first, weights: [0, 1, 2, 3].map((k) => cubic(center - first - k)) };
  });
}

/** `pixels` at another size, in 0..1. */
export function plainResize(pixels: Pixels, width: number, height: number, filter: PlainFilter): Pixels {
  const { channels } = pixels;
  const columns = lineWeights(pixels.width, width, filter);
  const rows = lineWeights(pixels.height, height, filter);
  const middle = new Float32Array(width * pixels.height * channels);
  for (let y = 0, to = 0; y < pixels.height; y++) {
    const row = y * pixels.width;
    for (const { first, weights } of columns) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) {
          const x = Math.min(pixels.width - 1, Math.max(0, first + k));
          sum += weights[k]! * pixels.data[(row + x) * channels + c]!;
        }
        middle[to++] = sum;
      }
    }
  }
  const rowLength = width * channels;
  const data = new Float32Array(rowLength * height);
  rows.forEach(({ first, weights }, y) => {
    weights.forEach((weight, k) => {
      const from = Math.min(pixels.height - 1, Math.max(0, first + k)) * rowLength;
      for (let i = 0; i < rowLength; i++) data[y * rowLength + i]! += weight * middle[from + i]!;
    });
  });
  return { ...withData(pixels, data.map(clampUnit)), width, height };
}
