/**
 * Fits the 16 weights of `src/engine/metrics/feature-distance.ts` without negative ones to the distances of a SqueezeNet on degraded photographs, and says how well the
 * order agrees on other photographs.
 *
 *   python -m training.export_squeezenet /tmp/squeezenet.safetensors
 *   node scripts/run.js scripts/fit-feature-distance.ts /tmp/squeezenet.safetensors
 *
 * Prints the weights, ready to paste, then for example
 *   held out (120 pairs): rank correlation with the squeeze distance 0.911 (PSNR 0.654, SSIM 0.831)
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sharp } from '../src/engine/image/sharp.ts';
import { resizePixels } from '../src/engine/metrics/bicubic.ts';
import { measurePixels } from '../src/engine/metrics/compare-images.ts';
import { blurPixels, mapValues } from '../src/engine/metrics/degrade-filters.ts';
import { throughJpeg } from '../src/engine/metrics/degrade-jpeg.ts';
import { filmGrain, gaussianNoise } from '../src/engine/metrics/degrade-noise.ts';
import { saturate } from '../src/engine/metrics/degrade-color.ts';
import { featureScales, partPower } from '../src/engine/metrics/feature-distance.ts';
import type { Pixels } from '../src/engine/metrics/pixels.ts';
import { createRandom } from '../src/engine/metrics/random.ts';
import { loadSqueezeDistance } from '../src/engine/metrics/squeeze-distance.ts';
import { createInlineRuntime } from '../src/engine/models/runtime.ts';
import { openWeights } from '../src/engine/weights/open-weights.ts';

const folder = fileURLToPath(new URL('../../shared/data/train/photos/', import.meta.url));

async function readCrop(file: string): Promise<Pixels> {
  const size = 256;
  const { data } = await sharp(file).resize(512, 512, { fit: 'cover' }).extract({ left: 128, top: 128, width: size, height: size }).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: size, height: size, channels: 3, data: Float32Array.from(data, (value) => value / 255) };
}

async function damaged(photo: Pixels, seed: number): Promise<Pixels[]> {
  const random = createRandom(seed);
  const reduced = (scale: number): Pixels => mapValues(resizePixels(resizePixels(photo, 256 / scale, 256 / scale), 256, 256), (value) => value);
  return [
    ...[0.6, 1.1, 2].map((sigma) => blurPixels(photo, sigma)),
    ...[4, 10, 24].map((sigma) => gaussianNoise(photo, sigma / 255, sigma === 10, random)),
    filmGrain(photo, 0.06, 1, 0, random),
    ...(await Promise.all([80, 40, 12].map((quality) => throughJpeg(photo, quality)))),
    reduced(2),
    reduced(4),
    gaussianNoise(blurPixels(photo, 1.2), 8 / 255, true, random),
    await throughJpeg(blurPixels(photo, 1), 50),
    saturate(photo, 0.3),
  ];
}

interface Sample {
  readonly parts: readonly number[];
  readonly target: number;
  readonly psnr: number;
  readonly ssim: number;
}

/** What a weight is at least: coarse structure counts a little even where the photographs at hand do not ask for it. */
function least(index: number): number {
  return index % 4 === 0 ? 0.1 : 0;
}

/** Least squares with weights of at least `least`, by coordinate descent. */
function fitPositive(samples: readonly Sample[]): number[] {
  const count = samples[0]!.parts.length;
  const weights = Array.from({ length: count }, (_, k) => least(k));
  // Relative errors count, so that small distances are learned too.
  const rows = samples.map(({ parts, target }) => ({ parts: parts.map((part) => part / (target + 0.05)), target: target / (target + 0.05) }));
  const residual = rows.map(({ parts, target }) => target - parts.reduce((sum, part, k) => sum + part * weights[k]!, 0));
  for (let sweep = 0; sweep < 4000; sweep++) {
    for (let k = 0; k < count; k++) {
      let [top, bottom] = [0, 1e-9];
      rows.forEach(({ parts }, i) => {
        top += parts[k]! * residual[i]!;
        bottom += parts[k]! ** 2;
      });
      const next = Math.max(least(k), weights[k]! + top / bottom);
      const change = next - weights[k]!;
      if (change !== 0) rows.forEach(({ parts }, i) => (residual[i]! -= change * parts[k]!));
      weights[k] = next;
    }
  }
  return weights;
}

function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const result = new Array<number>(values.length);
  order.forEach((index, rank) => (result[index] = rank));
  return result;
}

function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [p, q] = [ranks(a), ranks(b)];
  const mean = (p.length - 1) / 2;
  const sum = (f: (i: number) => number): number => p.reduce((total, _, i) => total + f(i), 0);
  return sum((i) => (p[i]! - mean) * (q[i]! - mean)) / Math.sqrt(sum((i) => (p[i]! - mean) ** 2) * sum((i) => (q[i]! - mean) ** 2));
}

const runtime = createInlineRuntime();
const squeeze = await loadSqueezeDistance(openWeights(process.argv[2]!), undefined, runtime, { device: 'cpu', threads: 1 });
const photoCount = Number(process.argv[3] ?? 24);
const files = ['cid22', 'gb82'].flatMap((set) => {
  const names = readdirSync(path.join(folder, set)).filter((name) => /\.(jpe?g|png)$/.test(name)).sort();
  const step = Math.max(1, Math.floor((2 * names.length) / photoCount));
  return names.filter((_, i) => i % step === 0).slice(0, photoCount / 2).map((name) => path.join(folder, set, name));
});
const groups: Sample[][] = [];
for (const [index, file] of files.entries()) {
  const photo = await readCrop(file);
  const group: Sample[] = [];
  for (const bad of await damaged(photo, index)) {
    const parts = featureScales(photo, bad)!.flatMap(({ structure, texture, direction, color }) => [structure, texture, direction, color].map((part) => part ** partPower));
    const { measures } = await measurePixels(photo, bad, { which: ['psnr-y', 'ssim-y'] });
    group.push({ parts, target: (await squeeze.measure(photo, bad))!, psnr: measures['psnr-y']!, ssim: measures['ssim-y']! });
  }
  groups.push(group);
}
const fitted = fitPositive(groups.filter((_, i) => i % 3 !== 0).flat());
const held = groups.filter((_, i) => i % 3 === 0).flat();
const distance = ({ parts }: Sample): number => parts.reduce((sum, part, k) => sum + part * fitted[k]!, 0);
for (let scale = 0; scale < fitted.length; scale += 4) console.log(`  [${fitted.slice(scale, scale + 4).map((value) => value.toFixed(4)).join(', ')}],`);
const agreement = (values: readonly number[]): string => rankCorrelation(values, held.map(({ target }) => target)).toFixed(3);
console.log(`held out (${held.length} pairs): rank correlation with the squeeze distance ${agreement(held.map(distance))} (PSNR ${agreement(held.map((s) => -s.psnr))}, SSIM ${agreement(held.map((s) => -s.ssim))})`);
await squeeze.release();
await runtime.close();
