/** Where a measurement counts. */
export interface GrainWindow {
  readonly width: number;
  readonly height: number;
  readonly weights: Float32Array;
}

/** Fewer points say nothing about grain. */
const fewestPoints = 64;

/**
 * Standard deviation of white noise in a plane where the weight is above one half: the median absolute answer of the kernel that is blind to planes and
 * straight edges, so texture and edges hardly count. 0 when too little can be seen.
 *
 * Source: Immerkær, "Fast Noise Variance Estimation" (1996), with the median in place of the mean.
 */
export function grainOf(plane: Float32Array, { width, height, weights }: GrainWindow): number {
  const answers: number[] = [];
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      if (weights[i]! <= 0.5) continue;
      const corners =
        plane[i - width - 1]! + plane[i - width + 1]! + plane[i + width - 1]! + plane[i + width + 1]!;
      const sides = plane[i - width]! + plane[i + width]! + plane[i - 1]! + plane[i + 1]!;
      answers.push(Math.abs(corners - 2 * sides + 4 * plane[i]!));
    }
  }
  if (answers.length < fewestPoints) return 0;
  answers.sort((a, b) => a - b);
  return answers[answers.length >> 1]! / (6 * 0.6745);
}

/** White noise of mean 0 and deviation 1 that is the same for the same pixel on every run. */
export function grainAt(x: number, y: number): number {
  let state = (Math.imul(x, 0x9e3779b1) ^ Math.imul(y, 0x85ebca77)) | 0;
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    sum += ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  // Four uniform numbers have variance 4/12.
  return (sum - 2) * Math.sqrt(3);
}
