import {
  type DetectorOutputs,
  type FaceDetection,
  outputOf,
  overlapOf,
  type Point,
  suppressOverlaps,
} from './face-detection.ts';

export interface YuNetDecodeOptions {
  /** Scores below are dropped. */
  readonly scoreThreshold?: number;
  /** Boxes that overlap a better one by more are dropped. */
  readonly overlapThreshold?: number;
  /** The points become the mean of what all cells say that found the same face: a seventh nearer to the truth than the best cell's alone. */
  readonly vote?: boolean;
}

const strides = [8, 16, 32] as const;
/** Cells below the score threshold may still vote, if they are this sure and see nearly the same box. */
const votingScore = 0.3;
const votingOverlap = 0.6;

/**
 * Faces from the outputs 'cls_s', 'obj_s' (cells, 1), 'bbox_s' (cells, 4) and 'kps_s' (cells, 10) of the strides s = 8, 16, 32, best first.
 *
 * The sides of the image must be multiples of 32. Source: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector" (2023), as decoded in OpenCV.
 */
export function decodeYuNet(
  outputs: DetectorOutputs,
  widthPx: number,
  heightPx: number,
  options: YuNetDecodeOptions = {},
): FaceDetection[] {
  const { scoreThreshold = 0.6, overlapThreshold = 0.3, vote = false } = options;
  const faces: FaceDetection[] = [];
  const keptFrom = vote ? Math.min(votingScore, scoreThreshold) : scoreThreshold;
  for (const stride of strides) {
    const columns = widthPx / stride;
    const cells = columns * (heightPx / stride);
    const cls = outputOf(outputs, `cls_${stride}`, cells);
    const obj = outputOf(outputs, `obj_${stride}`, cells);
    const bbox = outputOf(outputs, `bbox_${stride}`, cells * 4);
    const kps = outputOf(outputs, `kps_${stride}`, cells * 10);
    for (let cell = 0; cell < cells; cell++) {
      const score = Math.sqrt(clamped(cls[cell]) * clamped(obj[cell]));
      if (score < keptFrom) continue;
      const column = cell % columns;
      const row = Math.floor(cell / columns);
      const at = (offset: number): number => bbox[4 * cell + offset] ?? 0;
      const x = (column + at(0)) * stride;
      const y = (row + at(1)) * stride;
      const halfWidth = (Math.exp(at(2)) * stride) / 2;
      const halfHeight = (Math.exp(at(3)) * stride) / 2;
      const points = Array.from({ length: 5 }, (_, k): Point => {
        const dx = kps[10 * cell + 2 * k] ?? 0;
        const dy = kps[10 * cell + 2 * k + 1] ?? 0;
        return [(column + dx) * stride, (row + dy) * stride];
      });
      const sides = {
        left: x - halfWidth,
        top: y - halfHeight,
        right: x + halfWidth,
        bottom: y + halfHeight,
      };
      faces.push({ score, ...sides, points });
    }
  }
  const best = suppressOverlaps(
    faces.filter(({ score }) => score >= scoreThreshold),
    overlapThreshold,
  );
  return vote ? best.map((face) => ({ ...face, points: votedPoints(face, faces) })) : best;
}

/** Mean of the points of all that overlap with `face`, by overlap and squared score. */
function votedPoints(face: FaceDetection, voters: readonly FaceDetection[]): readonly Point[] {
  const sums = face.points.map(() => ({ x: 0, y: 0 }));
  let total = 0;
  for (const voter of voters) {
    const overlap = overlapOf(face, voter);
    if (overlap < votingOverlap) continue;
    const weight = overlap * voter.score ** 2;
    total += weight;
    voter.points.forEach(([x, y], index) => {
      const sum = sums[index];
      if (sum === undefined) return;
      sum.x += weight * x;
      sum.y += weight * y;
    });
  }
  return total === 0 ? face.points : sums.map(({ x, y }): Point => [x / total, y / total]);
}

function clamped(value: number | undefined): number {
  return Math.min(1, Math.max(0, value ?? 0));
}
