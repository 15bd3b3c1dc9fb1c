import { gaussianKernel, type Kernel } from './degrade-kernels.ts';
import type { Pixels } from './pixels.ts';

/** `pixels` with other numbers of the same size. */
export function withData(pixels: Pixels, data: Float32Array): Pixels {
  return { ...pixels, data };
}

/** Every value through `f`, then into 0..1. */
export function mapValues(pixels: Pixels, f: (value: number, index: number) => number): Pixels {
  return withData(pixels, pixels.data.map((value, index) => clampUnit(f(value, index))));
}

export function clampUnit(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

/** Position of `index` in a line of `length` mirrored at its ends without repeating them (reflect 101). */
export function reflect101(index: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const position = ((index % period) + period) % period;
  return position < length ? position : period - position;
}

/** Rows and columns added around, mirrored (reflect 101). */
function padReflect(pixels: Pixels, border: number): Pixels {
  const { channels } = pixels;
  const width = pixels.width + 2 * border;
  const height = pixels.height + 2 * border;
  const data = new Float32Array(width * height * channels);
  const columns = Array.from({ length: width }, (_, x) => reflect101(x - border, pixels.width) * channels);
  for (let y = 0, to = 0; y < height; y++) {
    const row = reflect101(y - border, pixels.height) * pixels.width * channels;
    for (let x = 0; x < width; x++) for (let c = 0; c < channels; c++) data[to++] = pixels.data[row + columns[x]! + c]!;
  }
  return { width, height, channels, data };
}

/** Correlation with a kernel, edges mirrored; not clamped. */
export function filterPixels(pixels: Pixels, kernel: Kernel): Pixels {
  if (kernel.size === 1) return pixels;
  const { width, height, channels } = pixels;
  const padded = padReflect(pixels, (kernel.size - 1) / 2);
  const out = new Float32Array(pixels.data.length);
  const rowLength = width * channels;
  for (let ky = 0; ky < kernel.size; ky++) {
    for (let kx = 0; kx < kernel.size; kx++) {
      const weight = kernel.data[ky * kernel.size + kx]!;
      if (Math.abs(weight) < 1e-9) continue;
      for (let y = 0; y < height; y++) {
        const from = ((y + ky) * padded.width + kx) * channels;
        const to = y * rowLength;
        for (let i = 0; i < rowLength; i++) out[to + i]! += weight * padded.data[from + i]!;
      }
    }
  }
  return withData(pixels, out);
}

/** Separable Gaussian of radius ⌈3σ⌉, edges mirrored; σ 0 changes nothing. */
export function blurPixels(pixels: Pixels, sigma: number): Pixels {
  return blurPixelsApart(pixels, sigma, sigma, Math.ceil(3 * sigma));
}

/** A scanner's blur: across the sensor line and along the carriage's motion (downward). */
export function scannerBlur(pixels: Pixels, sigmaAcross: number, sigmaAlong: number): Pixels {
  return blurPixelsApart(pixels, Math.max(sigmaAcross, 0.05), Math.max(sigmaAlong, 0.05), Math.max(1, Math.ceil(3 * Math.max(sigmaAcross, sigmaAlong))));
}

function blurPixelsApart(pixels: Pixels, sigmaX: number, sigmaY: number, radius: number): Pixels {
  if (sigmaX <= 0 || sigmaY <= 0) return pixels;
  const line = (sigma: number): Float64Array => {
    const { size, data } = gaussianKernel(2 * radius + 1, sigma, sigma, 0);
    const middle = data.slice(radius * size, (radius + 1) * size);
    const sum = middle.reduce((a, b) => a + b, 0);
    return middle.map((value) => value / sum);
  };
  return filterLines(pixels, line(sigmaX), line(sigmaY));
}

/** Two passes, across then down. */
function filterLines(pixels: Pixels, across: Float64Array, down: Float64Array): Pixels {
  const { width, height, channels } = pixels;
  const radius = (across.length - 1) / 2;
  const padded = padReflect(pixels, radius);
  const rowLength = width * channels;
  const middle = new Float32Array(rowLength * padded.height);
  for (let y = 0; y < padded.height; y++) {
    for (let k = 0; k < across.length; k++) {
      const from = (y * padded.width + k) * channels;
      for (let i = 0; i < rowLength; i++) middle[y * rowLength + i]! += across[k]! * padded.data[from + i]!;
    }
  }
  const out = new Float32Array(rowLength * height);
  for (let y = 0; y < height; y++) {
    for (let k = 0; k < down.length; k++) {
      const from = (y + k) * rowLength;
      for (let i = 0; i < rowLength; i++) out[y * rowLength + i]! += down[k]! * middle[from + i]!;
    }
  }
  return withData(pixels, out);
}

/** Unsharp masking as scanners do it: x + amount (x − blur(x, σ)). */
export function sharpeningHalo(pixels: Pixels, amount: number, sigma: number): Pixels {
  const soft = blurPixels(pixels, sigma).data;
  return mapValues(pixels, (value, i) => value + amount * (value - soft[i]!));
}
