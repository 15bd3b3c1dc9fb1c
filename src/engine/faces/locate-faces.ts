import { type FaceEdits, faceEditsAt } from '../../shared/face-edit.ts';
import type { Point } from '../architectures/face-detection.ts';
import type { Context } from '../context.ts';
import type { Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Remember } from '../memo.ts';
import type { ModelHub } from '../models/model-hub.ts';
import type { Network } from '../models/network.ts';
import { chooseFaceRestorer } from './choose-face-models.ts';
import { detectFaces } from './detect-faces.ts';
import { createFaceDetector } from './face-detector.ts';
import type { NamedFace } from './merge-detections.ts';
import { chooseFaceDetector, openFaceDetector } from './open-face-detector.ts';
import { type PlannedFace, planFaces } from './plan-faces.ts';
import { findPointsIn } from './points-in-box.ts';

/** What faces are wanted, and what is to be done with them. */
export interface FaceWishes {
  /** Ids of networks; '' takes the first on this machine. */
  readonly detector: string;
  readonly model: string;
  /** Between the fidelity (0) and the perception end (1) of the restorer's pair. */
  readonly alpha: number;
  readonly smallestEyesPx: number;
  /** Whether a face that would become somebody else stays off unless it was accepted. */
  readonly guard: boolean;
  readonly edits: FaceEdits | undefined;
}

/** Where faces are worked on. */
export interface FaceBench {
  readonly models: ModelHub;
  readonly store: ImageStore;
  readonly remember: Remember;
  /** The network that recognizes faces, if one is installed; opened once. */
  readonly recognizer: () => Promise<Network | undefined>;
}

/** A face whose five points are known. */
export interface LocatedFace extends PlannedFace {
  readonly points: readonly Point[];
}

/** Smaller faces, less than 16 pixels wide, are not even listed: nobody can be told by so few pixels. */
const listedEyesPx = 6.4;
/** Nor those so small in a large picture that whoever looks at it as a whole does not see them. */
const listedShare = 1 / 500;
/** A detector that is asked about a drawn box may be this unsure. */
const unsureScore = 0.2;

/**
 * The faces in a picture, with what is to become of each, from the top left on: those the detector finds and those that were decided about. In pixels of the picture.
 *
 * @param before faces of an earlier search, which keep their ids.
 * @throws HeirloomError `missing-model` when there is no detector, or nothing to restore faces with.
 */
export async function locateFaces(
  image: Image,
  wishes: FaceWishes,
  { models, store, remember }: FaceBench,
  context: Context,
  before: readonly NamedFace[] = [],
): Promise<readonly LocatedFace[]> {
  const id = chooseFaceDetector(models, wishes.detector);
  chooseFaceRestorer(models, wishes.model, wishes.alpha);
  const listedPx = Math.max(listedEyesPx, listedShare * Math.max(image.width, image.height));
  const smallestEyesPx = Math.min(wishes.smallestEyesPx, listedPx);
  const detector = models.key({ id });
  const search = async (): ReturnType<typeof detectFaces> =>
    detectFaces(image, await openFaceDetector(models, id), {
      smallestEyesPx,
      tryTurned: true,
      store,
      context: context.part(0, 0.9),
    });
  context.report(0, 'Looking for faces');
  const found = await remember(
    `found|${detector}|${smallestEyesPx}`,
    search,
    (faces) => 200 * faces.length + 100,
  );
  const edits = wishes.edits === undefined ? [] : faceEditsAt(wishes.edits, image);
  const planned = planFaces(found, edits, wishes.smallestEyesPx, before);
  const located: LocatedFace[] = [];
  for (const face of planned) {
    context.report(0.9);
    const { box } = face;
    const look = async (): Promise<readonly Point[]> =>
      findPointsIn(image, box, createFaceDetector(await models.openNetwork(id), unsureScore), {
        store,
        context: context.part(0.9, 0.9),
      });
    const points =
      face.points ??
      (await remember(`points|${detector}|${box.x},${box.y},${box.width},${box.height}`, look, () => 200));
    located.push({ ...face, points });
  }
  return located;
}
