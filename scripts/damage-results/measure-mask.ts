/** What a mask marks of the damage that can be seen, in pixels; within two pixels counts as right. */
export interface MaskCounts {
  readonly pixels: number;
  readonly marked: number;
  readonly markedRight: number;
  readonly seen: number;
  readonly seenMarked: number;
}

const tolerancePx = 2;

/** @param marked (height, width), 1 where the mask is. @param seen as in `DamagedTrial`; faint damage is neither right nor wrong. */
export function measureMask(marked: Uint8Array, seen: Uint8Array, width: number, height: number): MaskCounts {
  const nearMarked = widened(marked, width, height, 1);
  const nearSeen = widened(seen, width, height, 2);
  const counts = { pixels: width * height, marked: 0, markedRight: 0, seen: 0, seenMarked: 0 };
  for (let i = 0; i < marked.length; i++) {
    if (marked[i] === 1 && (seen[i] !== 1 || nearSeen[i] === 1)) {
      counts.marked++;
      counts.markedRight += nearSeen[i]!;
    }
    if (seen[i] === 2) {
      counts.seen++;
      counts.seenMarked += nearMarked[i]!;
    }
  }
  return counts;
}

/** 1 within the tolerance of any value of at least `least`. */
function widened(values: Uint8Array, width: number, height: number, least: number): Uint8Array {
  const result = new Uint8Array(values.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (values[y * width + x]! < least) continue;
      const [left, right] = [Math.max(0, x - tolerancePx), Math.min(width - 1, x + tolerancePx)];
      for (let row = Math.max(0, y - tolerancePx); row <= Math.min(height - 1, y + tolerancePx); row++)
        result.fill(1, row * width + left, row * width + right + 1);
    }
  return result;
}

/** Row by row, 1 where the bitmaps of a proposal are. */
export function markedPixels(runs: readonly number[], pixels: number): Uint8Array {
  const result = new Uint8Array(pixels);
  let at = 0;
  for (const [index, length] of runs.entries()) {
    if (index % 2 === 1) result.fill(1, at, at + length);
    at += length;
  }
  return result;
}
