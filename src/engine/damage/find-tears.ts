import type { Context } from '../context.ts';
import { fullRect, type Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import { type DamageMap, emptyMap, toEvidence } from './damage-map.ts';

interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** A tear is seen at this size. */
const longestPx = 1024;
/** What lies under a print is this white or this black, and mostly this even from pixel to pixel: at its edge JPEG leaves ripples. */
const paperWhite = 0.92;
const lidBlack = 0.06;
const evenness = 0.012;
const evenShare = 0.6;
/** Of the picture's area: less is dust, more is the picture's own sky or ground. */
const smallestShare = 0.0004;
const largestShare = 0.2;
/** A margin along a whole side belongs to the print. */
const longestSideShare = 0.6;
/** The edge of a tear is a sharp step nearly everywhere; leaves before a sky, for one, are not, and have a far longer edge. */
const smallestStep = 0.12;
const stepShare = 0.85;
const stepReachPx = 4;
/** Outline of a simple shape, over that of the box around it. */
const longestOutline = 1.15;
/** A print that has as much of the same even white or black elsewhere, a sky or a window, shows its own. */
const sameElsewhere = 0.002;
const sameTone = 0.02;
/** Of a tear, in log-odds: it goes at low sensitivities only. */
const tearOdds = 1.2;
/** How far the soft edge of a tear reaches in the scan, in pixels at `longestPx`. */
const softEdgePx = 2;

/**
 * Torn corners and borders: even, paper-white or black parts at the border whose edge is a clean step, in a print that is nowhere else as
 * white or black. Rather finds nothing than something that belongs to the picture.
 */
export async function findTears(
  gray: Image,
  { store, context }: { readonly store: ImageStore; readonly context: Context },
): Promise<DamageMap> {
  const scale = Math.min(1, longestPx / Math.max(gray.width, gray.height));
  const size = (length: number): number => Math.max(1, Math.round(length * scale));
  const small = await resizeImage(gray, size(gray.width), size(gray.height), {
    kernel: 'area',
    store,
    context,
  });
  const { width, height } = small;
  const plane: Plane = { width, height, data: await small.read(fullRect(small)) };
  if (small !== gray) await small.dispose();
  const map = emptyMap(plane, gray, ['tear']);
  for (const isPaper of [(v: number): boolean => v >= paperWhite, (v: number): boolean => v <= lidBlack])
    markTears(plane, isPaper, map);
  context.report(1);
  return map;
}

function markTears(plane: Plane, isPaper: (value: number) => boolean, map: DamageMap): void {
  const { width, height, data } = plane;
  const label = new Int32Array(width * height);
  const regions: number[][] = [];
  const isFlat = (i: number): boolean => isPaper(data[i]!) && spread(plane, i) <= evenness;
  for (let i = 0; i < data.length; i++) {
    if (label[i] !== 0 || !onBorder(i, width, height) || !isFlat(i)) continue;
    regions.push(flood(i, regions.length + 1, plane, label, (at) => isPaper(data[at]!)));
  }
  const flat = Uint8Array.from(data, (_, i) => (isFlat(i) ? 1 : 0));
  const tears = regions.filter(
    (region, index) =>
      isTear(region, index + 1, plane, label) &&
      region.reduce((sum, i) => sum + flat[i]!, 0) >= evenShare * region.length,
  );
  for (const region of tears) for (const i of region) flat[i] = 0;
  for (const region of tears) {
    const tone = region.reduce((sum, i) => sum + data[i]!, 0) / region.length;
    const alike = flat.reduce((sum, value, i) => sum + (value === 1 && Math.abs(data[i]! - tone) <= sameTone ? 1 : 0), 0);
    if (alike > sameElsewhere * data.length) continue;
    for (const i of region) markAround(i, map);
  }
}

function flood(
  start: number,
  name: number,
  { width, height }: Plane,
  label: Int32Array,
  isIn: (i: number) => boolean,
): number[] {
  const region = [start];
  label[start] = name;
  for (let at = 0; at < region.length; at++) {
    for (const next of neighbors(region[at]!, width, height)) {
      if (label[next] !== 0 || !isIn(next)) continue;
      label[next] = name;
      region.push(next);
    }
  }
  return region;
}

function isTear(region: readonly number[], name: number, plane: Plane, label: Int32Array): boolean {
  const { width, height, data } = plane;
  const share = region.length / data.length;
  if (share < smallestShare || share > largestShare) return false;
  const sides = [0, 0, 0, 0];
  let [edge, steps] = [0, 0];
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (const i of region) {
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
    if (y === 0) sides[0]!++;
    if (y === height - 1) sides[1]!++;
    if (x === 0) sides[2]!++;
    if (x === width - 1) sides[3]!++;
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as const) {
      const next = i + dx + dy * width;
      if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height || label[next] === name) continue;
      edge++;
      const farX = Math.min(width - 1, Math.max(0, x + dx * stepReachPx));
      const farY = Math.min(height - 1, Math.max(0, y + dy * stepReachPx));
      if (Math.abs(data[farY * width + farX]! - data[i]!) >= smallestStep) steps++;
    }
  }
  const border = sides.reduce((sum, length) => sum + length, 0);
  const isMargin = sides.some((length, side) => length > longestSideShare * (side < 2 ? width : height));
  const isSimple = edge + border <= longestOutline * 2 * (right - left + bottom - top);
  return !isMargin && edge > 0 && steps >= stepShare * edge && isSimple;
}

function markAround(i: number, map: DamageMap): void {
  const { width, height } = map;
  const [x, y] = [i % width, Math.floor(i / width)];
  for (let v = Math.max(0, y - softEdgePx); v <= Math.min(height - 1, y + softEdgePx); v++)
    map.evidence.fill(
      toEvidence(tearOdds),
      v * width + Math.max(0, x - softEdgePx),
      v * width + Math.min(width - 1, x + softEdgePx) + 1,
    );
}

/** Largest difference to a neighbor. */
function spread({ width, height, data }: Plane, i: number): number {
  let most = 0;
  for (const next of neighbors(i, width, height)) most = Math.max(most, Math.abs(data[next]! - data[i]!));
  return most;
}

function onBorder(i: number, width: number, height: number): boolean {
  const x = i % width;
  return x === 0 || x === width - 1 || i < width || i >= width * (height - 1);
}

function neighbors(i: number, width: number, height: number): number[] {
  const x = i % width;
  const result: number[] = [];
  if (x > 0) result.push(i - 1);
  if (x < width - 1) result.push(i + 1);
  if (i >= width) result.push(i - width);
  if (i < width * (height - 1)) result.push(i + width);
  return result;
}
