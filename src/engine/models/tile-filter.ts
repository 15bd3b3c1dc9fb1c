import type { ModelInfo } from '../architectures/architecture.ts';
import type { ChannelCount } from '../image/image.ts';
import { type Kernel, resampleArray } from '../image/resample.ts';
import type { TensorData } from './runtime.ts';
import { fromTensor, type Pixels, toTensor } from './tile-tensors.ts';

/** From pixels to a network's tensor and back, for pictures of one channel count. */
export interface TileFilter {
  prepare(pixels: Pixels): TensorData;
  /** `source` is what `prepare` was given. */
  finish(output: TensorData, source: Pixels): Pixels;
}

/**
 * Fits a picture's channels to a network's:
 * - gray into an RGB network: three equal planes, and the mean of the three results, so gray stays gray;
 * - RGB into a gray network: three images of one plane;
 * - alpha goes round the network and is enlarged by Lanczos.
 * Colors outside 0..1 (a gamut wider than sRGB) go round the network too: what was cut off is enlarged and added again.
 */
export function createTileFilter(info: ModelInfo, channels: ChannelCount): TileFilter {
  const color = channels <= 2 ? 1 : 3;
  const alpha = channels === 2 || channels === 4;
  const planes = info.inputChannels === 1 ? Array.from({ length: color }, (_, plane) => [plane]) : [color === 1 ? [0, 0, 0] : [0, 1, 2]];
  const gather = gatherPlan(info, color);

  return {
    prepare: (pixels) => {
      const up = (length: number): number => Math.ceil(length / info.sizeMultiple) * info.sizeMultiple;
      const padded = { width: up(pixels.width), height: up(pixels.height), mode: info.padMode };
      return toTensor(pixels, planes, padded, info.inputRange);
    },
    finish: (output, source) => {
      const size = { width: source.width * info.scale, height: source.height * info.scale };
      const result = fromTensor(output, size, gather, info.outputRange);
      const withGamut = restoreGamut(result, source, color, info.scale);
      return alpha ? joinAlpha(withGamut, source, info.scale) : withGamut;
    },
  };
}

function gatherPlan(info: ModelInfo, color: 1 | 3): (readonly [number, number])[][] {
  if (info.outputChannels === 1) return Array.from({ length: color }, (_, image) => [[image, 0] as const]);
  if (color === 3) return [[[0, 0]], [[0, 1]], [[0, 2]]];
  return [
    [
      [0, 0],
      [0, 1],
      [0, 2],
    ],
  ];
}

/** Adds back, enlarged, what clamping to 0..1 cut off from the source's colors. */
function restoreGamut(result: Pixels, source: Pixels, color: 1 | 3, scale: number): Pixels {
  const excess = new Float32Array(source.width * source.height * color);
  let found = false;
  for (let i = 0, pixel = 0; pixel < source.width * source.height; pixel++) {
    for (let channel = 0; channel < color; channel++, i++) {
      const value = source.data[pixel * source.channels + channel] as number;
      const over = value > 1 ? value - 1 : value < 0 ? value : 0;
      if (over !== 0) {
        excess[i] = over;
        found = true;
      }
    }
  }
  if (!found) return result;
  const enlarged = scale === 1 ? excess : resample({ ...source, data: excess, channels: color }, result, 'bicubic');
  for (let i = 0; i < enlarged.length; i++) result.data[i] = (result.data[i] as number) + (enlarged[i] as number);
  return result;
}

function resample(source: Pixels & { readonly channels: 1 | 3 }, size: Pixels, kernel: Kernel): Float32Array {
  const { width, height, channels, data } = source;
  return resampleArray({ width, height, channels, pixels: data }, size.width, size.height, kernel).pixels;
}

function joinAlpha(result: Pixels, source: Pixels, scale: number): Pixels {
  const alpha = new Float32Array(source.width * source.height);
  for (let i = 0; i < alpha.length; i++) alpha[i] = source.data[i * source.channels + source.channels - 1] as number;
  const enlarged = scale === 1 ? alpha : resample({ ...source, data: alpha, channels: 1 }, result, 'lanczos3');
  const channels = result.channels + 1;
  const data = new Float32Array(enlarged.length * channels);
  for (let i = 0; i < enlarged.length; i++) {
    for (let channel = 0; channel < result.channels; channel++) data[i * channels + channel] = result.data[i * result.channels + channel] as number;
    data[i * channels + result.channels] = Math.min(1, Math.max(0, enlarged[i] as number));
  }
  return { ...result, data, channels };
}
