import {
  type DetectorOutputs,
  type FaceDetection,
  outputOf,
  overlapOf,
  type Point,
} from './face-detection.ts';

export interface BlazeFaceDecodeOptions {
  /** Scores below are dropped: 0.75 for the front network, 0.65 for the back one. */
  readonly scoreThreshold?: number;
  /** Boxes that overlap the best one by more are averaged into it. */
  readonly overlapThreshold?: number;
}

/** Anchors at the centers of the cells of two maps: [cells along a side, anchors in a cell]. */
const maps = [
  [16, 2],
  [8, 6],
] as const;
const anchorCount = 896;

/**
 * Faces from the outputs 'regression' (896, 16) and 'classification' (896, 1) for an image of sizePx × sizePx (128 or 256), best first; overlapping detections
 * are averaged by their scores.
 *
 * Source: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019), section 3.4.
 */
export function decodeBlazeFace(
  outputs: DetectorOutputs,
  sizePx: number,
  options: BlazeFaceDecodeOptions = {},
): FaceDetection[] {
  const { scoreThreshold = sizePx === 128 ? 0.75 : 0.65, overlapThreshold = 0.3 } = options;
  const regression = outputOf(outputs, 'regression', anchorCount * 16);
  const logits = outputOf(outputs, 'classification', anchorCount);
  const found: FaceDetection[] = [];
  let anchor = 0;
  for (const [cells, perCell] of maps) {
    for (let index = 0; index < cells * cells * perCell; index++, anchor++) {
      const score = 1 / (1 + Math.exp(-Math.min(100, Math.max(-100, logits[anchor] ?? 0))));
      if (score < scoreThreshold) continue;
      const cell = Math.floor(index / perCell);
      const centerX = (((cell % cells) + 0.5) / cells) * sizePx;
      const centerY = ((Math.floor(cell / cells) + 0.5) / cells) * sizePx;
      found.push(detectionAt(regression.subarray(16 * anchor, 16 * anchor + 16), centerX, centerY, score));
    }
  }
  return blendOverlaps(found, overlapThreshold);
}

function detectionAt(row: Float32Array, centerX: number, centerY: number, score: number): FaceDetection {
  const [dx = 0, dy = 0, width = 0, height = 0] = row;
  const x = centerX + dx;
  const y = centerY + dy;
  const points = Array.from({ length: 6 }, (_, k): Point => {
    return [centerX + (row[4 + 2 * k] ?? 0), centerY + (row[5 + 2 * k] ?? 0)];
  });
  const sides = { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 };
  return { score, ...sides, points };
}

/** Groups each remaining best detection with those that overlap it, and averages the group by score; its score is the group's mean. */
function blendOverlaps(found: readonly FaceDetection[], threshold: number): FaceDetection[] {
  let remaining = [...found].sort((a, b) => b.score - a.score);
  const faces: FaceDetection[] = [];
  for (let best = remaining[0]; best !== undefined; best = remaining[0]) {
    const leader = best;
    const group = remaining.filter((face) => face === leader || overlapOf(leader, face) > threshold);
    remaining = remaining.filter((face) => !group.includes(face));
    faces.push(averageOf(group, leader));
  }
  return faces;
}

function averageOf(group: readonly FaceDetection[], leader: FaceDetection): FaceDetection {
  const total = group.reduce((sum, face) => sum + face.score, 0);
  const mean = (of: (face: FaceDetection) => number): number =>
    group.reduce((sum, face) => sum + of(face) * face.score, 0) / total;
  const points = leader.points.map((_, k): Point => {
    return [mean((face) => face.points[k]?.[0] ?? 0), mean((face) => face.points[k]?.[1] ?? 0)];
  });
  return {
    score: total / group.length,
    left: mean((face) => face.left),
    top: mean((face) => face.top),
    right: mean((face) => face.right),
    bottom: mean((face) => face.bottom),
    points,
  };
}
