import { quietContext } from './context.ts';
import { detectFaces } from './faces/detect-faces.ts';
import { eyeDistance } from './faces/geometry.ts';
import { openFaceDetector } from './faces/open-face-detector.ts';
import type { Image } from './image/image.ts';
import type { ImageStore } from './image/image-store.ts';
import type { ModelHub } from './models/model-hub.ts';

/** A quick look: faces that can be seen in the whole photo at this size. */
const lookedAtPx = 640;
/**
 * Narrower ones are left to the background anyway. A restorer of 256 pixels has 63 between the eyes: a face with more of its own would lose wrinkles and pores to
 * it (seen on Lange's Migrant Mother, 130 pixels: skin like plastic).
 */
const smallestEyesPx = 12;
const largestEyesPx = 64;
/** How far apart eyes are that a detector sees well at the size looked at. */
const seenEyesPx = 8;

/**
 * Whether the photo has a face that restoring could help: one that is neither too small nor too large. Looks at the photo once, small and upright, so that opening stays
 * quick; false where the networks are missing.
 */
export async function suggestFaces(image: Image, models: ModelHub, store: ImageStore): Promise<boolean> {
  if (models.defaultFor('face-detect') === undefined || models.defaultFor('face-restore') === undefined) return false;
  const coarsestPx = (seenEyesPx * Math.max(image.width, image.height)) / lookedAtPx;
  const found = await detectFaces(image, await openFaceDetector(models), {
    smallestEyesPx: Math.max(smallestEyesPx, coarsestPx),
    tryTurned: false,
    store,
    context: quietContext(),
  });
  return found.some(({ points }) => eyeDistance(points) <= largestEyesPx);
}
