import { setImmediate as breathe } from 'node:timers/promises';
import { HeirloomError } from '../../shared/failure.ts';
import { type MeasureName, measureNames, protocolCropPx } from '../../shared/measures.ts';
import { quietContext, type Context } from '../context.ts';
import type { Image, Rect } from '../image/image.ts';
import { featureDistance } from './feature-distance.ts';
import { niqe, type NiqeModel } from './niqe.ts';
import { channelPlanes, lumaPlane, type Plane } from './plane.ts';
import { asRgb, cropBorder, readPixels, type Pixels } from './pixels.ts';
import { meanSquaredError, psnrFromError } from './psnr.ts';
import type { SqueezeDistance } from './squeeze-distance.ts';
import { multiScaleSsim, ssim, ssimOfChannels } from './ssim.ts';

export interface CompareOptions {
  /** Pixels cut from every side before measuring; none unless given (see `usualCrop`). */
  readonly crop?: number;
  /** Everything there is a model for unless given. */
  readonly which?: readonly MeasureName[];
  readonly niqeModel?: NiqeModel;
  readonly squeeze?: SqueezeDistance;
  readonly context?: Context;
}

export interface CompareReport {
  readonly width: number;
  readonly height: number;
  readonly crop: number;
  /** Share of the pixels that was measured: 1, or less for large pictures, which are measured in nine evenly spread places. */
  readonly measuredShare: number;
  /** Undefined where a picture is too small, has no texture, or a model is not installed. */
  readonly measures: Readonly<Partial<Record<MeasureName, number | undefined>>>;
  /** Of the first picture, when `niqe` was asked for; `measures.niqe` is that of the second. */
  readonly niqeOfFirst?: number | undefined;
  /** False when the distance called LPIPS was measured on another backbone without trained layers. */
  readonly lpipsProper?: boolean;
}

/** Up to this many pixels a picture is measured whole. */
const wholeLimitPx = 16e6;
const samplePx = 1024;

/** Nine squares of 1024 pixels evenly spread over a large picture; the whole of a small one. */
export function areasToMeasure(width: number, height: number): readonly Rect[] {
  if (width * height <= wholeLimitPx) return [{ x: 0, y: 0, width, height }];
  const starts = (length: number): { at: number; size: number }[] =>
    length <= 3 * samplePx
      ? [{ at: 0, size: Math.min(length, samplePx) }]
      : [0, 0.5, 1].map((share) => ({ at: Math.round(share * (length - samplePx)), size: samplePx }));
  return starts(height).flatMap((y) => starts(width).map((x) => ({ x: x.at, y: y.at, width: x.size, height: y.size })));
}

/** The border that is cut before measuring: that of the SRGAN protocol, none of a picture that it would use up. */
export function usualCrop({ width, height }: Pick<Image, 'width' | 'height'>): number {
  return Math.min(width, height) > 4 * protocolCropPx ? protocolCropPx : 0;
}

/**
 * Measures how `b` differs from the reference `a`. Alpha is left out; a gray picture beside a color one counts as color.
 *
 * @throws HeirloomError `bad-input` when the sizes differ or the crop leaves nothing; CancelledError.
 */
export async function compareImages(a: Image, b: Image, options: CompareOptions = {}): Promise<CompareReport> {
  const { crop = 0, context = quietContext() } = options;
  if (a.width !== b.width || a.height !== b.height) {
    throw new HeirloomError(
      'bad-input',
      `The pictures have different sizes: ${a.width}×${a.height} and ${b.width}×${b.height} pixels.`,
      'Resize one of them first.',
    );
  }
  const width = a.width - 2 * crop;
  const height = a.height - 2 * crop;
  if (!Number.isInteger(crop) || crop < 0 || width < 1 || height < 1) {
    throw new HeirloomError('bad-input', `A border of ${crop} pixels cannot be cut from pictures of ${a.width}×${a.height}.`, 'Use a smaller crop.');
  }
  const areas = areasToMeasure(width, height);
  const reports: (MeasuredPair & { readonly weight: number })[] = [];
  for (const [index, area] of areas.entries()) {
    const rect = { ...area, x: area.x + crop, y: area.y + crop };
    const measured = await measurePixels(await readPixels(a, rect), await readPixels(b, rect), {
      ...options,
      niqeOfReference: true,
      context: context.part(index / areas.length, (index + 1) / areas.length),
    });
    reports.push({ ...measured, weight: area.width * area.height });
  }
  const measuredPx = reports.reduce((sum, report) => sum + report.weight, 0);
  const first = average(reports.map((report) => [report.niqeOfFirst, report.weight]));
  return {
    width: a.width,
    height: a.height,
    crop,
    measuredShare: measuredPx / (width * height),
    measures: joinMeasures(reports),
    ...(first === undefined ? {} : { niqeOfFirst: first }),
    ...(options.squeeze === undefined ? {} : { lpipsProper: options.squeeze.isLpips }),
  };
}

