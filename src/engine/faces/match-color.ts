import type { Pixels } from '../models/tile-tensors.ts';
import { blurPlane } from '../image/blur-plane.ts';
import type { FaceMask } from './face-mask.ts';
import { samplePlane } from './warp.ts';

/** Below this mean variance of the channels' differences (range 0 to 1) a crop counts as gray or evenly toned, as in CodeFormer's face helper (10 of 255²). */
const grayVariance = 10 / 255 ** 2;

/**
 * What a restorer changed, with its colors brought back: restored minus `input`, after each channel's low frequencies got the input's mean and standard
 * deviation under the mask. A gray or evenly toned input gives equal changes in all channels before that, so gray stays gray.
 *
 * Equal pictures give exactly zero. Both are crops of the same size and 3 channels; the result has the input's channels.
 */
export function changeOf(input: Pixels, restored: Pixels, mask: FaceMask): Pixels {
  const { width: sizePx, channels } = input;
  const area = sizePx * sizePx;
  const weights = maskAt(mask, sizePx);
  const gray = channels === 1 || isEvenlyToned(input);
  const planes = Array.from({ length: channels }, (_, channel) => {
    const before = planeOf(input, channel);
    const after = gray ? grayOf(restored) : planeOf(restored, channel);
    if (gray && channels > 1) {
      // The gray of the input goes out and that of the restored comes in; what tints it stays.
      const lightness = grayOf(input);
      for (let i = 0; i < area; i++) after[i] = before[i]! + (after[i]! - lightness[i]!);
    }
    return matched(before, after, sizePx, weights);
  });
  const data = new Float32Array(area * channels);
  planes.forEach((plane, channel) => plane.forEach((value, i) => (data[i * channels + channel] = value)));
  return { ...input, data };
}

/** after − before, with the mean and spread of the low frequencies of `before`. */
function matched(
  before: Float32Array,
  after: Float32Array,
  sizePx: number,
  weights: Float32Array,
): Float32Array {
  const sigma = sizePx / 32;
  const size = { width: sizePx, height: sizePx };
  const [lowBefore, lowAfter] = [blurPlane(before, size, sigma), blurPlane(after, size, sigma)];
  const [from, to] = [momentsOf(lowAfter, weights), momentsOf(lowBefore, weights)];
  const ratio = from.deviation > 1e-4 ? Math.min(1.5, Math.max(0.67, to.deviation / from.deviation)) : 1;
  return after.map(
    (value, i) => value - before[i]! + (to.mean - from.mean) + (ratio - 1) * (lowAfter[i]! - from.mean),
  );
}

function momentsOf(plane: Float32Array, weights: Float32Array): { mean: number; deviation: number } {
  let [sum, total, square] = [0, 0, 0];
  plane.forEach((value, i) => {
    sum += value * weights[i]!;
    total += weights[i]!;
  });
  const mean = total > 0 ? sum / total : 0;
  plane.forEach((value, i) => (square += weights[i]! * (value - mean) ** 2));
  return { mean, deviation: total > 0 ? Math.sqrt(square / total) : 0 };
}

function isEvenlyToned({ data, channels }: Pixels): boolean {
  if (channels !== 3) return false;
  const count = data.length / 3;
  let variance = 0;
  for (const [a, b] of [
    [0, 1],
    [1, 2],
    [0, 2],
  ] as const) {
    let [sum, square] = [0, 0];
    for (let i = 0; i < data.length; i += 3) {
      const difference = data[i + a]! - data[i + b]!;
      sum += difference;
      square += difference * difference;
    }
    variance += (square / count - (sum / count) ** 2) / 3;
  }
  return variance <= grayVariance;
}

/** Luma of Rec. 601; equal channels give themselves. */
export function grayOf(pixels: Pixels): Float32Array {
  if (pixels.channels === 1) return pixels.data.slice();
  const gray = new Float32Array(pixels.width * pixels.height);
  for (let i = 0; i < gray.length; i++) {
    const [r, g, b] = [pixels.data[i * 3]!, pixels.data[i * 3 + 1]!, pixels.data[i * 3 + 2]!];
    gray[i] = g + 0.299 * (r - g) + 0.114 * (b - g);
  }
  return gray;
}

function planeOf({ data, channels }: Pixels, channel: number): Float32Array {
  return Float32Array.from({ length: data.length / channels }, (_, i) => data[i * channels + channel]!);
}

/** The mask on the grid of a crop. */
export function maskAt(mask: FaceMask, sizePx: number): Float32Array {
  if (mask.sizePx === sizePx) return mask.data;
  const factor = mask.sizePx / sizePx;
  return Float32Array.from({ length: sizePx * sizePx }, (_, i) =>
    samplePlane(
      mask.data,
      mask.sizePx,
      ((i % sizePx) + 0.5) * factor,
      (Math.floor(i / sizePx) + 0.5) * factor,
    ),
  );
}
