import type { FaceEdit } from '../../shared/face-edit.ts';
import type { FaceDetection, Point } from '../architectures/face-detection.ts';
import { eyeDistance } from './geometry.ts';
import { type NamedFace, nameFaces } from './merge-detections.ts';
import type { Box } from './points-in-box.ts';

/** A face and what is to become of it. */
export interface PlannedFace {
  readonly id: string;
  readonly source: FaceEdit['source'];
  readonly box: Box;
  /** Missing for a drawn box of which only the place is known. */
  readonly points: readonly Point[] | undefined;
  /** Of the detector, when it saw the face this time. */
  readonly score?: number;
  readonly isSmall: boolean;
  /** 'unless-other': restored unless it would become somebody else. */
  readonly wanted: 'yes' | 'no' | 'unless-other';
  readonly edit?: FaceEdit;
}

/**
 * What is to become of each face: what was decided about it, and for the others that small ones are left alone. Faces that the detector did not see this time are taken
 * from the decisions, so that a face somebody drew, corrected or accepted is always there.
 *
 * @param found by the detector, in pixels of the picture.
 * @param edits in the same pixels (see `faceEditsAt`).
 * @param before faces of an earlier search, which keep their ids.
 */
export function planFaces(
  found: readonly FaceDetection[],
  edits: readonly FaceEdit[],
  smallestEyesPx: number,
  before: readonly NamedFace[] = [],
): readonly PlannedFace[] {
  const byId = new Map(edits.map((edit) => [edit.id, edit]));
  const known = [...edits.map(namedEdit), ...before.filter(({ id }) => !byId.has(id))];
  const seen = nameFaces(found, known).map((face) => planFound(face, byId.get(face.id), smallestEyesPx));
  const seenIds = new Set(seen.map(({ id }) => id));
  const unseen = edits.filter((edit) => !seenIds.has(edit.id) && isDecided(edit));
  return [...seen, ...unseen.map((edit) => planUnseen(edit, smallestEyesPx))].sort(fromTheTopLeft);
}

/** An edit that says nothing but a strength waits until the detector sees the face again. */
function isDecided({ source, state }: FaceEdit): boolean {
  return source !== 'found' || state !== 'auto';
}

function planFound(face: NamedFace, edit: FaceEdit | undefined, smallestEyesPx: number): PlannedFace {
  const { id, score, left, top, right, bottom } = face;
  const points = edit?.source === 'found' ? face.points : (pointsOf(edit) ?? face.points);
  const isSmall = eyeDistance(points) < smallestEyesPx;
  const source = edit?.source ?? 'found';
  return {
    id,
    score,
    source,
    points,
    isSmall,
    box: { x: left, y: top, width: right - left, height: bottom - top },
    wanted: wantedOf(edit, isSmall),
    ...(edit === undefined ? {} : { edit }),
  };
}

function planUnseen(edit: FaceEdit, smallestEyesPx: number): PlannedFace {
  const points = pointsOf(edit);
  const isSmall = points !== undefined && eyeDistance(points) < smallestEyesPx;
  return {
    id: edit.id,
    source: edit.source,
    box: edit.box,
    points,
    isSmall,
    wanted: wantedOf(edit, isSmall),
    edit,
  };
}

function wantedOf(edit: FaceEdit | undefined, isSmall: boolean): PlannedFace['wanted'] {
  if (edit?.state === 'rejected') return 'no';
  // Who draws a face wants it.
  if (edit?.state === 'accepted' || edit?.source === 'drawn') return 'yes';
  return isSmall ? 'no' : 'unless-other';
}

function pointsOf(edit: FaceEdit | undefined): Point[] | undefined {
  return edit?.points?.map(({ x, y }): Point => [x, y]);
}

function namedEdit({ id, box, points }: FaceEdit): NamedFace {
  return {
    id,
    score: 1,
    left: box.x,
    top: box.y,
    right: box.x + box.width,
    bottom: box.y + box.height,
    points: points?.map(({ x, y }): Point => [x, y]) ?? [],
  };
}

function fromTheTopLeft(a: PlannedFace, b: PlannedFace): number {
  return a.box.y - b.box.y || a.box.x - b.box.x;
}
