import { blurPixels, clampUnit, mapValues, withData } from './degrade-filters.ts';
import type { Pixels } from './pixels.ts';
import type { Random } from './random.ts';

/** Rec. 601 luma of every pixel, in the units of `pixels`. */
export function lightOf(pixels: Pixels): Float32Array {
  const { channels, data } = pixels;
  if (channels === 1) return data;
  const out = new Float32Array(data.length / 3);
  for (let i = 0, p = 0; i < out.length; i++, p += 3) out[i] = 0.299 * data[p]! + 0.587 * data[p + 1]! + 0.114 * data[p + 2]!;
  return out;
}

/** x + σ N(0, 1), σ in 0..1 units; `gray`: one number for all channels of a pixel. */
export function gaussianNoise(pixels: Pixels, sigma: number, gray: boolean, random: Random): Pixels {
  let shared = 0;
  return mapValues(pixels, (value, i) => {
    if (!gray || i % pixels.channels === 0) shared = random.normal();
    return value + sigma * shared;
  });
}

/** x + scale (Poisson(q v) / v − q): q is x (or its luma) at 8 bit, v = 2^⌈log₂(number of distinct values of q)⌉. */
export function poissonNoise(pixels: Pixels, scale: number, gray: boolean, random: Random): Pixels {
  const { channels } = pixels;
  const toBytes = (value: number): number => Math.round(clampUnit(value) * 255) / 255;
  const source = (gray ? lightOf(pixels) : pixels.data).map(toBytes);
  const distinct = Math.max(2, new Set(source).size);
  const levels = 2 ** Math.ceil(Math.log2(distinct));
  const noise = source.map((q) => random.poisson(q * levels) / levels - q);
  return mapValues(pixels, (value, i) => value + scale * noise[gray ? Math.floor(i / channels) : i]!);
}

/** Gaussian noise blurred by `sigma` pixels, scaled to mean 0 and deviation 1 in every channel. */
export function unitField(size: { width: number; height: number }, sigma: number, random: Random, channels: 1 | 3 = 1): Float32Array {
  const { width, height } = size;
  const count = width * height;
  const white = Float32Array.from({ length: count * channels }, () => random.normal());
  const { data } = blurPixels({ width, height, channels, data: white }, sigma);
  for (let c = 0; c < channels; c++) {
    let [sum, squares] = [0, 0];
    for (let i = c; i < data.length; i += channels) {
      sum += data[i]!;
      squares += data[i]! ** 2;
    }
    const mean = sum / count;
    const deviation = Math.max(1e-6, Math.sqrt(Math.max(0, squares / count - mean * mean)));
    for (let i = c; i < data.length; i += channels) data[i] = (data[i]! - mean) / deviation;
  }
  return data;
}

/**
 * Film grain: x + amount (0.4 + 2.4 L (1 − L)) g, strongest in the mid-tones. L is luma, g a unit field of blur `sizePx`; `color` 0 shares it
 * among the channels, 1 gives each its own.
 */
export function filmGrain(pixels: Pixels, amount: number, sizePx: number, color: number, random: Random): Pixels {
  const light = lightOf(pixels);
  const { channels } = pixels;
  const shared = unitField(pixels, sizePx, random);
  const own = color > 0 && channels === 3 ? unitField(pixels, sizePx, random, 3) : undefined;
  return mapValues(pixels, (value, i) => {
    const pixel = Math.floor(i / channels);
    const grain = own === undefined ? shared[pixel]! : Math.sqrt(1 - color) * shared[pixel]! + Math.sqrt(color) * own[i]!;
    const l = clampUnit(light[pixel]!);
    return value + amount * (0.4 + 2.4 * l * (1 - l)) * grain;
  });
}

/** Paper texture: x (1 + amount t), t = 0.8 fine + 0.6 coarse, unit fields of blur `sizePx` and 4 `sizePx`. */
export function paperTexture(pixels: Pixels, amount: number, sizePx: number, random: Random): Pixels {
  const fine = unitField(pixels, sizePx, random);
  const coarse = unitField(pixels, 4 * sizePx, random);
  return mapValues(pixels, (value, i) => {
    const pixel = Math.floor(i / pixels.channels);
    return value * (1 + amount * (0.8 * fine[pixel]! + 0.6 * coarse[pixel]!));
  });
}

/** A printing screen: x + amount (d − x), d = sigmoid(6 (x − s)), s = ½ + ¼ (cos(2πu / period) + cos(2πv / period)), turned by θ. */
export function halftone(pixels: Pixels, periodPx: number, theta: number, amount: number): Pixels {
  const { width, channels } = pixels;
  const turn = (2 * Math.PI) / periodPx;
  const data = pixels.data.map((value, i) => {
    const pixel = Math.floor(i / channels);
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    const u = x * Math.cos(theta) + y * Math.sin(theta);
    const v = y * Math.cos(theta) - x * Math.sin(theta);
    const screen = 0.5 + 0.25 * (Math.cos(turn * u) + Math.cos(turn * v));
    return value + amount * (1 / (1 + Math.exp(-6 * (value - screen))) - value);
  });
  return withData(pixels, data);
}
