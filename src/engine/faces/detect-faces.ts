import type { FaceDetection } from '../architectures/face-detection.ts';
import type { Context } from '../context.ts';
import type { Image, Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import type { FaceDetector } from './face-detector.ts';
import { eyeDistance } from './geometry.ts';
import { mergeDetections } from './merge-detections.ts';
import { type QuarterTurns, turnBack, turnPixels } from './quarter-turns.ts';

export interface DetectOptions {
  /** Faces whose eyes are closer together, in pixels of the picture, are left to the background. */
  readonly smallestEyesPx: number;
  /** Whether a picture without a face is also tried lying on its sides and upside down. */
  readonly tryTurned: boolean;
  readonly store: ImageStore;
  readonly context: Context;
}

const tilePx = 640;
/** Two tiles share this much, so that every face below it lies wholly in one of them; larger ones are seen one level up. */
const overlapPx = 128;
/** Narrowest face the detectors see well; a face is about 2.5 times as wide as its eyes are apart. */
const narrowestFacePx = 20;
const faceWidthInEyes = 2.5;
/** A small picture is enlarged by this at most. */
const largestScale = 2;
/** Turned pictures are searched for faces of portraits and groups, not for the smallest. */
const longestTurnedPx = 1280;

/**
 * The faces in a picture of any size, found over a pyramid: the whole picture at 320 and 640 pixels, then doubled up to where the smallest wanted face
 * is large enough, in overlapping tiles. In pixels of the picture (continuous coordinates), best first. Memory does not grow with the picture.
 */
export async function detectFaces(
  image: Image,
  detector: FaceDetector,
  options: DetectOptions,
): Promise<readonly FaceDetection[]> {
  const { context, tryTurned } = options;
  const scales = pyramidScales(image, options.smallestEyesPx);
  const upright = await searchScales(
    image,
    detector,
    scales,
    0,
    options,
    context.part(0, tryTurned ? 0.7 : 1),
  );
  if (upright.length > 0 || !tryTurned) return upright;
  const coarse = scales.filter((scale) => scale * Math.max(image.width, image.height) <= longestTurnedPx);
  let best: readonly FaceDetection[] = [];
  for (const turns of [1, 3, 2] as const) {
    const found = await searchScales(
      image,
      detector,
      coarse,
      turns,
      options,
      context.part(0.7 + 0.1 * (turns - 1), 0.7 + 0.1 * turns),
    );
    const trust = (faces: readonly FaceDetection[]): number =>
      faces.reduce((sum, face) => sum + face.score, 0);
    if (trust(found) > trust(best)) best = found;
  }
  return best;
}

/** Sizes to look at, as factors, coarsest first. */
export function pyramidScales(
  size: { readonly width: number; readonly height: number },
  smallestEyesPx: number,
): number[] {
  const longPx = Math.max(size.width, size.height);
  const finest = Math.min(1, narrowestFacePx / (faceWidthInEyes * Math.max(1, smallestEyesPx)));
  const scales = [Math.min(largestScale, tilePx / 2 / longPx), Math.min(largestScale, tilePx / longPx)];
  for (let scale = (2 * tilePx) / longPx; scale < 2 * finest; scale *= 2)
    scales.push(Math.min(scale, finest));
  return [...new Set(scales)].filter((scale, i, all) => i === 0 || scale > 1.05 * all[i - 1]!);
}

async function searchScales(
  image: Image,
  detector: FaceDetector,
  scales: readonly number[],
  turns: QuarterTurns,
  { store, smallestEyesPx }: DetectOptions,
  context: Context,
): Promise<readonly FaceDetection[]> {
  const found: FaceDetection[] = [];
  const costs = scales.map((scale) => scale * scale);
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  let done = 0;
  // Finest first: each coarser level is made from the one before.
  let level = image;
  try {
    for (const scale of [...scales].reverse()) {
      const part = context.part(done / total, (done + scale * scale) / total);
      const width = Math.max(1, Math.round(image.width * scale));
      const height = Math.max(1, Math.round(image.height * scale));
      const next = await resizeImage(level, width, height, {
        kernel: 'lanczos3',
        store,
        context: part.part(0, 0.3),
      });
      if (level !== image && next !== level) await level.dispose();
      level = next;
      const [factorX, factorY] = [image.width / width, image.height / height];
      const faces = await searchTiles(level, detector, turns, part.part(0.3, 1));
      found.push(...faces.map((face) => moved(face, 0, 0, factorX, factorY)));
      done += scale * scale;
    }
  } finally {
    if (level !== image) await level.dispose();
  }
  return mergeDetections(
    found.filter((face) => isPlausible(face) && eyeDistance(face.points) >= smallestEyesPx),
  );
}

async function searchTiles(
  level: Image,
  detector: FaceDetector,
  turns: QuarterTurns,
  context: Context,
): Promise<FaceDetection[]> {
  const found: FaceDetection[] = [];
  const columns = tileStarts(level.width);
  const rows = tileStarts(level.height);
  const tiles = rows.flatMap((y) =>
    columns.map((x) => ({
      x,
      y,
      width: Math.min(tilePx, level.width - x),
      height: Math.min(tilePx, level.height - y),
    })),
  );
  for (const [index, tile] of tiles.entries()) {
    context.report(index / tiles.length);
    const pixels = {
      data: await level.read(tile),
      width: tile.width,
      height: tile.height,
      channels: level.channels,
    };
    const faces = await detector(turnPixels(pixels, turns));
    for (const face of faces.map((turned) => turnBack(turned, turns, tile))) {
      if (!isCut(face, tile, level)) found.push(moved(face, tile.x, tile.y, 1, 1));
    }
  }
  return found;
}

/** Where tiles begin; the last one ends with the picture. */
function tileStarts(lengthPx: number): number[] {
  if (lengthPx <= tilePx) return [0];
  const count = Math.ceil((lengthPx - overlapPx) / (tilePx - overlapPx));
  return Array.from({ length: count }, (_, i) => Math.round((i * (lengthPx - tilePx)) / (count - 1)));
}

/** Whether an edge of the tile, which is not one of the picture, cuts the face. */
function isCut(face: FaceDetection, tile: Rect, level: Image): boolean {
  const slackPx = 1;
  return (
    (tile.x > 0 && face.left < slackPx) ||
    (tile.y > 0 && face.top < slackPx) ||
    (tile.x + tile.width < level.width && face.right > tile.width - slackPx) ||
    (tile.y + tile.height < level.height && face.bottom > tile.height - slackPx)
  );
}

function moved(face: FaceDetection, dx: number, dy: number, factorX: number, factorY: number): FaceDetection {
  return {
    score: face.score,
    left: (face.left + dx) * factorX,
    top: (face.top + dy) * factorY,
    right: (face.right + dx) * factorX,
    bottom: (face.bottom + dy) * factorY,
    points: face.points.map(([x, y]) => [(x + dx) * factorX, (y + dy) * factorY]),
  };
}

/** Numbers that a face can have. */
function isPlausible({ left, top, right, bottom, points }: FaceDetection): boolean {
  const finite = [left, top, right, bottom, ...points.flat()].every(Number.isFinite);
  return finite && points.length === 5 && right - left >= 2 && bottom - top >= 2 && eyeDistance(points) > 0;
}
