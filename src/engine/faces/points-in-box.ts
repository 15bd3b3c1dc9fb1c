import type { FaceDetection, Point } from '../architectures/face-detection.ts';
import { overlapOf } from '../architectures/face-detection.ts';
import type { Context } from '../context.ts';
import { cropImage } from '../image/crop-image.ts';
import { fullRect, type Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import type { FaceDetector } from './face-detector.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Where the five points lie in the box that a detector draws around a face looking at the camera, as shares of its sides: the mean over those 126 of 213 color portraits
 * in which YuNet sees the nose within 6 % of the distance of the eyes from the middle between them, made symmetric.
 */
const usualPoints: readonly Point[] = [
  [0.264, 0.386],
  [0.736, 0.386],
  [0.5, 0.594],
  [0.28, 0.72],
  [0.72, 0.72],
];

/** The five points of a face of which only the box is known, upright and looking at the camera. */
export function usualPointsIn({ x, y, width, height }: Box): Point[] {
  return usualPoints.map(([across, down]): Point => [x + across * width, y + down * height]);
}

/** The face is looked at about this large. */
const facePx = 120;
/** Picture around the box that is looked at as well, in sides of the box. */
const around = 0.6;

/**
 * The five points of a face that somebody drew a box around: those of the detector where it sees one there when it is asked to be less strict, the usual ones otherwise.
 *
 * @param detector one that answers with a low score threshold.
 */
export async function findPointsIn(
  image: Image,
  box: Box,
  detector: FaceDetector,
  bench: { readonly store: ImageStore; readonly context: Context },
): Promise<Point[]> {
  const left = Math.max(0, Math.floor(box.x - around * box.width));
  const top = Math.max(0, Math.floor(box.y - around * box.height));
  const right = Math.min(image.width, Math.ceil(box.x + (1 + around) * box.width));
  const bottom = Math.min(image.height, Math.ceil(box.y + (1 + around) * box.height));
  if (right <= left || bottom <= top) return usualPointsIn(box);
  const window = cropImage(image, { x: left, y: top, width: right - left, height: bottom - top });
  const scale = facePx / Math.max(1, Math.min(box.width, box.height));
  const [width, height] = [Math.ceil(window.width * scale), Math.ceil(window.height * scale)];
  const level = await resizeImage(window, width, height, { kernel: 'lanczos3', ...bench });
  try {
    const pixels = { data: await level.read(fullRect(level)), width, height, channels: level.channels };
    const [acrossPx, downPx] = [window.width / width, window.height / height];
    const drawn = {
      score: 1,
      points: [],
      left: box.x,
      top: box.y,
      right: box.x + box.width,
      bottom: box.y + box.height,
    };
    let best: FaceDetection | undefined;
    for (const found of await detector(pixels)) {
      const face = {
        score: found.score,
        left: left + found.left * acrossPx,
        top: top + found.top * downPx,
        right: left + found.right * acrossPx,
        bottom: top + found.bottom * downPx,
        points: found.points.map(([x, y]): Point => [left + x * acrossPx, top + y * downPx]),
      };
      if (overlapOf(drawn, face) > 0.35 && face.score > (best?.score ?? 0)) best = face;
    }
    return best === undefined ? usualPointsIn(box) : [...best.points];
  } finally {
    if (level !== window) await level.dispose();
  }
}
