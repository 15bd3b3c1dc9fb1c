import type { Pixels } from './pixels.ts';

/** One channel in float64, row by row, in the range a measure's formulas are written for (0..255 unless said). */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float64Array;
}

/** MATLAB's luma of `rgb2ycbcr`: 16 + 65.481 R + 128.553 G + 24.966 B with RGB in [0,1]: 16 to 235, not rounded. */
export function lumaPlane(pixels: Pixels): Plane {
  const { width, height, channels, data } = pixels;
  const out = new Float64Array(width * height);
  for (let i = 0, p = 0; i < out.length; i++, p += channels) {
    const r = data[p]!;
    out[i] = 16 + (channels === 1 ? 219 * r : 65.481 * r + 128.553 * data[p + 1]! + 24.966 * data[p + 2]!);
  }
  return { width, height, data: out };
}

/** Each channel times 255. */
export function channelPlanes(pixels: Pixels): Plane[] {
  const { width, height, channels, data } = pixels;
  return Array.from({ length: channels }, (_, channel) => {
    const out = new Float64Array(width * height);
    for (let i = 0, p = channel; i < out.length; i++, p += channels) out[i] = 255 * data[p]!;
    return { width, height, data: out };
  });
}

/** A sampled Gaussian of `size` taps with sum 1. */
export function gaussianTaps(size: number, sigma: number): Float64Array {
  const taps = Float64Array.from({ length: size }, (_, i) => Math.exp(-0.5 * ((i - (size - 1) / 2) / sigma) ** 2));
  const sum = taps.reduce((a, b) => a + b, 0);
  return taps.map((tap) => tap / sum);
}

/** Correlation with `taps` along both axes where the window fits: smaller by taps.length - 1 each way. */
export function filterValid(plane: Plane, taps: Float64Array): Plane {
  const size = taps.length;
  const width = plane.width - size + 1;
  const height = plane.height - size + 1;
  const across = new Float64Array(width * plane.height);
  for (let y = 0; y < plane.height; y++) {
    const from = y * plane.width;
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += taps[k]! * plane.data[from + x + k]!;
      across[y * width + x] = sum;
    }
  }
  const out = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = out.subarray(y * width, (y + 1) * width);
    for (let k = 0; k < size; k++) {
      const tap = taps[k]!;
      const from = (y + k) * width;
      for (let x = 0; x < width; x++) row[x]! += tap * across[from + x]!;
    }
  }
  return { width, height, data: out };
}

/** `plane` with its edge pixels repeated `border` times on every side. */
export function padEdge(plane: Plane, border: number): Plane {
  const width = plane.width + 2 * border;
  const height = plane.height + 2 * border;
  const data = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = Math.min(plane.height - 1, Math.max(0, y - border)) * plane.width;
    const row = data.subarray(y * width, (y + 1) * width);
    row.set(plane.data.subarray(from, from + plane.width), border);
    row.fill(plane.data[from]!, 0, border);
    row.fill(plane.data[from + plane.width - 1]!, border + plane.width);
  }
  return { width, height, data };
}

/** The mean of every 2×2 block; an odd last row or column is left out. */
export function halvePlane(plane: Plane): Plane {
  const width = plane.width >> 1;
  const height = plane.height >> 1;
  const data = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    const top = 2 * y * plane.width;
    for (let x = 0; x < width; x++) {
      const i = top + 2 * x;
      const j = i + plane.width;
      data[y * width + x] = (plane.data[i]! + plane.data[i + 1]! + plane.data[j]! + plane.data[j + 1]!) / 4;
    }
  }
  return { width, height, data };
}

/** A new plane of f(a, b). */
export function combinePlanes(a: Plane, b: Plane, f: (a: number, b: number) => number): Plane {
  const data = new Float64Array(a.data.length);
  for (let i = 0; i < data.length; i++) data[i] = f(a.data[i]!, b.data[i]!);
  return { width: a.width, height: a.height, data };
}

export function meanOf(data: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]!;
  return sum / data.length;
}
