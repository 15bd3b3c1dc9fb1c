import { type FaceDetection, overlapOf } from '../architectures/face-detection.ts';

/** Boxes that share more than this of their union show the same face. */
const sameUnion = 0.35;
/** So does a box of which more than this lies in a better one. */
const sameInside = 0.75;

/** One detection for each face, best first: what levels and tiles saw twice is dropped, also where one saw only a part of the face. */
export function mergeDetections(found: readonly FaceDetection[]): FaceDetection[] {
  const kept: FaceDetection[] = [];
  for (const face of [...found].sort((a, b) => b.score - a.score)) {
    if (kept.every((better) => overlapOf(better, face) <= sameUnion && insideOf(better, face) <= sameInside))
      kept.push(face);
  }
  return kept;
}

/** Share of the smaller box that lies in the other. */
function insideOf(a: FaceDetection, b: FaceDetection): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  const area = (face: FaceDetection): number => (face.right - face.left) * (face.bottom - face.top);
  const smaller = Math.min(area(a), area(b));
  return width > 0 && height > 0 && smaller > 0 ? (width * height) / smaller : 0;
}

export interface NamedFace extends FaceDetection {
  /** The same for the same face in the next search. */
  readonly id: string;
}

/**
 * Names for faces: a face that overlaps one known before, or whose middle lies in the middle half of it at a similar size, keeps that one's id; the others get the
 * first free number, from the top left on.
 */
export function nameFaces(found: readonly FaceDetection[], known: readonly NamedFace[] = []): NamedFace[] {
  const pairs = found.flatMap((face) =>
    known.map((old) => ({ face, old, closeness: closenessOf(face, old) })),
  );
  const ids = new Map<FaceDetection, string>();
  const taken = new Set<string>();
  for (const { face, old, closeness } of pairs.sort((a, b) => b.closeness - a.closeness)) {
    if (closeness === 0 || ids.has(face) || taken.has(old.id)) continue;
    ids.set(face, old.id);
    taken.add(old.id);
  }
  // Ids of faces that were not found this time stay theirs.
  for (const { id } of known) taken.add(id);
  let next = 1;
  for (const face of [...found].sort((a, b) => a.top - b.top || a.left - b.left)) {
    if (ids.has(face)) continue;
    while (taken.has(`face-${next}`)) next += 1;
    ids.set(face, `face-${next}`);
    taken.add(`face-${next}`);
  }
  return found.map((face) => ({ ...face, id: ids.get(face)! }));
}

function closenessOf(a: FaceDetection, b: FaceDetection): number {
  const overlap = overlapOf(a, b);
  if (overlap > 0.3) return overlap;
  const [widthA, widthB] = [a.right - a.left, b.right - b.left];
  const away = Math.hypot(a.left + a.right - b.left - b.right, a.top + a.bottom - b.top - b.bottom) / 2;
  const similar = Math.max(widthA, widthB) < 2 * Math.min(widthA, widthB);
  return similar && away < Math.min(widthA, widthB) / 4 ? 0.01 : 0;
}
