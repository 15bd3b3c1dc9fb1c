import type { Point } from '../architectures/face-detection.ts';
import type { TensorData } from '../models/runtime.ts';
import { blurPlane } from '../image/blur-plane.ts';
import { templateSizePx } from './geometry.ts';

/** Where a restored face counts, over the aligned crop: 0 to 1, and 0 at the frame. */
export interface FaceMask {
  readonly sizePx: number;
  readonly data: Float32Array;
}

/** Share of the radius inside which the mask is 1. */
const solidShare = 0.72;
/** Share of the crop's side over which the mask falls to nothing at the frame, of which nothing is known beyond. */
const frameShare = 0.06;

/**
 * A feathered face from the forehead to the chin, from its five points in the crop: an ellipse along the line from mouth to eyes, so it follows the
 * face's tilt and the narrowing of a turned face.
 *
 * @param points left eye, right eye, nose, left and right mouth corner in pixels of a crop of `sizePx`.
 */
export function maskFromPoints(points: readonly Point[], sizePx: number): FaceMask {
  const [leftEye, rightEye, , leftMouth, rightMouth] = points;
  if (
    leftEye === undefined ||
    rightEye === undefined ||
    leftMouth === undefined ||
    rightMouth === undefined
  ) {
    throw new RangeError('A face has five points.');
  }
  const [eyes, mouth] = [middle(leftEye, rightEye), middle(leftMouth, rightMouth)];
  const down = [mouth[0] - eyes[0], mouth[1] - eyes[1]] as const;
  const length = Math.hypot(...down) || 1;
  const eyeWidth = Math.hypot(rightEye[0] - leftEye[0], rightEye[1] - leftEye[1]);
  const center: Point = [eyes[0] + 0.35 * down[0], eyes[1] + 0.35 * down[1]];
  const halfHeight = 1.4 * length;
  const halfWidth = Math.max(1.3 * eyeWidth, 0.85 * length);
  const data = new Float32Array(sizePx * sizePx);
  for (let y = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++) {
      const [dx, dy] = [x + 0.5 - center[0], y + 0.5 - center[1]];
      const along = (dx * down[0] + dy * down[1]) / length / halfHeight;
      const across = (dx * down[1] - dy * down[0]) / length / halfWidth;
      const value = 1 - smoothStep(solidShare, 1, Math.hypot(along, across));
      data[y * sizePx + x] = value === 0 ? 0 : value * frameFade(x, y, sizePx);
    }
  }
  return { sizePx, data };
}

/** Skin, nose, glasses, eyes, brows, ears, mouth, lips, hair and ear rings; not background, hat, necklace, neck and clothes. */
const faceClasses: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15]);

/**
 * The mask from a face parser's classes, softened as in GFPGAN's face helper (there 11 px twice, at 512).
 *
 * @param logits (1, classes, size, size) in the order of CelebAMask-HQ.
 */
export function maskFromClasses({ data, dims }: TensorData): FaceMask {
  const [, classes = 0, sizePx = 0] = dims;
  const area = sizePx * sizePx;
  const hard = new Float32Array(area);
  for (let i = 0; i < area; i++) {
    let best = 0;
    for (let k = 1; k < classes; k++)
      if (Number(data[k * area + i]) > Number(data[best * area + i])) best = k;
    hard[i] = faceClasses.has(best) ? 1 : 0;
  }
  const soft = blurPlane(hard, { width: sizePx, height: sizePx }, (Math.SQRT2 * 11 * sizePx) / templateSizePx);
  for (let y = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++) soft[y * sizePx + x]! *= frameFade(x, y, sizePx);
  }
  return { sizePx, data: soft };
}

function frameFade(x: number, y: number, sizePx: number): number {
  const toEdge = Math.min(x, y, sizePx - 1 - x, sizePx - 1 - y) / sizePx;
  return smoothStep(0.004, frameShare, toEdge);
}

function smoothStep(from: number, to: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return t * t * (3 - 2 * t);
}

function middle([ax, ay]: Point, [bx, by]: Point): Point {
  return [(ax + bx) / 2, (ay + by) / 2];
}
