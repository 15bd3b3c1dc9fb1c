import type { FaceDetection, Point } from '../architectures/face-detection.ts';
import type { Pixels } from '../models/tile-tensors.ts';

/** How often a picture is turned clockwise by 90°. */
export type QuarterTurns = 0 | 1 | 2 | 3;

/** The pixels, turned clockwise. */
export function turnPixels(pixels: Pixels, turns: QuarterTurns): Pixels {
  if (turns === 0) return pixels;
  const [width, height] = turns === 2 ? [pixels.width, pixels.height] : [pixels.height, pixels.width];
  const data = new Float32Array(pixels.data.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += pixels.channels) {
      const [px, py] = unturned([x + 0.5, y + 0.5], turns, pixels);
      const from = (Math.floor(py) * pixels.width + Math.floor(px)) * pixels.channels;
      for (let c = 0; c < pixels.channels; c++) data[at + c] = pixels.data[from + c]!;
    }
  }
  return { data, width, height, channels: pixels.channels };
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
