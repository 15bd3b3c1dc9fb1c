import type { FaceDetection, Point } from '../architectures/face-detection.ts';
import type { Pixels } from '../models/tile-tensors.ts';

/** How often a picture is turned clockwise by 90°. */
export type QuarterTurns = 0 | 1 | 2 | 3;

/** The pixels, turned clockwise. */
export function turnPixels(pixels: Pixels, turns: QuarterTurns): Pixels {
  if (turns === 0) return pixels;
  const { channels } = pixels;
  const [width, height] = turns === 2 ? [pixels.width, pixels.height] : [pixels.height, pixels.width];
  const data = new Float32Array(pixels.data.length);
  // Where the first pixel comes from, and how far on in the source its neighbors to the right and below are.
  const last = pixels.width * pixels.height - 1;
  const [start, right, down] = {
    1: [last + 1 - pixels.width, -pixels.width, 1],
    2: [last, -1, -pixels.width],
    3: [pixels.width - 1, pixels.width, -1],
  }[turns] as [number, number, number];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0, from = (start + y * down) * channels; x < width; x++, from += right * channels) {
      for (let c = 0; c < channels; c++, at++) data[at] = pixels.data[from + c]!;
    }
  }
  return { data, width, height, channels };
}

/** A face found in the turned picture, in pixels of the picture of this size as it was. Left and right stay as seen in the upright face. */
export function turnBack(
  face: FaceDetection,
  turns: QuarterTurns,
  size: { readonly width: number; readonly height: number },
): FaceDetection {
  if (turns === 0) return face;
  const [ax, ay] = unturned([face.left, face.top], turns, size);
  const [bx, by] = unturned([face.right, face.bottom], turns, size);
  return {
    score: face.score,
    left: Math.min(ax, bx),
    top: Math.min(ay, by),
    right: Math.max(ax, bx),
    bottom: Math.max(ay, by),
    points: face.points.map((point) => unturned(point, turns, size)),
  };
}

function unturned(
  [x, y]: Point,
  turns: QuarterTurns,
  { width, height }: { readonly width: number; readonly height: number },
): Point {
  if (turns === 1) return [y, height - x];
  if (turns === 2) return [width - x, height - y];
  return turns === 3 ? [width - y, x] : [x, y];
}
