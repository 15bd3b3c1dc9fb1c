import type { Point } from '../../src/engine/architectures/face-detection.ts';
import { quietContext } from '../../src/engine/context.ts';
import { toAffine } from '../../src/engine/faces/affine.ts';
import { cropFace } from '../../src/engine/faces/crop-face.ts';
import { alignFace, applySimilarity, invertSimilarity } from '../../src/engine/faces/geometry.ts';
import { identityDistance } from '../../src/engine/faces/identity-distance.ts';
import { floatImage } from '../../src/engine/image/memory-image.ts';
import { Memo } from '../../src/engine/memo.ts';
import { measureCropped } from '../../src/engine/metrics/compare-images.ts';
import { type Features, featureDistanceFrom, featuresOf } from '../../src/engine/metrics/feature-distance.ts';
import type { Pixels } from '../../src/engine/metrics/pixels.ts';
import type { SqueezeDistance } from '../../src/engine/metrics/squeeze-distance.ts';
import type { FaceCase } from './held-out.ts';
import type { Study } from './study.ts';
import { closeTrial, openTrial, type Treatment } from './treatments.ts';

/** Means over the portraits. */
export interface FaceMeans {
  readonly count: number;
  readonly identity: number;
  readonly features: number;
  readonly squeeze?: number;
  readonly psnr: number;
  /** Of a treatment that restores: in how many portraits it did; in the others no face was found, or a small one, or one that the guard held back. */
  readonly restored?: number;
}

/** Side of the aligned face that is measured. */
const measuredPx = 256;
/** Of one portrait: where its face is, and what restorers made of it. */
const memoBytes = 64e6;

/** Carries out every treatment on every case and measures the aligned faces against the untouched portraits; means by treatment. */
export async function measureTreatments(
  treatments: readonly Treatment[],
  cases: AsyncIterable<FaceCase>,
  study: Study,
  scale: number,
  squeeze: SqueezeDistance | undefined,
): Promise<readonly FaceMeans[]> {
  const sums = treatments.map((): FaceMeans => ({ count: 0, identity: 0, features: 0, psnr: 0 }));
  for await (const { portrait, degraded, points } of cases) {
    const small = floatImage(degraded.width, degraded.height, degraded.channels, degraded.data);
    const trial = await openTrial(study, small, scale, new Memo(memoBytes).under(''));
    const wanted = await alignedFace(portrait, points, study);
    const reference = { wanted, points, features: featuresOf(wanted) };
    for (const [index, treatment] of treatments.entries()) {
      const { pixels, restored } = await treatment.apply(trial);
      const made = await alignedFace(pixels, points, study);
      sums[index] = added(sums[index]!, await measure(reference, made, squeeze), restored);
    }
    await closeTrial(trial);
  }
  return sums.map((sum) => ({
    ...sum,
    identity: sum.identity / sum.count,
    features: sum.features / sum.count,
    psnr: sum.psnr / sum.count,
    ...(sum.squeeze === undefined ? {} : { squeeze: sum.squeeze / sum.count }),
  }));
}

type Measured = Pick<FaceMeans, 'identity' | 'features' | 'squeeze' | 'psnr'>;

/** The untouched face that results are compared with. */
interface Reference {
  readonly wanted: Pixels;
  readonly points: readonly Point[];
  readonly features: Features;
}

async function measure(
  { wanted, points, features }: Reference,
  made: Pixels,
  squeeze: SqueezeDistance | undefined,
): Promise<Measured> {
  const toCrop = alignFace(points, measuredPx);
  const inCrop = points.map((point) => applySimilarity(toCrop, point));
  const { measures } = await measureCropped(wanted, made, 0, {
    which: ['psnr-y', ...(squeeze === undefined ? [] : ['lpips' as const])],
    ...(squeeze === undefined ? {} : { squeeze }),
  });
  return {
    identity: identityDistance(wanted, made, inCrop, 1),
    features: featureDistanceFrom(features, featuresOf(made)) ?? 0,
    psnr: measures['psnr-y'] ?? 0,
    ...(squeeze === undefined ? {} : { squeeze: measures.lpips ?? 0 }),
  };
}

function added(sum: FaceMeans, one: Measured, restored: boolean | undefined): FaceMeans {
  return {
    count: sum.count + 1,
    identity: sum.identity + one.identity,
    features: sum.features + one.features,
    psnr: sum.psnr + one.psnr,
    ...(one.squeeze === undefined ? {} : { squeeze: (sum.squeeze ?? 0) + one.squeeze }),
    ...(restored === undefined ? {} : { restored: (sum.restored ?? 0) + Number(restored) }),
  };
}

/** The aligned face as 8 bits would show it. */
async function alignedFace(picture: Pixels, points: readonly Point[], study: Study): Promise<Pixels> {
  const image = floatImage(picture.width, picture.height, picture.channels, picture.data);
  const toPicture = toAffine(invertSimilarity(alignFace(points, measuredPx)));
  const crop = await cropFace(image, toPicture, measuredPx, { store: study.store, context: quietContext() });
  const data = crop.data.map((value) => Math.round(255 * Math.min(1, Math.max(0, value))) / 255);
  return { width: measuredPx, height: measuredPx, channels: picture.channels, data };
}
