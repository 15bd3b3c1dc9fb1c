import type { Point } from '../architectures/face-detection.ts';

/**
 * Rotation, uniform scale and translation in continuous coordinates (the center of pixel i lies at i + 0.5):
 * (x, y) → (a·x − b·y + tx, b·x + a·y + ty).
 */
export interface Similarity {
  readonly a: number;
  readonly b: number;
  readonly tx: number;
  readonly ty: number;
}

/** Side of the aligned crop for which `ffhqTemplate` is given. */
export const templateSizePx = 512;

/**
 * Left eye, right eye, nose, left and right mouth corner (as seen in the image) of an aligned face of 512 × 512 pixels, in continuous coordinates.
 *
 * Source: the FFHQ alignment as published with GFPGAN's face helper, whose numbers count from the center of the first pixel.
 */
export const ffhqTemplate: readonly Point[] = [
  [193.48138, 240.44708],
  [319.40277, 240.6936],
  [257.13416, 314.51935],
  [201.76117, 371.91043],
  [313.58905, 371.65118],
];

/**
 * The similarity that brings `from` closest to `to` in the least-squares sense, in closed form (Umeyama 1991 for two dimensions).
 *
 * @throws RangeError when there are not two different points to start from.
 */
export function fitSimilarity(from: readonly Point[], to: readonly Point[]): Similarity {
  const count = Math.min(from.length, to.length);
  const [fromX, fromY] = centerOf(from, count);
  const [toX, toY] = centerOf(to, count);
  let [spread, along, across] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const [px, py] = [from[i]![0] - fromX, from[i]![1] - fromY];
    const [qx, qy] = [to[i]![0] - toX, to[i]![1] - toY];
    spread += px * px + py * py;
    along += px * qx + py * qy;
    across += px * qy - py * qx;
  }
  const [a, b] = [along / spread, across / spread];
  if (!(spread > 0) || !(Math.hypot(a, b) > 0)) {
    throw new RangeError('Two different points are needed to place a face.');
  }
  return { a, b, tx: toX - a * fromX + b * fromY, ty: toY - b * fromX - a * fromY };
}

function centerOf(points: readonly Point[], count: number): Point {
  let [x, y] = [0, 0];
  for (let i = 0; i < count; i++) {
    x += points[i]![0] / count;
    y += points[i]![1] / count;
  }
  return [x, y];
}

/** From the picture to an aligned crop of `sizePx` × `sizePx`. */
export function alignFace(points: readonly Point[], sizePx: number): Similarity {
  const scale = sizePx / templateSizePx;
  return fitSimilarity(
    points,
    ffhqTemplate.map(([x, y]): Point => [x * scale, y * scale]),
  );
}

/** The way back. */
export function invertSimilarity({ a, b, tx, ty }: Similarity): Similarity {
  const square = a * a + b * b;
  const [c, d] = [a / square, -b / square];
  return { a: c, b: d, tx: -(c * tx - d * ty), ty: -(d * tx + c * ty) };
}

/** How much longer lengths become. */
export function scaleOf({ a, b }: Similarity): number {
  return Math.hypot(a, b);
}

export function applySimilarity({ a, b, tx, ty }: Similarity, [x, y]: Point): Point {
  return [a * x - b * y + tx, b * x + a * y + ty];
}

/** Distance between the eyes, the first two points, in pixels. */
export function eyeDistance(points: readonly Point[]): number {
  const [left, right] = points;
  return left === undefined || right === undefined ? 0 : Math.hypot(right[0] - left[0], right[1] - left[1]);
}
