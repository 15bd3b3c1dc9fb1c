import { afterAll, describe, expect, it } from 'vitest';
import type { FaceDetection } from '../../../src/engine/architectures/face-detection.ts';
import { quietContext } from '../../../src/engine/context.ts';
import { isConfirmed } from '../../../src/engine/faces/confirm-face.ts';
import type { FaceDetector } from '../../../src/engine/faces/face-detector.ts';
import type { QuarterTurns } from '../../../src/engine/faces/quarter-turns.ts';
import { openBench } from '../image/make.ts';
import { paint } from '../models/networks.ts';

const bench = openBench();
afterAll(() => bench.close());

const face: FaceDetection = { score: 0.9, left: 150, top: 150, right: 250, bottom: 250, points: [] };

/** A detector that is so sure of a face in the middle of what it is shown, at the first, second and third look; `shown` gets the widths. */
function detectorOf(scores: readonly number[], shown: number[] = [], shift = 0): FaceDetector {
  return ({ width, height }, least = 0) => {
    const score = scores[shown.length] ?? 0;
    shown.push(width);
    // The window reaches one and a quarter sides from the middle of the box.
    const [w, h] = [width / 2.5, height / 2.5];
    const left = (width - w) / 2 + shift * w;
    const top = (height - h) / 2;
    return Promise.resolve(
      score < least ? [] : [{ score, left, top, right: left + w, bottom: top + h, points: [] }],
    );
  };
}

async function confirm(detector: FaceDetector, turns: QuarterTurns = 0): Promise<boolean> {
  const image = await paint(bench.store, 400, 400, 3, () => 0.5);
  try {
    return await isConfirmed(image, face, detector, turns, { store: bench.store, context: quietContext() });
  } finally {
    await image.dispose();
  }
}

describe('a second look at a face', () => {
  it('confirms what a detector is sure of at two of three sizes', async () => {
    const shown: number[] = [];
    expect(await confirm(detectorOf([0.9, 0, 0.8], shown))).toBe(true);
    expect(shown).toEqual([100, 160, 250]);
    expect(await confirm(detectorOf([0, 0.9, 0.8]))).toBe(true);
  });

  it('drops what looks like a face at one size', async () => {
    expect(await confirm(detectorOf([0.99, 0.6, 0.6]))).toBe(false);
    expect(await confirm(detectorOf([0.2, 0.62, 0.99]))).toBe(false);
  });

  it('looks no more often than it takes', async () => {
    const sure: number[] = [];
    expect(await confirm(detectorOf([0.9, 0.8, 0], sure))).toBe(true);
    expect(sure).toHaveLength(2);
    const hopeless: number[] = [];
    expect(await confirm(detectorOf([0.6, 0.5, 1], hopeless))).toBe(false);
    expect(hopeless).toHaveLength(2);
  });

  it('asks for all three where the picture is turned', async () => {
    expect(await confirm(detectorOf([0.9, 0.9, 0.5]), 2)).toBe(false);
    expect(await confirm(detectorOf([0.9, 0.9, 0.7]), 2)).toBe(true);
    const hopeless: number[] = [];
    expect(await confirm(detectorOf([0.4, 1, 1], hopeless), 1)).toBe(false);
    expect(hopeless).toHaveLength(1);
  });

  it('does not take a face beside it for it', async () => {
    expect(await confirm(detectorOf([0.95, 0.95, 0.95], [], 0.7))).toBe(false);
  });
});
