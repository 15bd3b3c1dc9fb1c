import type { Point } from '../../src/engine/architectures/face-detection.ts';
import { quietContext } from '../../src/engine/context.ts';
import { toAffine } from '../../src/engine/faces/affine.ts';
import { cropFace } from '../../src/engine/faces/crop-face.ts';
import { alignFace, applySimilarity, invertSimilarity } from '../../src/engine/faces/geometry.ts';
import { identityDistance } from '../../src/engine/faces/identity-distance.ts';
import { inspectFaces } from '../../src/engine/faces/inspect-faces.ts';
import { floatImage } from '../../src/engine/image/memory-image.ts';
import { measureCropped } from '../../src/engine/metrics/compare-images.ts';
import type { Pixels } from '../../src/engine/metrics/pixels.ts';
import type { SqueezeDistance } from '../../src/engine/metrics/squeeze-distance.ts';
import { faceWishes } from '../../src/engine/steps/faces.ts';
import type { FaceCase } from './held-out.ts';
import type { Study } from './study.ts';
import { faceParams, type Treatment } from './treatments.ts';

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

/** Carries out a treatment on every case and measures the aligned faces against the untouched portraits. */
export async function measureTreatment(
  treatment: Treatment,
  cases: readonly FaceCase[],
  study: Study,
  squeeze: SqueezeDistance | undefined,
): Promise<FaceMeans> {
  let [identity, features, distance, psnr, restored] = [0, 0, 0, 0, 0];
  for (const { id, portrait, degraded, points } of cases) {
    const result = await treatment.apply(degraded, id);
    const [wanted, made] = [
      await alignedFace(portrait, points, study),
      await alignedFace(result, points, study),
    ];
    const toCrop = alignFace(points, measuredPx);
    identity += identityDistance(
      wanted,
      made,
      points.map((point) => applySimilarity(toCrop, point)),
      1,
    );
    const { measures } = await measureCropped(wanted, made, 0, {
      which: ['psnr-y', 'feature-distance', ...(squeeze === undefined ? [] : ['lpips' as const])],
      ...(squeeze === undefined ? {} : { squeeze }),
    });
    features += measures['feature-distance'] ?? 0;
    distance += measures.lpips ?? 0;
    psnr += measures['psnr-y'] ?? 0;
    if (treatment.restores && (await isRestored(study, treatment, degraded, id))) restored += 1;
  }
  const count = cases.length;
  return {
    count,
    identity: identity / count,
    features: features / count,
    psnr: psnr / count,
    ...(squeeze === undefined ? {} : { squeeze: distance / count }),
    ...(treatment.restores ? { restored } : {}),
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

async function isRestored(
  study: Study,
  { guarded }: Treatment,
  degraded: Pixels,
  id: string,
): Promise<boolean> {
  const image = floatImage(degraded.width, degraded.height, degraded.channels, degraded.data);
  const bench = { models: study.hub, store: study.store, remember: study.rememberFor(id) };
  const wishes = faceWishes(faceParams(study, { guard: guarded }), undefined);
  const found = await inspectFaces(image, wishes, bench, quietContext());
  return found.some(({ startsOn }) => startsOn);
}
