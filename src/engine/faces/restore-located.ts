import type { Context } from '../context.ts';
import type { Image, Rect } from '../image/image.ts';
import { chooseFaceRestorer } from './choose-face-models.ts';
import { applySimilarity } from './geometry.ts';
import type { FaceBench, FaceWishes, LocatedFace } from './locate-faces.ts';
import { chooseFaceRecognizer } from './open-face-recognizer.ts';
import type { FacePatch } from './paste-faces.ts';
import { protectFeatures } from './protect-features.ts';
import { type RestoredFace, restoreFace } from './restore-face.ts';

/** Damage that crosses faces, and how it is filled. */
export interface Mending {
  /** Changes with what is filled. */
  readonly key: string;
  /** The part of the picture without the damage: a new picture, or a window of the picture where there is none. */
  fill(rect: Rect, context: Context): Promise<Image>;
}

/** The network of the face, its own or the step's, the parser and the recognizer, as parts of a cache key. */
export function faceModelKeys(
  wishes: Pick<FaceWishes, 'model' | 'alpha'>,
  { models }: Pick<FaceBench, 'models'>,
): string[] {
  const others = [models.defaultFor('face-parse'), chooseFaceRecognizer(models)];
  const restorer = chooseFaceRestorer(models, wishes.model, wishes.alpha);
  return [restorer, ...others.flatMap((id) => (id === undefined ? [] : [{ id }]))].map((choice) =>
    models.key(choice),
  );
}

/** A located face through its network; remembered, so that only what changed is computed again. */
export async function restoreLocated(
  image: Image,
  face: Pick<LocatedFace, 'points' | 'edit'>,
  wishes: Pick<FaceWishes, 'model' | 'alpha'>,
  bench: FaceBench,
  context: Context,
  mending?: Mending,
): Promise<RestoredFace> {
  const { models, store, remember, recognizer } = bench;
  const model = face.edit?.model ?? wishes.model;
  const alpha = face.edit?.alpha ?? wishes.alpha;
  const make = async (): Promise<RestoredFace> => {
    const parser = models.defaultFor('face-parse');
    const networks = {
      restorer: await models.open(chooseFaceRestorer(models, model, alpha)),
      parser: parser === undefined ? undefined : await models.openNetwork(parser),
      recognizer: await recognizer(),
    };
    return restoreFace(image, face.points, networks, {
      store,
      context,
      ...(mending === undefined ? {} : { mending }),
    });
  };
  const key = [
    'restored',
    ...faceModelKeys({ model, alpha }, bench),
    face.points.join(' '),
    mending?.key ?? '',
  ].join('|');
  return remember(key, make, sizeOf);
}

/** The face as it is pasted: its own strength, without what is protected. */
export function patchOf(
  face: LocatedFace,
  { toCrop, change, mask }: RestoredFace,
  strength: number,
): FacePatch {
  const protect = { eyes: face.edit?.protectEyes ?? false, mouth: face.edit?.protectMouth ?? false };
  const inCrop = face.points.map((point) => applySimilarity(toCrop, point));
  return {
    toCrop,
    change,
    mask: protectFeatures(mask, inCrop, change.width, protect),
    strength: face.edit?.strength ?? strength,
  };
}

function sizeOf({ input, restored, change, mask }: RestoredFace): number {
  return 4 * (input.data.length + restored.data.length + change.data.length + mask.data.length);
}
