import type { Point } from '../architectures/face-detection.ts';
import type { FaceMask } from './face-mask.ts';

/** What stays as it is in the photo. */
export interface Protection {
  readonly eyes: boolean;
  readonly mouth: boolean;
}

/** Share of the radius inside which a feature is fully protected. */
const solidShare = 0.65;

/**
 * The mask without eyes or mouth: soft ellipses along the line of the eyes and of the mouth. The eyes' ones reach over lids and lashes, but not to the brows.
 *
 * @param points left eye, right eye, nose, left and right mouth corner, in pixels of a crop of `cropPx`.
 */
export function protectFeatures(
  mask: FaceMask,
  points: readonly Point[],
  cropPx: number,
  protect: Protection,
): FaceMask {
  if (!protect.eyes && !protect.mouth) return mask;
  const { sizePx } = mask;
  const factor = sizePx / cropPx;
  const [leftEye, rightEye, , leftMouth, rightMouth] = points.map(([x, y]): Point => [
    x * factor,
    y * factor,
  ]) as [Point, Point, Point, Point, Point];
  const eyeWidth = Math.hypot(rightEye[0] - leftEye[0], rightEye[1] - leftEye[1]);
  const mouthWidth = Math.hypot(rightMouth[0] - leftMouth[0], rightMouth[1] - leftMouth[1]);
  const middle: Point = [(leftMouth[0] + rightMouth[0]) / 2, (leftMouth[1] + rightMouth[1]) / 2];
  const along =
    eyeWidth > 0
      ? ([(rightEye[0] - leftEye[0]) / eyeWidth, (rightEye[1] - leftEye[1]) / eyeWidth] as const)
      : ([1, 0] as const);
  const spots = [
    ...(protect.eyes
      ? [leftEye, rightEye].map((center) => ({ center, radiusX: 0.38 * eyeWidth, radiusY: 0.24 * eyeWidth }))
      : []),
    ...(protect.mouth
      ? [{ center: middle, radiusX: 0.85 * Math.max(mouthWidth, 0.5 * eyeWidth), radiusY: 0.38 * eyeWidth }]
      : []),
  ];
  const data = mask.data.map((value, i) => {
    if (value === 0) return 0;
    let kept = value;
    for (const { center, radiusX, radiusY } of spots) {
      const [dx, dy] = [(i % sizePx) + 0.5 - center[0], Math.floor(i / sizePx) + 0.5 - center[1]];
      const away = Math.hypot(
        (dx * along[0] + dy * along[1]) / radiusX,
        (dy * along[0] - dx * along[1]) / radiusY,
      );
      kept *= smoothStep(solidShare, 1, away);
    }
    return kept;
  });
  return { sizePx, data };
}

function smoothStep(from: number, to: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return t * t * (3 - 2 * t);
}
