/** A point in pixels of the image that was given to the detector. */
export type Point = readonly [x: number, y: number];

/** A face as a detector reports it, in pixels of the image given to it. */
export interface FaceDetection {
  /** From 0 to 1. */
  readonly score: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /**
   * Left eye, right eye, nose, left and right mouth corner, left and right as seen in the image. BlazeFace instead gives six: left eye, right eye, nose,
   * middle of the mouth, left ear, right ear.
   */
  readonly points: readonly Point[];
}

/** Raw outputs of a detector by name, row-major, batch 1. */
export type DetectorOutputs = Readonly<Record<string, Float32Array>>;

/** Intersection over union of two boxes; 0 for empty ones. */
export function overlapOf(a: FaceDetection, b: FaceDetection): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (areaOf(a) + areaOf(b) - shared);
}

function areaOf(face: FaceDetection): number {
  return (face.right - face.left) * (face.bottom - face.top);
}

/** Highest scores first, dropping what overlaps a better one by more than `threshold`. At most `limit` go in. */
export function suppressOverlaps(
  faces: readonly FaceDetection[],
  threshold: number,
  limit = 5000,
): FaceDetection[] {
  const kept: FaceDetection[] = [];
  for (const face of [...faces].sort((a, b) => b.score - a.score).slice(0, limit)) {
    if (kept.every((better) => overlapOf(better, face) <= threshold)) kept.push(face);
  }
  return kept;
}

/**
 * The output of this name with exactly `length` numbers.
 *
 * @throws RangeError if it is missing or of another length: outputs of another network or image size.
 */
export function outputOf(outputs: DetectorOutputs, name: string, length: number): Float32Array {
  const data = outputs[name];
  if (data?.length !== length) {
    throw new RangeError(
      `The detector's output ${name} has ${data?.length ?? 0} numbers where ${length} were expected.`,
    );
  }
  return data;
}
