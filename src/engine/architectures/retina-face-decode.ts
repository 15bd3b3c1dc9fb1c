import {
  type DetectorOutputs,
  type FaceDetection,
  outputOf,
  type Point,
  suppressOverlaps,
} from './face-detection.ts';

/** Where RetinaFace's anchors lie. */
export interface RetinaFaceAnchors {
  /** Pixels between anchors, one for each level. */
  readonly steps: readonly number[];
  /** Sides of the square anchors at each position, in pixels, one list for each level. */
  readonly sizesPx: readonly (readonly number[])[];
}

/** Anchors of the published networks trained on WIDER FACE. */
export const retinaFaceAnchors: RetinaFaceAnchors = {
  steps: [8, 16, 32],
  sizesPx: [
    [16, 32],
    [64, 128],
    [256, 512],
  ],
};

export interface RetinaFaceDecodeOptions {
  readonly anchors?: RetinaFaceAnchors;
  /** Scores at or below are dropped. The reference detector uses 0.8, its face restoration 0.97. */
  readonly scoreThreshold?: number;
  /** Boxes that overlap a better one by more are dropped. */
  readonly overlapThreshold?: number;
}

/** Of box centers and points, and of box sizes. */
const variances = [0.1, 0.2] as const;

/**
 * Faces from the outputs 'box' (anchors, 4), 'score' (anchors, 2) and 'landmark' (anchors, 10) for an image of this size, best first.
 *
 * Source: Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild" (2019), with the anchors of its PyTorch release.
 */
export function decodeRetinaFace(
  outputs: DetectorOutputs,
  widthPx: number,
  heightPx: number,
  options: RetinaFaceDecodeOptions = {},
): FaceDetection[] {
  const { anchors = retinaFaceAnchors, scoreThreshold = 0.8, overlapThreshold = 0.4 } = options;
  const count = anchorCount(anchors, widthPx, heightPx);
  const score = outputOf(outputs, 'score', count * 2);
  const box = outputOf(outputs, 'box', count * 4);
  const landmark = outputOf(outputs, 'landmark', count * 10);
  const faces: FaceDetection[] = [];
  let anchor = 0;
  for (const [centerX, centerY, size] of anchorsOf(anchors, widthPx, heightPx)) {
    const probability = score[2 * anchor + 1] ?? 0;
    if (probability > scoreThreshold) {
      const at = (offset: number): number => box[4 * anchor + offset] ?? 0;
      const x = centerX + at(0) * variances[0] * size;
      const y = centerY + at(1) * variances[0] * size;
      const halfWidth = (size * Math.exp(at(2) * variances[1])) / 2;
      const halfHeight = (size * Math.exp(at(3) * variances[1])) / 2;
      const points = Array.from({ length: 5 }, (_, k): Point => {
        const dx = landmark[10 * anchor + 2 * k] ?? 0;
        const dy = landmark[10 * anchor + 2 * k + 1] ?? 0;
        return [centerX + dx * variances[0] * size, centerY + dy * variances[0] * size];
      });
      const sides = {
        left: x - halfWidth,
        top: y - halfHeight,
        right: x + halfWidth,
        bottom: y + halfHeight,
      };
      faces.push({ score: probability, ...sides, points });
    }
    anchor += 1;
  }
  return suppressOverlaps(faces, overlapThreshold);
}

function anchorCount({ steps, sizesPx }: RetinaFaceAnchors, widthPx: number, heightPx: number): number {
  return steps.reduce(
    (sum, step, level) =>
      sum + Math.ceil(widthPx / step) * Math.ceil(heightPx / step) * (sizesPx[level]?.length ?? 0),
    0,
  );
}

/** Center x, center y and side of every anchor in pixels: by level, row, column, size. */
function* anchorsOf(
  { steps, sizesPx }: RetinaFaceAnchors,
  widthPx: number,
  heightPx: number,
): Generator<readonly [number, number, number]> {
  for (const [level, step] of steps.entries()) {
    for (let row = 0; row < Math.ceil(heightPx / step); row++) {
      for (let column = 0; column < Math.ceil(widthPx / step); column++) {
        for (const size of sizesPx[level] ?? []) yield [(column + 0.5) * step, (row + 0.5) * step, size];
      }
    }
  }
}
