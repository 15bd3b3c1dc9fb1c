import { hasAlpha, type ChannelCount } from './image.ts';

/** `bicubic` is Keys' cubic with a = -0.5, as in MATLAB's imresize; `area` averages what an output pixel covers. */
export type Kernel = 'lanczos3' | 'bicubic' | 'area';

/** For each output position `taps` source indices and weights (summing to 1), one after the other. */
export interface Taps {
  readonly taps: number;
  readonly indices: Int32Array;
  readonly weights: Float32Array;
}

function lanczos3(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= 3) return 0;
  const t = Math.PI * x;
  return (3 * Math.sin(t) * Math.sin(t / 3)) / (t * t);
}

/** Keys, "Cubic convolution interpolation for digital image processing" (1981), a = -0.5. */
function bicubic(x: number): number {
  const t = Math.abs(x);
  if (t <= 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** Mirrors an index at the edges, repeating the edge sample (… 1 0 | 0 1 …). */
function mirror(index: number, length: number): number {
  const period = 2 * length;
  const folded = ((index % period) + period) % period;
  return folded < length ? folded : period - 1 - folded;
}

/**
 * The weights of resampling `from` samples to `to`; the kernel is stretched when shrinking, so that nothing aliases.
 * Edges are symmetric, as in MATLAB's imresize.
 */
export function resampleTaps(from: number, to: number, kernel: Kernel): Taps {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const weightAt = (index: number, output: number): number => {
    if (kernel === 'area')
      return Math.max(0, Math.min(index + 1, (output + 1) * scale) - Math.max(index, output * scale));
    const distance = (index - ((output + 0.5) * scale - 0.5)) / stretch;
    return kernel === 'lanczos3' ? lanczos3(distance) : bicubic(distance);
  };
  const radius = kernel === 'area' ? scale / 2 + 0.5 : (kernel === 'lanczos3' ? 3 : 2) * stretch;
  const taps = Math.ceil(2 * radius) + 1;
  const indices = new Int32Array(to * taps);
  const weights = new Float32Array(to * taps);
  const exact = new Float64Array(taps);
  for (let output = 0; output < to; output++) {
    const first = Math.ceil((output + 0.5) * scale - 0.5 - radius);
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) sum += exact[tap] = weightAt(first + tap, output);
    for (let tap = 0; tap < taps; tap++) {
      indices[output * taps + tap] = mirror(first + tap, from);
      weights[output * taps + tap] = exact[tap]! / sum;
    }
  }
  return trimmed({ taps, indices, weights }, to);
}

/** Drops the outer taps that are zero for all outputs. */
function trimmed({ taps, indices, weights }: Taps, to: number): Taps {
  let [first, last] = [taps - 1, 0];
  for (let i = 0; i < to * taps; i++) {
    if (weights[i] === 0) continue;
    first = Math.min(first, i % taps);
    last = Math.max(last, i % taps);
  }
  const kept = last - first + 1;
  if (kept === taps) return { taps, indices, weights };
  const result = { taps: kept, indices: new Int32Array(to * kept), weights: new Float32Array(to * kept) };
  for (let output = 0; output < to; output++) {
    result.indices.set(indices.subarray(output * taps + first, output * taps + first + kept), output * kept);
    result.weights.set(weights.subarray(output * taps + first, output * taps + first + kept), output * kept);
  }
  return result;
}

/** Resamples one row of interleaved pixels from `source[at]` on. */
export function resampleRow(
  source: Float32Array,
  at: number,
  channels: number,
  { taps, indices, weights }: Taps,
  target: Float32Array,
): void {
  const outputs = target.length / channels;
  if (channels === 3) {
    for (let x = 0, t = 0; x < outputs; x++) {
      let [r, g, b] = [0, 0, 0];
      for (let tap = 0; tap < taps; tap++, t++) {
        const from = at + indices[t]! * 3;
        const weight = weights[t]!;
        r += source[from]! * weight;
        g += source[from + 1]! * weight;
        b += source[from + 2]! * weight;
      }
      target[x * 3] = r;
      target[x * 3 + 1] = g;
      target[x * 3 + 2] = b;
    }
    return;
  }
  for (let x = 0; x < outputs; x++) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let t = x * taps; t < (x + 1) * taps; t++)
        sum += source[at + indices[t]! * channels + c]! * weights[t]!;
      target[x * channels + c] = sum;
    }
  }
}

/** Colors times alpha, in place: what a resampler must see so that hidden colors do not bleed out of transparent pixels. */
export function premultiply(pixels: Float32Array, channels: ChannelCount): void {
  if (!hasAlpha({ channels })) return;
  for (let i = 0; i < pixels.length; i += channels) {
    const alpha = pixels[i + channels - 1]!;
    for (let c = 0; c < channels - 1; c++) pixels[i + c]! *= alpha;
  }
}

/** The inverse of `premultiply`; alpha is clamped to 0..1, and where it is 0 so are the colors. */
export function unpremultiply(pixels: Float32Array, channels: ChannelCount): void {
  if (!hasAlpha({ channels })) return;
  for (let i = 0; i < pixels.length; i += channels) {
    const alpha = pixels[i + channels - 1]!;
    const scale = alpha > 1e-6 ? 1 / alpha : 0;
    for (let c = 0; c < channels - 1; c++) pixels[i + c]! *= scale;
    pixels[i + channels - 1] = Math.min(1, Math.max(0, alpha));
  }
}

export interface FloatPixels {
  readonly width: number;
  readonly height: number;
  readonly channels: ChannelCount;
  /** Interleaved, width*height*channels. */
  readonly pixels: Float32Array;
}

/**
 * Resamples a picture in memory to `width` × `height`; the same size gives an exact copy. Values may leave 0..1 (ringing).
 *
 * `bicubic` agrees with MATLAB's imresize (antialiased) up to float rounding.
 */
export function resampleArray(
  source: FloatPixels,
  width: number,
  height: number,
  kernel: Kernel,
): FloatPixels {
  const { channels } = source;
  if (width === source.width && height === source.height) return { ...source, pixels: source.pixels.slice() };
  const input = hasAlpha(source) ? source.pixels.slice() : source.pixels;
  premultiply(input, channels);
  const across = resampleTaps(source.width, width, kernel);
  const down = resampleTaps(source.height, height, kernel);
  const rowLength = width * channels;
  const wide = new Float32Array(rowLength * source.height);
  for (let y = 0; y < source.height; y++) {
    resampleRow(
      input,
      y * source.width * channels,
      channels,
      across,
      wide.subarray(y * rowLength, (y + 1) * rowLength),
    );
  }
  const pixels = new Float32Array(rowLength * height);
  for (let y = 0; y < height; y++) {
    const target = pixels.subarray(y * rowLength, (y + 1) * rowLength);
    for (let t = y * down.taps; t < (y + 1) * down.taps; t++) {
      const from = down.indices[t]! * rowLength;
      addWeighted(target, wide.subarray(from, from + rowLength), down.weights[t]!);
    }
  }
  unpremultiply(pixels, channels);
  return { width, height, channels, pixels };
}

/** target += row * weight. */
export function addWeighted(target: Float32Array, row: Float32Array, weight: number): void {
  if (weight === 0) return;
  for (let i = 0; i < target.length; i++) target[i]! += row[i]! * weight;
}
