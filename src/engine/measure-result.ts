import { HeirloomError } from '../shared/failure.ts';
import { type MeasuredPictures, type MeasuredValue, type MeasureName, type MeasureReport } from '../shared/measures.ts';
import type { Context } from './context.ts';
import { openPhoto } from './image/decode.ts';
import type { Image } from './image/image.ts';
import type { ImageStore } from './image/image-store.ts';
import { compareImages, usualCrop } from './metrics/compare-images.ts';
import { measureConsistency } from './metrics/consistency.ts';
import { type NiqeModel, readNiqeModel } from './metrics/niqe.ts';

/** A file the user named. */
export interface NamedFile {
  readonly path: string;
  readonly name: string;
}

export interface MeasureRequest {
  /** A picture of what the result should look like. */
  readonly reference?: NamedFile | undefined;
  /** Parameters of NIQE, as JSON. */
  readonly niqe?: NamedFile | undefined;
  readonly store: ImageStore;
  readonly context: Context;
}

/** How much was changed: nothing here says whether for the better. */
const changeNames: readonly MeasureName[] = ['psnr-y', 'ssim-y', 'psnr-rgb', 'ssim-rgb'];
const referenceNames: readonly MeasureName[] = [...changeNames, 'ms-ssim-y', 'feature-distance'];

/**
 * Measures a result: its consistency with the original, how much was changed where the sizes are equal, its distance from a reference where one
 * was chosen, and NIQE of both where its parameters were. Comparisons cut the 4 pixels of the SRGAN protocol from every side.
 *
 * @throws HeirloomError when the reference or the parameters cannot be read; CancelledError.
 */
export async function measureResult(original: Image, result: Image, { reference, niqe, store, context }: MeasureRequest): Promise<MeasureReport> {
  context.report(0, 'Reading');
  const niqeModel = niqe === undefined ? undefined : await readNiqeModel(niqe.path, niqe.name);
  const opened = reference === undefined ? undefined : (await openPhoto(reference.path, { store, signal: context.signal })).image;
  try {
    context.report(0.02, 'Comparing at the size of the original');
    const { psnrDb } = await measureConsistency(original, result, store, context.part(0.02, 0.2));
    context.report(0.2, 'Comparing with the original');
    const change = sameSize(original, result) ? await compare(original, result, changeNames, context.part(0.2, 0.5)) : undefined;
    context.report(0.5, 'Comparing with the reference');
    const compared = opened !== undefined && sameSize(opened, result) ? await compare(opened, result, referenceNames, context.part(0.5, 0.85)) : undefined;
    context.report(0.85, 'Looking at each picture alone');
    const alone = niqeModel === undefined ? undefined : { original: await niqeOf(original, niqeModel, context.part(0.85, 0.92)), result: await niqeOf(result, niqeModel, context.part(0.92, 1)) };
    context.report(1);
    return {
      width: result.width,
      height: result.height,
      consistency: finite(psnrDb),
      ...(change === undefined ? {} : { change }),
      ...(reference === undefined || opened === undefined ? {} : { reference: describeReference(reference.name, opened, result, compared) }),
      ...(alone === undefined ? {} : { niqe: alone }),
    };
  } finally {
    await opened?.dispose();
  }
}

function describeReference(name: string, { width, height }: Image, result: Image, compared: MeasuredPictures | undefined): NonNullable<MeasureReport['reference']> {
  if (compared !== undefined) return { name, width, height, compared };
  const problem = `"${name}" is ${width} × ${height} pixels but the result is ${result.width} × ${result.height}, so they cannot be compared: choose a reference of the size of the result.`;
  return { name, width, height, problem };
}

async function compare(reference: Image, result: Image, which: readonly MeasureName[], context: Context): Promise<MeasuredPictures> {
  const crop = usualCrop(result);
  const { measures, measuredShare } = await compareImages(reference, result, { crop, which, context });
  return { cropPx: crop, share: measuredShare, measures: which.map((name) => withValue(name, measures[name])) };
}

function withValue(name: MeasureName, value: number | undefined): MeasuredPictures['measures'][number] {
  return value === undefined ? { name } : { name, value: finite(value) };
}

async function niqeOf(image: Image, niqeModel: NiqeModel, context: Context): Promise<MeasuredValue> {
  const { measures } = await compareImages(image, image, { which: ['niqe'], niqeModel, context });
  return measures.niqe;
}

function sameSize(a: Image, b: Image): boolean {
  return a.width === b.width && a.height === b.height;
}

function finite(value: number): number | 'infinite' {
  if (Number.isNaN(value)) throw new HeirloomError('internal', 'The pictures hold values that are no numbers.', 'Restore the photo again.');
  return value === Infinity ? 'infinite' : value;
}
