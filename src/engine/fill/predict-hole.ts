import type { Rect } from '../../shared/rect.ts';
import { distanceTo } from '../../shared/raster/distance-transform.ts';
import { clipRect } from '../../shared/raster/rasterize-mask.ts';
import { boundsOfHole, partOfPlane } from './bounds-of-hole.ts';
import { extendSmoothly } from './extend-smoothly.ts';
import type { FillNetwork } from './fill-network.ts';
import { tilesOf } from './mask-regions.ts';
import type { HoleImage } from './patch-level.ts';
import { growPart, shrinkHole } from './shrink-hole.ts';

/** What a network makes of a hole. */
export interface Prediction {
  /** The whole picture as coarse as the network saw it, the hole filled: (height, width, channels). */
  readonly pixels: Float32Array;
  /** Pixels of the picture a pixel that the network saw. */
  readonly factor: number;
}

/** Share of the window that a hole's width may take before the picture is shown smaller. */
const widestShare = 0.4;
/** What a network is shown around the part it fills, at least, as a share of its window. */
const leastMargin = 0.1;
const mostMargin = 0.25;
/** Holes narrower than this, as the network sees them, are not widened to compare it with what is known: that would hide too much. */
const narrowPx = 14;
const rimPx = 2;

/**
 * Asks a network what is in the hole. A wide hole is shown smaller, a long one piece by piece, each piece seeing those before. Where the
 * network may be compared with what is known, along the rim, its error is measured and taken away, spread smoothly over the hole.
 *
 * @param holeRadiusPx half the width of the hole at its widest.
 * @param report hears the fraction done; may reject to stop.
 * @throws HeirloomError `out-of-memory` or `device`.
 */
export async function predictHole(
  image: HoleImage,
  holeRadiusPx: number,
  network: FillNetwork,
  report: (done: number) => Promise<void> = () => Promise.resolve(),
): Promise<Prediction> {
  const { windowPx, largestHolePx } = network;
  const factor = Math.max(1, Math.ceil((2 * holeRadiusPx) / Math.min(largestHolePx, widestShare * windowPx)));
  const small = shrinkHole(image, factor);
  const { width, height, channels } = small;
  const widthPx = (2 * holeRadiusPx) / factor;
  const margin = Math.ceil(Math.min(mostMargin * windowPx, Math.max(leastMargin * windowPx, widthPx)));
  const corePx = Math.floor(Math.min(largestHolePx, windowPx - 2 * margin));
  const reachPx = Math.floor((windowPx - corePx) / 2);
  const rim = widthPx < narrowPx ? 0 : rimPx;
  const box = boundsOfHole(small.hole, small, rim + 1);
  const away = distanceTo(partOfPlane(small.hole, width, box), box.width, box.height);
  const open = widened(small, box, away, rim);
  const predicted = small.pixels.slice();
  const tiles = tilesOf(boundsOfHole(open, small), corePx);
  for (const [index, tile] of tiles.entries()) {
    await predictTile(network, { ...small, hole: open, pixels: predicted }, tile, reachPx);
    await report((index + 1) / tiles.length);
  }
  if (rim > 0) correctRim(predicted, small, box, away, rim);
  const whole = { x: 0, y: 0, width: image.width, height: image.height };
  return {
    pixels: factor === 1 ? predicted : growPart({ width, height, channels, pixels: predicted }, factor, whole),
    factor,
  };
}

/** Fills the part of the hole in `tile`, in place; it is no hole any more then. */
async function predictTile(network: FillNetwork, image: HoleImage, tile: Rect, reachPx: number): Promise<void> {
  const { hole, pixels, channels } = image;
  const around = clipRect(
    {
      x: tile.x - reachPx,
      y: tile.y - reachPx,
      width: tile.width + 2 * reachPx,
      height: tile.height + 2 * reachPx,
    },
    image,
  );
  const at = (i: number): number =>
    (around.y + Math.floor(i / around.width)) * image.width + around.x + (i % around.width);
  const area = around.width * around.height;
  const shown = new Float32Array(3 * area);
  const hidden = new Uint8Array(area);
  for (let i = 0; i < area; i++) {
    hidden[i] = hole[at(i)]!;
    for (let c = 0; c < 3; c++) shown[3 * i + c] = pixels[at(i) * channels + (channels === 3 ? c : 0)]!;
  }
  const isInTile = (i: number): boolean => {
    const x = around.x + (i % around.width) - tile.x;
    const y = around.y + Math.floor(i / around.width) - tile.y;
    return x >= 0 && y >= 0 && x < tile.width && y < tile.height;
  };
  if (!hidden.some((value, i) => value === 1 && isInTile(i))) return;
  const result = await network.predict(shown, hidden, around.width, around.height);
  for (let i = 0; i < area; i++) {
    if (hidden[i] === 0 || !isInTile(i)) continue;
    const to = at(i) * channels;
    if (channels === 3) for (let c = 0; c < 3; c++) pixels[to + c] = result[3 * i + c]!;
    else pixels[to] = (result[3 * i]! + result[3 * i + 1]! + result[3 * i + 2]!) / 3;
    hole[at(i)] = 0;
  }
}

/** The hole and its rim: what lies within `rim` of it. `away`: distances from the hole, in `box` around it. */
function widened({ hole, width }: HoleImage, box: Rect, away: Float32Array, rim: number): Uint8Array {
  const open = hole.slice();
  for (let y = 0, i = 0; y < box.height; y++) {
    for (let x = 0, at = (box.y + y) * width + box.x; x < box.width; x++, i++, at++)
      if (away[i]! <= rim) open[at] = 1;
  }
  return open;
}

/**
 * Takes away what the prediction is off by along the rim, where the truth is known, and puts the truth back there. Nothing outside of `box` was
 * predicted; inside it, the rim parts the hole from the rest.
 */
function correctRim(
  predicted: Float32Array,
  { width, channels, pixels }: HoleImage,
  box: Rect,
  away: Float32Array,
  rim: number,
): void {
  const offsets = new Float32Array(away.length * channels);
  const isRim = Uint8Array.from(away, (distance) => (distance > 0 && distance <= rim ? 1 : 0));
  if (!isRim.includes(1)) return;
  const inPicture = (i: number): number => ((box.y + Math.floor(i / box.width)) * width + box.x + (i % box.width)) * channels;
  for (let i = 0; i < away.length; i++) {
    if (isRim[i] === 0) continue;
    const from = inPicture(i);
    for (let c = 0; c < channels; c++) offsets[i * channels + c] = pixels[from + c]! - predicted[from + c]!;
  }
  extendSmoothly(offsets, isRim, box.width, box.height, channels);
  for (let i = 0; i < away.length; i++) {
    const to = inPicture(i);
    for (let c = 0; c < channels; c++) {
      predicted[to + c] =
        away[i]! > 0 ? pixels[to + c]! : Math.min(1, Math.max(0, predicted[to + c]! + offsets[i * channels + c]!));
    }
  }
}
