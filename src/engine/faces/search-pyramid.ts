import type { FaceDetection } from '../architectures/face-detection.ts';
import type { Context } from '../context.ts';
import type { Image, Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import type { FaceDetector } from './face-detector.ts';
import { eyeDistance } from './geometry.ts';
import { type QuarterTurns, turnBack, turnPixels } from './quarter-turns.ts';

const tilePx = 640;
/** Two tiles share this much, so that every face below it lies wholly in one of them; larger ones are seen at a coarser level. */
const overlapPx = 128;
/** Narrowest face the detectors see well, and tell from what only looks like one. */
const narrowestFacePx = 16;
const seenFacePx = 20;
const faceWidthInEyes = 2.5;
/** A small picture is enlarged by this at most. */
const largestScale = 2;
/** The whole picture is looked at up to this long side, each level twice as large as the one before. */
export const overviewPx = 1280;
/** Above that the next level is this many times larger at most: a face that no tile holds there is still `overlapPx` / 4.5 = 28 pixels wide one level down. */
const largestStep = 4.5;

/** Sizes to look at, as factors, coarsest first. */
export function pyramidScales(
  size: { readonly width: number; readonly height: number },
  smallestEyesPx: number,
): number[] {
  const longPx = Math.max(size.width, size.height);
  const finest = Math.min(1, seenFacePx / (faceWidthInEyes * Math.max(1, smallestEyesPx)));
  const scales = [Math.min(largestScale, tilePx / 2 / longPx), Math.min(largestScale, tilePx / longPx)];
  const overview = Math.min(finest, overviewPx / longPx);
  if (overview > scales[1]!) scales.push(overview);
  const steps = Math.ceil(Math.log(finest / overview) / Math.log(largestStep));
  for (let step = 1; step <= steps; step++) scales.push(overview * (finest / overview) ** (step / steps));
  return [...new Set(scales)]
    .sort((a, b) => a - b)
    .filter((scale, i, all) => i === 0 || scale > 1.05 * all[i - 1]!);
}

/** Every sight of a face at any of the scales, in pixels of the picture; the same face may be seen at several. Memory does not grow with the picture. */
export async function searchScales(
  image: Image,
  detector: FaceDetector,
  scales: readonly number[],
  turns: QuarterTurns,
  bench: { readonly store: ImageStore; readonly context: Context },
): Promise<FaceDetection[]> {
  const { store, context } = bench;
  const found: FaceDetection[] = [];
  const total = scales.reduce((sum, scale) => sum + scale * scale, 0);
  let done = 0;
  // Finest first: each coarser level is made from the one before.
  let level = image;
  try {
    for (const scale of [...scales].reverse()) {
      const part = context.part(done / total, (done + scale * scale) / total);
      const width = Math.max(1, Math.round(image.width * scale));
      const height = Math.max(1, Math.round(image.height * scale));
      const next = await resizeImage(level, width, height, {
        kernel: width < level.width ? 'area' : 'lanczos3',
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
  return found.filter(isPlausible);
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
    for (const face of faces.map((turned) => turnBack(turned, turns, tile)))
      if (isWide(face) && !isCut(face, tile, level)) found.push(moved(face, tile.x, tile.y, 1, 1));
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

/** What is narrower, in the level or in the picture, could be anything. A detector's box of a face of this width may be a little less. */
function isWide({ left, right }: FaceDetection): boolean {
  return right - left >= 0.8 * narrowestFacePx;
}

/** The face in coordinates that begin (−dx, −dy) further on and are finer by the factors. */
export function moved(
  face: FaceDetection,
  dx: number,
  dy: number,
  factorX: number,
  factorY: number,
): FaceDetection {
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
function isPlausible(face: FaceDetection): boolean {
  const { left, top, right, bottom, points } = face;
  const finite = [left, top, right, bottom, ...points.flat()].every(Number.isFinite);
  return finite && points.length === 5 && isWide(face) && bottom > top && eyeDistance(points) > 0;
}
