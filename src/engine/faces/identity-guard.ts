import type { Point } from '../architectures/face-detection.ts';
import type { Network } from '../models/network.ts';
import type { Pixels } from '../models/tile-tensors.ts';
import { embeddingDistance } from './embedding-distance.ts';
import { identityDistance } from './identity-distance.ts';

/** Whether a restored face is still the same person's. */
export interface IdentityVerdict {
  /** See `identityDistance`. */
  readonly identityDistance: number;
  /** See `embeddingDistance`; absent where no network that recognizes faces is installed. */
  readonly embeddingDistance?: number;
  /** One sentence why the face should start off; absent when it is still the same person's. */
  readonly warning?: string;
}

/**
 * Above this a restored face is not taken unasked. Measured on held-out portraits made 4 times smaller by the project's own degradation, the untouched portrait in place
 * of the restored face: 0.10 at most for `medium` (29 portraits), 0.16 for `strong` (14), 0.34 for `old-photo` (14; one above the limit). Other persons' faces are above it
 * in all of these (median 0.77 to 0.90). Of the same face with another's eyes 3 of 29 are above it (`medium`; 6 of 14 for `strong`), with another's mouth 12 of 29 (8 of
 * 14), with drawn glasses 6 of 14: what changes one feature only is shown by the number, not always held back. A lower limit would hold back good restorations of badly
 * damaged prints.
 */
export const identityLimit = 0.3;

/**
 * Above this a recognition network takes two faces for two people's. From published practice with ArcFace, not measured here with its real weights: the cosine distance up
 * to which DeepFace verifies a person is 0.68; at a false accept rate of 0.1 % on LFW it is 0.72 (Deb et al., AdvFaces, IJCB 2020: a similarity of 0.28); InsightFace's authors
 * name squared Euclidean distances of 0.8 to 1.4 between embeddings of length 1, which are cosine distances of 0.4 to 0.7. Those limits are for two different photos; a
 * face restored from the very same photo should stay well below, so that what is above is a stranger rather than a matter of taste.
 */
export const embeddingLimit = 0.68;

/**
 * Compares a restored face with the face it was made from, in structure and, with a recognizer, by its embedding.
 *
 * @param points left eye, right eye, nose, left and right mouth corner, in pixels of the crop.
 * @param cropPxPerImagePx how many crop pixels came from one of the picture.
 * @throws what `embeddingDistance` throws.
 */
export async function judgeIdentity(
  input: Pixels,
  restored: Pixels,
  points: readonly Point[],
  cropPxPerImagePx: number,
  recognizer: Network | undefined,
): Promise<IdentityVerdict> {
  const structural = identityDistance(input, restored, points, cropPxPerImagePx);
  const recognized =
    recognizer === undefined
      ? undefined
      : await embeddingDistance(input, restored, points, cropPxPerImagePx, recognizer);
  const warning = warningOf(structural, recognized);
  return {
    identityDistance: structural,
    ...(recognized === undefined ? {} : { embeddingDistance: recognized }),
    ...(warning === undefined ? {} : { warning }),
  };
}

function warningOf(structural: number, recognized: number | undefined): string | undefined {
  if (structural > identityLimit)
    return `The restored face differs too much from the photo to be surely the same person (${structural.toFixed(2)}; the limit is ${identityLimit}).`;
  if (recognized !== undefined && recognized > embeddingLimit)
    return `The network that recognizes faces takes the restored face for somebody else's (${recognized.toFixed(2)}; the limit is ${embeddingLimit}).`;
  return undefined;
}
