import { measureCropped } from '../../src/engine/metrics/compare-images.ts';
import type { Pixels } from '../../src/engine/metrics/pixels.ts';
import type { SqueezeDistance } from '../../src/engine/metrics/squeeze-distance.ts';

/** How far a filled photograph is from what was there, inside the hole only. */
export interface FillMeasures {
  /** Mean absolute difference of the hole's samples, 0 to 255. */
  readonly l1: number;
  /** dB, over the hole's samples. */
  readonly psnr: number;
  /** Heirloom's feature distance of the whole pictures over the hole's share of them: outside they are equal. */
  readonly features: number;
  /** The same on SqueezeNet's features; NaN without them. */
  readonly squeeze: number;
  /** Mean absolute step between neighbors across the hole's edge, 0 to 255, of the result and of the photograph. */
  readonly seam: number;
  readonly seamOfPhoto: number;
}

/** @param hole (height, width), 1 inside. */
export async function measureFill(
  truth: Pixels,
  filled: Pixels,
  hole: Uint8Array,
  squeeze: SqueezeDistance | undefined,
): Promise<FillMeasures> {
  const { channels } = truth;
  let [absolute, squared, count] = [0, 0, 0];
  for (let i = 0; i < hole.length; i++) {
    if (hole[i] === 0) continue;
    count++;
    for (let c = 0; c < channels; c++) {
      const difference = 255 * (truth.data[i * channels + c]! - filled.data[i * channels + c]!);
      absolute += Math.abs(difference) / channels;
      squared += (difference * difference) / channels;
    }
  }
  const share = count / hole.length;
  const { measures } = await measureCropped(truth, filled, 0, { which: ['feature-distance'] });
  return {
    l1: absolute / count,
    psnr: 10 * Math.log10((255 * 255) / Math.max(1e-9, squared / count)),
    features: (measures['feature-distance'] ?? NaN) / share,
    squeeze: ((await squeeze?.measure(truth, filled)) ?? NaN) / share,
    seam: stepAcross(filled, hole),
    seamOfPhoto: stepAcross(truth, hole),
  };
}

/** Mean absolute difference of neighbors of which one is in the hole and the other is not, 0 to 255. */
export function stepAcross({ width, height, channels, data }: Pixels, hole: Uint8Array): number {
  let [sum, count] = [0, 0];
  for (let y = 0; y < height - 1; y++) {
    for (let x = 0; x < width - 1; x++) {
      const i = y * width + x;
      for (const next of [i + 1, i + width]) {
        if (hole[i] === hole[next]) continue;
        count++;
        for (let c = 0; c < channels; c++)
          sum += Math.abs(data[i * channels + c]! - data[next * channels + c]!) / channels;
      }
    }
  }
  return (255 * sum) / Math.max(1, count);
}
