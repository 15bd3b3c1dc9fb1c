import { resizePixels } from '../../src/engine/metrics/bicubic.ts';
import { measureCropped, type CompareOptions } from '../../src/engine/metrics/compare-images.ts';
import type { MeasureName } from '../../src/shared/measures.ts';
import { damageDefaults, degradePixels } from '../../src/engine/metrics/degrade-photo.ts';
import { toBytes } from '../../src/engine/metrics/degrade-jpeg.ts';
import { cutPixels, type Pixels } from '../../src/engine/metrics/pixels.ts';
import { psnrFromError } from '../../src/engine/metrics/psnr.ts';

/** From a small picture to a large one of values 0..1 (or to one of the same size, for cleaning). */
export type Restore = (small: Pixels) => Promise<Pixels>;

export interface Trial {
  /** A name of `damageStrengths`. */
  readonly damage: string;
  readonly scale: number;
  readonly crop: number;
  readonly which: readonly MeasureName[];
  readonly models: Pick<CompareOptions, 'niqeModel' | 'squeeze'>;
}

/** Means over photographs: the measures asked for, and how well results agree with their inputs, in dB. */
export interface TrialResult {
  readonly means: Readonly<Partial<Record<MeasureName, number>>>;
  readonly consistencyDb: number;
  readonly photos: number;
}

/** `photo` with its sides cut to multiples of `scale`. */
export function cutToMultiple(photo: Pixels, scale: number): Pixels {
  return cutPixels(photo, { x: 0, y: 0, width: photo.width - (photo.width % scale), height: photo.height - (photo.height % scale) });
}

/** A photograph and what is left of it. */
export interface Pair {
  readonly reference: Pixels;
  readonly small: Pixels;
}

/** `photos` with their sides cut to multiples of the scale, and degraded. */
export function degradeAll(photos: readonly Pixels[], { damage, scale }: Pick<Trial, 'damage' | 'scale'>): Promise<Pair[]> {
  return Promise.all(
    photos.map(async (photo) => {
      const reference = cutToMultiple(photo, scale);
      return { reference, small: await degradePixels(reference, { damage, scale, seed: damageDefaults.seed }) };
    }),
  );
}

/** Restores every degraded photograph and measures the result against the photograph. */
export async function evaluate(restore: Restore, pairs: readonly Pair[], trial: Trial): Promise<TrialResult> {
  const values = new Map<MeasureName, number[]>();
  const consistencies: number[] = [];
  for (const { reference, small } of pairs) {
    const result = quantized(await restore(small));
    const { measures } = await measureCropped(reference, result, trial.crop, { ...trial.models, which: trial.which });
    for (const [name, value] of Object.entries(measures)) {
      if (value !== undefined && Number.isFinite(value)) values.set(name as MeasureName, [...(values.get(name as MeasureName) ?? []), value]);
    }
    consistencies.push(consistencyOf(small, result));
  }
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  return { means: Object.fromEntries([...values].map(([name, list]) => [name, mean(list)])), consistencyDb: mean(consistencies), photos: pairs.length };
}

/** Measured as it would be saved: 8 bit. */
export function quantized(pixels: Pixels): Pixels {
  return { ...pixels, data: Float32Array.from(toBytes(pixels), (value) => value / 255) };
}

/** PSNR in dB of the result, reduced by MATLAB's bicubic, against the input; at most 99. */
function consistencyOf(small: Pixels, result: Pixels): number {
  const reduced = resizePixels(result, small.width, small.height).data;
  const error = small.data.reduce((sum, value, i) => sum + (value - reduced[i]!) ** 2, 0) / small.data.length;
  return Math.min(99, psnrFromError(error * 255 ** 2));
}
