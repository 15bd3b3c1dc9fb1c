import type { Context } from '../context.ts';
import type { Image } from '../image/image.ts';
import type { Pixels } from '../models/tile-tensors.ts';
import { toAffine } from './affine.ts';
import { cropFace } from './crop-face.ts';
import { alignFace, eyeDistance, invertSimilarity } from './geometry.ts';
import { type FaceBench, type FaceWishes, type LocatedFace, locateFaces } from './locate-faces.ts';
import { maskAt } from './match-color.ts';
import type { NamedFace } from './merge-detections.ts';
import { type Mending, patchOf, restoreLocated } from './restore-located.ts';

/** A face, and how it would come out. */
export interface InspectedFace extends LocatedFace {
  readonly eyeDistancePx: number;
  readonly identityDistance?: number;
  readonly embeddingDistance?: number;
  /** One sentence why it starts off. */
  readonly warning?: string;
  /** Whether it is restored when nobody decides. */
  readonly startsOn: boolean;
  /** The aligned crop as it is in the picture. */
  readonly before: Pixels;
  /** The same at full strength; absent for a small face that nobody asked for. */
  readonly after?: Pixels;
}

/** Side of the crop of a face that was not restored. */
const lookPx = 256;

/**
 * Finds and tries all faces of a picture without changing it.
 *
 * @param before faces of an earlier search, which keep their ids.
 * @throws HeirloomError `missing-model` when there is no detector or no restorer.
 */
export async function inspectFaces(
  image: Image,
  wishes: FaceWishes,
  bench: FaceBench,
  context: Context,
  more: { readonly before?: readonly NamedFace[]; readonly mending?: Mending } = {},
): Promise<readonly InspectedFace[]> {
  const located = await locateFaces(image, wishes, bench, context.part(0, 0.3), more.before);
  const inspected: InspectedFace[] = [];
  for (const [index, face] of located.entries()) {
    const part = context.part(
      0.3 + (0.7 * index) / located.length,
      0.3 + (0.7 * (index + 1)) / located.length,
    );
    part.report(0, `Face ${index + 1} of ${located.length}`);
    const asked = face.edit?.state === 'accepted' || face.source === 'drawn';
    inspected.push(
      face.isSmall && !asked
        ? await lookAt(image, face, bench, part)
        : await tryOut(image, face, wishes, bench, part, more.mending),
    );
  }
  return inspected;
}

async function lookAt(
  image: Image,
  face: LocatedFace,
  bench: FaceBench,
  context: Context,
): Promise<InspectedFace> {
  const eyeDistancePx = eyeDistance(face.points);
  return {
    ...face,
    eyeDistancePx,
    before: await plainCrop(image, face, lookPx, bench, context),
    startsOn: false,
    warning: `It is small (the eyes are ${Math.round(eyeDistancePx)} pixels apart), so it is left to the background unless you accept it.`,
  };
}

async function tryOut(
  image: Image,
  face: LocatedFace,
  wishes: FaceWishes,
  bench: FaceBench,
  context: Context,
  mending: Mending | undefined,
): Promise<InspectedFace> {
  const restored = await restoreLocated(image, face, wishes, bench, context.part(0, 0.9), mending);
  const { change, mask } = patchOf(face, restored, 1);
  const sizePx = change.width;
  const before =
    mending === undefined
      ? restored.input
      : await plainCrop(image, face, sizePx, bench, context.part(0.9, 1));
  const weights = maskAt(mask, sizePx);
  const data = before.data.map(
    (value, i) => value + weights[Math.floor(i / before.channels)]! * change.data[i]!,
  );
  const startsOn =
    face.source === 'drawn' || (!face.isSmall && (restored.warning === undefined || !wishes.guard));
  const { identityDistance, embeddingDistance, warning } = restored;
  return {
    ...face,
    eyeDistancePx: eyeDistance(face.points),
    identityDistance,
    before,
    after: { ...before, data },
    startsOn,
    ...(embeddingDistance === undefined ? {} : { embeddingDistance }),
    ...(warning === undefined ? {} : { warning }),
  };
}

function plainCrop(
  image: Image,
  face: LocatedFace,
  sizePx: number,
  { store }: FaceBench,
  context: Context,
): Promise<Pixels> {
  return cropFace(image, toAffine(invertSimilarity(alignFace(face.points, sizePx))), sizePx, {
    store,
    context,
  });
}
