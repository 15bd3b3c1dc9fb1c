import { seededNumbers } from '../models/seeded-numbers.ts';
import type { HoleImage } from './patch-level.ts';

/** The 30th percentile of |z| for a standard normal z; a low one, so that texture is not taken for grain. */
const lowQuantile = 0.3;
const normalAtQuantile = 0.3853;
const fewestSamples = 60;
/** Of a large region about so many pixels are looked at. */
const mostSamples = 40_000;

/** Grain of a region: standard deviation per channel and how alike the channels' grain is, 0 to 1. */
interface Grain {
  readonly deviations: readonly number[];
  readonly likeness: number;
}

/**
 * Adds the grain that a filled hole lacks compared with its surroundings, in place: normal noise, the same for the same seed.
 *
 * Grain is measured with Immerkær's operator ("Fast Noise Variance Estimation", 1996), which is blind to slopes and straight edges.
 *
 * @param filled (height, width, channels), the hole filled.
 */
export function matchGrain(filled: Float32Array, image: HoleImage, seed: number): void {
  const { channels, hole, blocked } = image;
  const around = measureGrain(image.pixels, image, (i) => hole[i] === 0 && blocked?.[i] !== 1);
  if (around === undefined) return;
  const within = measureGrain(filled, image, (i) => hole[i] === 1);
  const missing = around.deviations.map((deviation, c) =>
    Math.sqrt(Math.max(0, deviation ** 2 - (within?.deviations[c] ?? 0) ** 2)),
  );
  // A hundredth of a step of 8 bits is nothing.
  if (Math.max(...missing) < 4e-5) return;
  const random = seededNumbers(seed ^ 0x5bd1e995);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const [shared, own] = [Math.sqrt(around.likeness), Math.sqrt(1 - around.likeness)];
  for (let i = 0; i < hole.length; i++) {
    if (hole[i] === 0) continue;
    const common = normal();
    for (let c = 0; c < channels; c++)
      filled[i * channels + c]! += missing[c]! * (channels === 1 ? common : shared * common + own * normal());
  }
}

function measureGrain(
  pixels: Float32Array,
  { width, height, channels }: HoleImage,
  isIn: (index: number) => boolean,
): Grain | undefined {
  const responses = Array.from({ length: channels }, (): number[] => []);
  const means: number[] = [];
  let candidates = 0;
  for (let i = 0; i < width * height; i++) if (isIn(i)) candidates++;
  const stride = Math.ceil(candidates / mostSamples);
  for (let y = 1; y < height - 1; y++) {
    // Rows start at different columns, so that no direction is preferred.
    for (let x = 1 + ((y * 7) % stride); x < width - 1; x += stride) {
      const at = y * width + x;
      if (
        !isIn(at) ||
        !isIn(at - width - 1) ||
        !isIn(at - width + 1) ||
        !isIn(at + width - 1) ||
        !isIn(at + width + 1)
      )
        continue;
      if (!isIn(at - 1) || !isIn(at + 1) || !isIn(at - width) || !isIn(at + width)) continue;
      let mean = 0;
      for (let c = 0; c < channels; c++) {
        const response = immerkaer(pixels, at * channels + c, width * channels, channels);
        responses[c]!.push(Math.abs(response));
        mean += response / channels;
      }
      means.push(Math.abs(mean));
    }
  }
  if (means.length < fewestSamples) return undefined;
  const deviations = responses.map(deviationOf);
  const average = Math.sqrt(deviations.reduce((sum, value) => sum + value * value, 0) / channels);
  if (channels === 1 || average === 0) return { deviations, likeness: 1 };
  // The mean of n channels has the variance of one times (1 + (n - 1) likeness) / n.
  const likeness = ((deviationOf(means) / average) ** 2 * channels - 1) / (channels - 1);
  return { deviations, likeness: Math.min(1, Math.max(0, likeness)) };
}

/** The difference of two Laplacians; its deviation on white noise is 6 times the noise's. */
function immerkaer(pixels: Float32Array, at: number, row: number, column: number): number {
  const corners =
    pixels[at - row - column]! +
    pixels[at - row + column]! +
    pixels[at + row - column]! +
    pixels[at + row + column]!;
  const sides = pixels[at - row]! + pixels[at + row]! + pixels[at - column]! + pixels[at + column]!;
  return corners - 2 * sides + 4 * pixels[at]!;
}

function deviationOf(responses: readonly number[]): number {
  const sorted = Float32Array.from(responses).sort();
  return sorted[Math.floor(sorted.length * lowQuantile)]! / normalAtQuantile / 6;
}
