import type { FaceDetection, Point } from '../architectures/face-detection.ts';
import { type DamageMap, evidenceStep } from './damage-map.ts';

/** By how much evidence counts less on a face, and around its eyes, in log-odds: at 2, what was enough at 0.5 must be 0.88. */
const faceDoubt = 0.7;
const eyesDoubt = 2;
/** Half height of the band of eyes, lashes and glasses, and how far it reaches beyond the eyes, in distances between the eyes. */
const eyesReach = 0.5;
/** The face around the middle between eyes and mouth, in distances between the eyes. */
const faceReach = 1.5;

/**
 * Asks for more certainty where faces are: lashes, wrinkles, glasses and highlights in eyes look like scratches and dust. Acts on the map,
 * so that it holds for every sensitivity.
 */
export function guardFaces(map: DamageMap, faces: readonly FaceDetection[]): void {
  const factor = map.width / map.picture.width;
  for (const { points } of faces) {
    const [left, right, , leftMouth, rightMouth] = points.map(([x, y]): Point => [x * factor, y * factor]);
    if (left === undefined || right === undefined || leftMouth === undefined || rightMouth === undefined)
      continue;
    const eyesPx = Math.hypot(right[0] - left[0], right[1] - left[1]);
    const center: Point = [
      (left[0] + right[0] + leftMouth[0] + rightMouth[0]) / 4,
      (left[1] + right[1] + leftMouth[1] + rightMouth[1]) / 4,
    ];
    const reach = Math.ceil((faceReach + eyesReach) * eyesPx);
    const [x0, x1] = [
      Math.max(0, Math.floor(center[0] - reach)),
      Math.min(map.width, Math.ceil(center[0] + reach)),
    ];
    const [y0, y1] = [
      Math.max(0, Math.floor(center[1] - reach)),
      Math.min(map.height, Math.ceil(center[1] + reach)),
    ];
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const at: Point = [x + 0.5, y + 0.5];
        const isEyes = toSegment(at, left, right) < eyesReach * eyesPx;
        const isFace = isEyes || Math.hypot(at[0] - center[0], at[1] - center[1]) < faceReach * eyesPx;
        if (!isFace) continue;
        const i = y * map.width + x;
        const doubt = isEyes ? eyesDoubt : faceDoubt;
        map.evidence[i] = Math.max(0, map.evidence[i]! - Math.round(doubt * evidenceStep));
      }
    }
  }
}

/** Distance of a point to the line between two others. */
function toSegment([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}