function joinMeasures(reports: readonly (MeasuredPair & { readonly weight: number })[]): CompareReport['measures'] {
  const names = Object.keys(reports[0]!.measures) as MeasureName[];
  const join = (name: MeasureName): number | undefined => {
    const values = reports.map(({ measures, weight }) => [measures[name], weight] as const);
    if (!name.startsWith('psnr')) return average(values);
    const error = average(values.map(([psnr, weight]) => [psnr === undefined ? undefined : 255 ** 2 / 10 ** (psnr / 10), weight]));
    return error === undefined ? undefined : psnrFromError(error);
  };
  return Object.fromEntries(names.map((name) => [name, reports.length === 1 ? reports[0]!.measures[name] : join(name)]));
}

function average(values: readonly (readonly [number | undefined, number])[]): number | undefined {
  const known = values.filter((pair): pair is readonly [number, number] => pair[0] !== undefined);
  const total = known.reduce((sum, [, weight]) => sum + weight, 0);
  return total === 0 ? undefined : known.reduce((sum, [value, weight]) => sum + value * weight, 0) / total;
}

/** The measures of one pair of pixels, and NIQE of the first. */
export interface MeasuredPair {
  readonly measures: Readonly<Partial<Record<MeasureName, number | undefined>>>;
  readonly niqeOfFirst: number | undefined;
}

/** `context` hears how far it is after every measure. */
export interface MeasureOptions extends Pick<CompareOptions, 'which' | 'niqeModel' | 'squeeze' | 'context'> {
  /** Whether NIQE of the reference is wanted beside that of the other. */
  readonly niqeOfReference?: boolean;
}

/** `compareImages` for pixels in memory of one size; `crop` is not applied here. */
export async function measurePixels(reference: Pixels, other: Pixels, options: MeasureOptions = {}): Promise<MeasuredPair> {
  const [a, b] = reference.channels === other.channels ? [reference, other] : [asRgb(reference), asRgb(other)];
  const which = options.which ?? measureNames.filter((name) => !(name === 'lpips' && !options.squeeze) && !(name === 'niqe' && !options.niqeModel));
  const [lumaA, lumaB] = [lumaPlane(a), lumaPlane(b)];
  const measures: Partial<Record<MeasureName, number | undefined>> = {};
  for (const [index, name] of which.entries()) {
    measures[name] = await measure(name, { a, b, lumaA, lumaB }, options);
    // A cancel has to be heard between measures, each of which may take seconds.
    if (options.context === undefined) continue;
    await breathe();
    options.context.report((index + 1) / which.length);
  }
  const { niqeModel, niqeOfReference = false } = options;
  const wanted = niqeOfReference && which.includes('niqe') && niqeModel !== undefined;
  return { measures, niqeOfFirst: wanted ? niqe(lumaA, niqeModel) : undefined };
}

interface Pair {
  readonly a: Pixels;
  readonly b: Pixels;
  readonly lumaA: Plane;
  readonly lumaB: Plane;
}

async function measure(name: MeasureName, { a, b, lumaA, lumaB }: Pair, models: Pick<CompareOptions, 'niqeModel' | 'squeeze'>): Promise<number | undefined> {
  switch (name) {
    case 'psnr-y':
      return psnrFromError(meanSquaredError(lumaA, lumaB));
    case 'ssim-y':
      return ssim(lumaA, lumaB);
    case 'psnr-rgb': {
      const [p, q] = [channelPlanes(a), channelPlanes(b)];
      return psnrFromError(p.reduce((sum, plane, i) => sum + meanSquaredError(plane, q[i]!), 0) / p.length);
    }
    case 'ssim-rgb':
      return ssimOfChannels(channelPlanes(a), channelPlanes(b));
    case 'ms-ssim-y':
      return multiScaleSsim(lumaA, lumaB);
    case 'feature-distance':
      return featureDistance(a, b);
    case 'lpips':
      return models.squeeze?.measure(a, b);
    case 'niqe':
      return models.niqeModel === undefined ? undefined : niqe(lumaB, models.niqeModel);
  }
}

/** `measurePixels` after cutting `crop` pixels from every side of both. */
export async function measureCropped(a: Pixels, b: Pixels, crop: number, options: MeasureOptions = {}): Promise<MeasuredPair> {
  const [p, q] = [cropBorder(a, crop), cropBorder(b, crop)];
  if (p === undefined || q === undefined) throw new HeirloomError('bad-input', `A border of ${crop} pixels cannot be cut from ${a.width}×${a.height}.`, 'Use a smaller crop.');
  return measurePixels(p, q, options);
}
