import { type FaceDetection, overlapOf } from '../architectures/face-detection.ts';
import type { Context } from '../context.ts';
import { cropImage } from '../image/crop-image.ts';
import { fullRect, type Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import type { FaceDetector } from './face-detector.ts';
import { type QuarterTurns, turnBack, turnPixels } from './quarter-turns.ts';
import { moved } from './search-pyramid.ts';

/** What is looked at reaches this far from the middle of the box, in its longer side. */
const around = 1.25;
/** Boxes that share more than this of their union show the same thing. */
const sameThing = 0.35;
/** Widths at which a face is looked at once more. */
const looksPx = [40, 64, 100] as const;
/** How sure the detector must be of it, on the mean over the sizes at which it is surest. */
const surelySeen = 0.82;
/** At how many sizes: dirt and grain may hide a worn face at the third; a print that lies is rarer and must convince at all. */
const looksNeeded = { upright: 2, turned: looksPx.length } as const;
const leastScore = 0.1;

interface Bench {
  readonly store: ImageStore;
  readonly context: Context;
}

/**
 * Whether a detector is still sure of a face when it is looked at by itself at three sizes: at two of them, at all where the picture is turned. What only looks
 * like a face does so at one.
 */
export async function isConfirmed(
  image: Image,
  face: FaceDetection,
  detector: FaceDetector,
  turns: QuarterTurns,
  bench: Bench,
): Promise<boolean> {
  const needed = turns === 0 ? looksNeeded.upright : looksNeeded.turned;
  // Looks that are still to come count as certain: once even that is too little, or what was seen is enough, no more is looked at.
  let seen: readonly number[] = looksPx.map(() => 1);
  for (const [index, facePx] of looksPx.entries()) {
    seen = seen.with(index, await lookAgain(image, face, detector, facePx, turns, bench));
    if (bestOf(seen, needed) < surelySeen) return false;
    if (index + 1 >= needed && bestOf(seen.slice(0, index + 1), needed) >= surelySeen) return true;
  }
  return true;
}

/** The mean of the highest scores. */
function bestOf(scores: readonly number[], count: number): number {
  return scores.toSorted((a, b) => b - a).slice(0, count).reduce((sum, score) => sum + score, 0) / count;
}

/** How sure a detector is of a face that is looked at as if it were `facePx` wide: 0 when it sees none there. */
async function lookAgain(
  image: Image,
  face: FaceDetection,
  detector: FaceDetector,
  facePx: number,
  turns: QuarterTurns,
  bench: Bench,
): Promise<number> {
  const scale = facePx / (face.right - face.left);
  const half = around * Math.max(face.right - face.left, face.bottom - face.top);
  const [x, y] = [(face.left + face.right) / 2, (face.top + face.bottom) / 2];
  const clamp = (value: number, length: number): number => Math.round(Math.min(length, Math.max(0, value)));
  const [left, top] = [clamp(x - half, image.width - 1), clamp(y - half, image.height - 1)];
  const window = cropImage(image, {
    x: left,
    y: top,
    width: Math.max(1, clamp(x + half, image.width) - left),
    height: Math.max(1, clamp(y + half, image.height) - top),
  });
  const width = Math.max(1, Math.round(window.width * scale));
  const height = Math.max(1, Math.round(window.height * scale));
  const level = await resizeImage(window, width, height, {
    kernel: scale < 1 ? 'area' : 'lanczos3',
    ...bench,
  });
  try {
    const data = await level.read(fullRect(level));
    const pixels = turnPixels({ data, width, height, channels: level.channels }, turns);
    const there = moved(face, -left, -top, width / window.width, height / window.height);
    const scores = (await detector(pixels, leastScore))
      .map((each) => turnBack(each, turns, { width, height }))
      .filter((each) => overlapOf(each, there) > sameThing)
      .map(({ score }) => score);
    return Math.max(0, ...scores);
  } finally {
    if (level !== window) await level.dispose();
  }
}
