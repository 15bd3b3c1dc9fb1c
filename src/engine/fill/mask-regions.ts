import type { Mask } from '../../shared/mask.ts';
import type { Rect } from '../image/image.ts';
import { rowsPerStripOf } from '../image/map-rows.ts';
import { clipRect, maskBounds, rasterizeMask, unite } from '../../shared/raster/rasterize-mask.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface MaskRegions {
  /** Rectangles that do not overlap; together they hold every selected pixel. */
  readonly boxes: readonly Rect[];
  /** Pixels that are selected at all, and how many the picture has besides. */
  readonly selectedPixels: number;
}

/** Regions nearer than this are filled together, and large ones that are nearer than this share of the smaller one's side. */
const joinPx = 12;
const joinShare = 0.5;
/** More parts than this (dust all over a scan) are filled by cells of a grid instead, which bounds the time to group them. */
const mostParts = 1500;
const cellPx = 256;

/** A component of the mask while it is being found. */
interface Part {
  box: Rect;
  /** The part it was found to belong to. */
  parent: Part | undefined;
}

interface Run {
  readonly from: number;
  readonly to: number;
  readonly part: Part;
}

/** The connected regions of a mask (8 neighbors) on a picture of this size, close ones grouped; read in strips. */
export function findRegions(mask: Mask, size: Size, report: (done: number) => void = () => {}): MaskRegions {
  const bounds = maskBounds(mask, size);
  if (bounds === undefined) return { boxes: [], selectedPixels: 0 };
  const parts: Part[] = [];
  let selectedPixels = 0;
  let above: Run[] = [];
  const rows = rowsPerStripOf(bounds.width);
  for (let y = bounds.y; y < bounds.y + bounds.height; y += rows) {
    const strip = { ...bounds, y, height: Math.min(rows, bounds.y + bounds.height - y) };
    const plane = rasterizeMask(mask, size, strip);
    for (let row = 0; row < strip.height; row++) {
      const line = plane.subarray(row * strip.width, (row + 1) * strip.width);
      above = joinRow(line, strip.x, strip.y + row, above, parts);
      for (const run of above) selectedPixels += run.to - run.from;
    }
    report((y - bounds.y + strip.height) / bounds.height);
  }
  const boxes = parts.filter((part) => part.parent === undefined).map((part) => part.box);
  return { boxes: boxes.length > mostParts ? gridBoxes(boxes, size) : joinBoxes(boxes), selectedPixels };
}

/** The runs of one row, each in the part of those it touches in the row above. */
function joinRow(line: Float32Array, left: number, y: number, above: readonly Run[], parts: Part[]): Run[] {
  const runs: Run[] = [];
  let candidate = 0;
  for (let x = 0; x < line.length; x++) {
    if (line[x] === 0) continue;
    const from = x;
    while (x < line.length && line[x] !== 0) x++;
    let part: Part | undefined;
    const own = { x: left + from, y, width: x - from, height: 1 };
    while (candidate < above.length && above[candidate]!.to < from) candidate++;
    for (let i = candidate; i < above.length && above[i]!.from <= x; i++) {
      const touched = rootOf(above[i]!.part);
      if (part === undefined) part = touched;
      else if (part !== touched) {
        touched.parent = part;
        part.box = unite(part.box, touched.box);
      }
    }
    if (part === undefined) parts.push((part = { box: own, parent: undefined }));
    else part.box = unite(part.box, own);
    runs.push({ from, to: x, part });
  }
  return runs;
}

function rootOf(part: Part): Part {
  let root = part;
  while (root.parent !== undefined) root = root.parent;
  for (let at = part; at.parent !== undefined && at.parent !== root;) {
    const next = at.parent;
    at.parent = root;
    at = next;
  }
  return root;
}

/** Unites boxes that overlap or nearly do, until none does. */
function joinBoxes(boxes: readonly Rect[]): Rect[] {
  let current = [...boxes];
  for (;;) {
    const joined: Rect[] = [];
    for (const box of current) {
      const near = joined.findIndex((other) => isNear(box, other));
      if (near < 0) joined.push(box);
      else joined[near] = unite(joined[near]!, box);
    }
    if (joined.length === current.length) return joined;
    current = joined;
  }
}

function isNear(a: Rect, b: Rect): boolean {
  const gap = joinPx + joinShare * Math.min(Math.max(a.width, a.height), Math.max(b.width, b.height));
  const apartX = Math.max(a.x, b.x) - Math.min(a.x + a.width, b.x + b.width);
  const apartY = Math.max(a.y, b.y) - Math.min(a.y + a.height, b.y + b.height);
  return apartX < gap && apartY < gap;
}

/** The cells of a grid that hold a part of any box. */
function gridBoxes(boxes: readonly Rect[], size: Size): Rect[] {
  const cells = new Map<string, Rect>();
  for (const box of boxes) {
    for (let y = Math.floor(box.y / cellPx); y * cellPx < box.y + box.height; y++) {
      for (let x = Math.floor(box.x / cellPx); x * cellPx < box.x + box.width; x++) {
        cells.set(
          `${x},${y}`,
          clipRect({ x: x * cellPx, y: y * cellPx, width: cellPx, height: cellPx }, size),
        );
      }
    }
  }
  return [...cells.values()];
}

/** A box cut into tiles of at most `tilePx`, from the top left. */
export function tilesOf(box: Rect, tilePx: number): Rect[] {
  const across = Math.ceil(box.width / tilePx);
  const down = Math.ceil(box.height / tilePx);
  return Array.from({ length: across * down }, (_, i) => {
    const [column, row] = [i % across, Math.floor(i / across)];
    const x = box.x + Math.floor((column * box.width) / across);
    const y = box.y + Math.floor((row * box.height) / down);
    return {
      x,
      y,
      width: box.x + Math.floor(((column + 1) * box.width) / across) - x,
      height: box.y + Math.floor(((row + 1) * box.height) / down) - y,
    };
  });
}

/**
 * What is looked at to fill `box`: a margin in proportion to the hole, from 48 to 448 pixels, and where the picture ends on one side, more
 * on the other (as IOPaint shifts its crops).
 */
export function contextBox(box: Rect, size: Size): Rect {
  const margin = Math.min(448, Math.max(48, Math.round(1.5 * Math.max(box.width, box.height))));
  const across = shifted(box.x - margin, box.width + 2 * margin, size.width);
  const down = shifted(box.y - margin, box.height + 2 * margin, size.height);
  return { x: across.from, y: down.from, width: across.length, height: down.length };
}

function shifted(from: number, length: number, whole: number): { from: number; length: number } {
  if (length >= whole) return { from: 0, length: whole };
  return { from: Math.min(Math.max(0, from), whole - length), length };
}
