import type { FaceDetection } from '../architectures/face-detection.ts';
import type { Context } from '../context.ts';
import type { Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { isConfirmed } from './confirm-face.ts';
import type { FaceDetector } from './face-detector.ts';
import { eyeDistance } from './geometry.ts';
import { mergeDetections } from './merge-detections.ts';
import type { QuarterTurns } from './quarter-turns.ts';
import { overviewPx, pyramidScales, searchScales } from './search-pyramid.ts';

export interface DetectOptions {
  /** Faces whose eyes are closer together, in pixels of the picture, are left to the background. */
  readonly smallestEyesPx: number;
  /** Whether prints that lie on their sides or upside down are looked for, too. */
  readonly tryTurned: boolean;
  readonly store: ImageStore;
  readonly context: Context;
}

/** Progress: the upright search, each overview of the turned picture, and the search of a picture that turned out to be lying. */
const uprightShare = 0.6;
const overviewShare = 0.1;

/**
 * The faces in a picture of any size, found over a pyramid in overlapping tiles and confirmed by a closer look at each. In pixels of the picture (continuous
 * coordinates), best first. Memory does not grow with the picture.
 *
 * Prints that lie on their sides or upside down are found in an overview (down to about 1/80 of the long side of the picture), beside upright ones; when most of the
 * picture lies so, down to the smallest.
 */
export async function detectFaces(
  image: Image,
  detector: FaceDetector,
  options: DetectOptions,
): Promise<readonly FaceDetection[]> {
  const { context, smallestEyesPx, tryTurned, store } = options;
  const scales = pyramidScales(image, smallestEyesPx);
  const search = async (
    at: readonly number[],
    turns: QuarterTurns,
    part: Context,
  ): Promise<FaceDetection[]> => {
    const sights = await searchScales(image, detector, at, turns, { store, context: part.part(0, 0.8) });
    const found: FaceDetection[] = [];
    const bench = { store, context: part.part(0.8, 0.8) };
    for (const face of mergeDetections(sights)) {
      if (eyeDistance(face.points) < smallestEyesPx) continue;
      if (await isConfirmed(image, face, detector, turns, bench)) found.push(face);
    }
    return found;
  };
  if (!tryTurned) return search(scales, 0, context);
  const upright = await search(scales, 0, context.part(0, uprightShare));
  const overview = scales.filter((scale) => scale * Math.max(image.width, image.height) <= overviewPx + 1);
  const byTurns: { readonly turns: QuarterTurns; readonly faces: readonly FaceDetection[] }[] = [
    { turns: 0, faces: upright },
  ];
  for (const [index, turns] of ([1, 3, 2] as const).entries()) {
    const from = uprightShare + overviewShare * index;
    const faces = await search(overview, turns, context.part(from, from + overviewShare));
    byTurns.push({ turns, faces });
  }
  byTurns.sort((a, b) => trustIn(b.faces) - trustIn(a.faces));
  const [main, ...others] = byTurns;
  const closer = main !== undefined && main.turns !== 0 && overview.length < scales.length;
  const mostly = closer
    ? await search(scales, main.turns, context.part(uprightShare + 3 * overviewShare, 1))
    : (main?.faces ?? []);
  const apart = others.flatMap(({ faces }) => faces);
  return [
    ...mostly,
    ...apart.filter((face) => mergeDetections([...mostly, { ...face, score: 0 }]).length > mostly.length),
  ];
}

function trustIn(faces: readonly FaceDetection[]): number {
  return faces.reduce((sum, face) => sum + face.score, 0);
}
