import type { Mask, MaskShape } from '../mask.ts';
import type { Rect } from '../rect.ts';

type Shape<K extends MaskShape['kind']> = Extract<MaskShape, { readonly kind: K }>;

/** From mask coordinates to those of the plane that is drawn. */
export interface Placement {
  readonly scaleX: number;
  readonly scaleY: number;
  /** Added after scaling. */
  readonly offsetX: number;
  readonly offsetY: number;
  /** For looking at: a bitmap marks every pixel it touches, so that what is thinner than a pixel is still seen. */
  readonly touches?: boolean;
}

/** Draws the shapes of a mask, in order, onto a new plane of coverages 0 to 1, (rect.height, rect.width). */
export function drawShapes(mask: Mask, rect: Rect, place: Placement): Float32Array {
  const plane = new Float32Array(rect.width * rect.height);
  for (const shape of mask.shapes) {
    const bounds = shapeBounds(shape, place, mask);
    const box = bounds === undefined ? undefined : overlap(bounds, rect);
    if (box === undefined) continue;
    const layer = new Float32Array(box.width * box.height);
    drawShape(shape, layer, box, place, mask);
    for (let y = 0; y < box.height; y++) {
      const at = (box.y - rect.y + y) * rect.width + box.x - rect.x;
      for (let x = 0; x < box.width; x++) {
        const value = layer[y * box.width + x]!;
        plane[at + x] = shape.erase ? Math.min(plane[at + x]!, 1 - value) : Math.max(plane[at + x]!, value);
      }
    }
  }
  return plane;
}

function overlap(a: Rect, b: Rect): Rect | undefined {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : undefined;
}

/** Draws one shape onto a plane of coverages; what is there stays where it is more. */
export function drawShape(shape: MaskShape, plane: Float32Array, rect: Rect, place: Placement, mask: Mask): void {
  switch (shape.kind) {
    case 'stroke':
      return drawStroke(shape, plane, rect, place);
    case 'rectangle':
      return drawRectangle(shape, plane, rect, place);
    case 'lasso':
      return drawLasso(shape, plane, rect, place);
    case 'bitmap':
      return drawBitmap(shape, plane, rect, place, mask);
  }
}

/** The rectangle a shape covers on the plane, before it is clipped; undefined for a shape without extent. */
export function shapeBounds(shape: MaskShape, place: Placement, mask: Mask): Rect | undefined {
  const toX = (x: number): number => x * place.scaleX + place.offsetX;
  const toY = (y: number): number => y * place.scaleY + place.offsetY;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  const include = (x: number, y: number, reach: number): void => {
    left = Math.min(left, toX(x) - reach);
    right = Math.max(right, toX(x) + reach);
    top = Math.min(top, toY(y) - reach);
    bottom = Math.max(bottom, toY(y) + reach);
  };
  if (shape.kind === 'rectangle') {
    if (shape.width === 0 || shape.height === 0) return undefined;
    include(shape.x, shape.y, 0);
    include(shape.x + shape.width, shape.y + shape.height, 0);
  } else if (shape.kind === 'bitmap') {
    const rows = bitmapRows(shape.runs, mask.width);
    if (rows === undefined) return undefined;
    include(0, rows.first, 1);
    include(mask.width, rows.end, 1);
  } else {
    const reach = shape.kind === 'stroke' ? shape.radiusPx * ((place.scaleX + place.scaleY) / 2) + 1 : 0;
    for (const { x, y } of shape.points) include(x, y, reach);
  }
  if (left > right) return undefined;
  const x = Math.floor(left);
  const y = Math.floor(top);
  return { x, y, width: Math.ceil(right) - x + 1, height: Math.ceil(bottom) - y + 1 };
}

/** The rows of a bitmap in which anything is selected. */
function bitmapRows(
  runs: readonly number[],
  width: number,
): { readonly first: number; readonly end: number } | undefined {
  let position = 0;
  let first = -1;
  let last = -1;
  for (let i = 0; i < runs.length; i++) {
    const length = runs[i]!;
    if (i % 2 === 1 && length > 0) {
      if (first < 0) first = Math.floor(position / width);
      last = Math.floor((position + length - 1) / width);
    }
    position += length;
  }
  return first < 0 ? undefined : { first, end: last + 1 };
}

/** Capsules between consecutive points, their radius going from that of the one to that of the other. */
function drawStroke(stroke: Shape<'stroke'>, plane: Float32Array, rect: Rect, place: Placement): void {
  const radiusPx = stroke.radiusPx * ((place.scaleX + place.scaleY) / 2);
  let previous: { x: number; y: number; r: number } | undefined;
  for (const point of stroke.points) {
    const end = {
      x: point.x * place.scaleX + place.offsetX - rect.x,
      y: point.y * place.scaleY + place.offsetY - rect.y,
      r: radiusPx * point.pressure,
    };
    const start = previous ?? end;
    previous = end;
    const reach = Math.max(start.r, end.r) + 1;
    const x0 = Math.max(0, Math.floor(Math.min(start.x, end.x) - reach));
    const x1 = Math.min(rect.width, Math.ceil(Math.max(start.x, end.x) + reach));
    const y0 = Math.max(0, Math.floor(Math.min(start.y, end.y) - reach));
    const y1 = Math.min(rect.height, Math.ceil(Math.max(start.y, end.y) + reach));
    if (x0 >= x1 || y0 >= y1) continue;
    drawCapsule(plane, rect.width, { x0, x1, y0, y1 }, start, end, stroke.hardness);
  }
}

interface Disk {
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

function drawCapsule(
  plane: Float32Array,
  width: number,
  box: { x0: number; x1: number; y0: number; y1: number },
  start: Disk,
  end: Disk,
  hardness: number,
): void {
  const [dx, dy] = [end.x - start.x, end.y - start.y];
  const lengthSquared = dx * dx + dy * dy;
  const most = Math.max(start.r, end.r) + 0.5;
  const least = Math.min(start.r, end.r);
  /** Nearer than this to either end the value is 1 for certain. */
  const core = least + 0.5 - Math.max(1, least * (1 - hardness));
  for (let y = box.y0; y < box.y1; y++) {
    const row = y * width;
    const py = y + 0.5 - start.y;
    const [left, right] = reachInRow(py, dx, dy, most);
    const x0 = Math.max(box.x0, Math.floor(start.x + left - 0.5));
    const x1 = Math.min(box.x1, Math.ceil(start.x + right + 0.5));
    const first = fillCore(plane, row, start.x, Math.abs(py), core, x0, x1);
    const second = fillCore(plane, row, end.x, Math.abs(py - dy), core, x0, x1);
    for (let x = x0; x < x1; x++) {
      if (x === first.from && first.to > x) x = first.to - 1;
      else if (x === second.from && second.to > x) x = second.to - 1;
      else if (plane[row + x] !== 1) {
        const px = x + 0.5 - start.x;
        const along = lengthSquared === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / lengthSquared));
        const radius = start.r + along * (end.r - start.r);
        const distance = Math.hypot(px - along * dx, py - along * dy);
        const edge = Math.max(1, radius * (1 - hardness));
        const t = Math.min(1, (radius + 0.5 - distance) / edge);
        if (t <= 0) continue;
        const value = edge === 1 ? t : t * t * (3 - 2 * t);
        if (value > plane[row + x]!) plane[row + x] = value;
      }
    }
  }
}

/** From where to where a row `py` below the start of a segment (dx, dy) may be nearer to it than `reach`, from the start. */
function reachInRow(py: number, dx: number, dy: number, reach: number): readonly [number, number] {
  if (dy === 0) return [Math.min(0, dx) - reach, Math.max(0, dx) + reach];
  const a = Math.min(1, Math.max(0, (py - reach) / dy)) * dx;
  const b = Math.min(1, Math.max(0, (py + reach) / dy)) * dx;
  return [Math.min(a, b) - reach, Math.max(a, b) + reach];
}

/** Fills the part of a row that lies within `radius` of a point `dy` above or below it; answers with it. */
function fillCore(
  plane: Float32Array,
  row: number,
  centerX: number,
  dy: number,
  radius: number,
  x0: number,
  x1: number,
): { readonly from: number; readonly to: number } {
  if (radius <= dy) return { from: -1, to: -1 };
  const half = Math.sqrt(radius * radius - dy * dy);
  const from = Math.max(x0, Math.ceil(centerX - half - 0.5));
  const to = Math.min(x1, Math.floor(centerX + half - 0.5) + 1);
  if (from >= to) return { from: -1, to: -1 };
  plane.fill(1, row + from, row + to);
  return { from, to };
}

/** Each pixel gets the share of it that is covered. */
function drawRectangle(shape: Shape<'rectangle'>, plane: Float32Array, rect: Rect, place: Placement): void {
  const left = shape.x * place.scaleX + place.offsetX - rect.x;
  const top = shape.y * place.scaleY + place.offsetY - rect.y;
  const right = left + shape.width * place.scaleX;
  const bottom = top + shape.height * place.scaleY;
  const [x0, x1] = [Math.max(0, Math.floor(left)), Math.min(rect.width, Math.ceil(right))];
  const [y0, y1] = [Math.max(0, Math.floor(top)), Math.min(rect.height, Math.ceil(bottom))];
  for (let y = y0; y < y1; y++) {
    const tall = Math.min(y + 1, bottom) - Math.max(y, top);
    for (let x = x0; x < x1; x++) {
      const value = tall * (Math.min(x + 1, right) - Math.max(x, left));
      if (value > plane[y * rect.width + x]!) plane[y * rect.width + x] = value;
    }
  }
}

const subrows = 4;

/** Non-zero winding, exact across and with four samples down each pixel. */
function drawLasso(shape: Shape<'lasso'>, plane: Float32Array, rect: Rect, place: Placement): void {
  const points = shape.points.map(({ x, y }) => ({
    x: x * place.scaleX + place.offsetX - rect.x,
    y: y * place.scaleY + place.offsetY - rect.y,
  }));
  if (points.length < 3) return;
  const height = rect.height * subrows;
  const crossings = Array.from<{ x: number; turn: number }[] | undefined>({ length: height });
  let [first, last] = [rect.height, -1];
  for (const [index, a] of points.entries()) {
    const b = points[(index + 1) % points.length]!;
    const [upper, lower] = a.y < b.y ? [a, b] : [b, a];
    const from = Math.max(0, Math.ceil(upper.y * subrows - 0.5));
    const to = Math.min(height - 1, Math.ceil(lower.y * subrows - 0.5) - 1);
    for (let row = from; row <= to; row++) {
      const y = (row + 0.5) / subrows;
      const x = upper.x + ((y - upper.y) / (lower.y - upper.y)) * (lower.x - upper.x);
      (crossings[row] ??= []).push({ x, turn: a.y < b.y ? 1 : -1 });
    }
    if (from <= to)
      [first, last] = [Math.min(first, Math.floor(from / subrows)), Math.max(last, Math.floor(to / subrows))];
  }
  const line = new Float32Array(rect.width);
  for (let y = first; y <= last; y++) {
    line.fill(0);
    for (let sub = 0; sub < subrows; sub++) addSpans(line, crossings[y * subrows + sub] ?? []);
    for (let x = 0; x < rect.width; x++) {
      const value = Math.min(1, line[x]!);
      if (value > plane[y * rect.width + x]!) plane[y * rect.width + x] = value;
    }
  }
}

function addSpans(line: Float32Array, crossings: { x: number; turn: number }[]): void {
  crossings.sort((a, b) => a.x - b.x);
  let winding = 0;
  for (const [index, { x, turn }] of crossings.entries()) {
    winding += turn;
    const next = crossings[index + 1];
    if (winding === 0 || next === undefined) continue;
    const left = Math.max(0, x);
    const right = Math.min(line.length, next.x);
    for (let i = Math.floor(left); i < right; i++)
      line[i]! += Math.max(0, Math.min(i + 1, right) - Math.max(i, left)) / subrows;
  }
}

/** Each pixel takes what the mask says at its center. */
function drawBitmap(
  shape: Shape<'bitmap'>,
  plane: Float32Array,
  rect: Rect,
  place: Placement,
  mask: Mask,
): void {
  if (place.touches === true) return drawTouched(shape.runs, plane, rect, place, mask.width);
  const rowOf = (y: number): number => Math.floor((rect.y + y + 0.5 - place.offsetY) / place.scaleY);
  const spans = spansByRow(shape.runs, mask.width, rowOf(0), rowOf(rect.height - 1));
  for (let y = 0; y < rect.height; y++) {
    for (const { from, to } of spans.get(rowOf(y)) ?? []) {
      // The pixels whose centers lie in [from, to).
      const x0 = Math.max(0, Math.ceil(from * place.scaleX + place.offsetX - rect.x - 0.5));
      const x1 = Math.min(rect.width, Math.ceil(to * place.scaleX + place.offsetX - rect.x - 0.5));
      if (x0 < x1) plane.fill(1, y * rect.width + x0, y * rect.width + x1);
    }
  }
}

/** Every pixel a selected one falls on at all; rows that fall on the same pixels are drawn over each other. */
function drawTouched(
  runs: readonly number[],
  plane: Float32Array,
  rect: Rect,
  place: Placement,
  width: number,
): void {
  const shiftY = place.offsetY - rect.y;
  const shiftX = place.offsetX - rect.x;
  const firstRow = Math.max(0, Math.floor(-shiftY / place.scaleY));
  const end = Math.max(0, Math.ceil((rect.height - shiftY) / place.scaleY)) * width;
  let position = 0;
  for (let i = 0; i < runs.length && position < end; i++) {
    const next = position + runs[i]!;
    if (i % 2 === 1) {
      for (let at = Math.max(position, firstRow * width); at < Math.min(next, end);) {
        const row = Math.floor(at / width);
        const to = Math.min(next, (row + 1) * width);
        const y0 = Math.max(0, Math.floor(row * place.scaleY + shiftY));
        const y1 = Math.min(rect.height, Math.max(y0 + 1, Math.floor((row + 1) * place.scaleY + shiftY)));
        const x0 = Math.max(0, Math.floor((at - row * width) * place.scaleX + shiftX));
        const x1 = Math.min(rect.width, Math.ceil((to - row * width) * place.scaleX + shiftX));
        for (let y = y0; y < y1 && x0 < x1; y++) plane.fill(1, y * rect.width + x0, y * rect.width + x1);
        at = to;
      }
    }
    position = next;
  }
}

function spansByRow(
  runs: readonly number[],
  width: number,
  firstRow: number,
  lastRow: number,
): Map<number, { from: number; to: number }[]> {
  const spans = new Map<number, { from: number; to: number }[]>();
  const end = (lastRow + 1) * width;
  let position = 0;
  for (let i = 0; i < runs.length && position < end; i++) {
    const next = position + runs[i]!;
    if (i % 2 === 1) {
      for (let at = Math.max(position, firstRow * width); at < Math.min(next, end);) {
        const row = Math.floor(at / width);
        const to = Math.min(next, (row + 1) * width);
        const list = spans.get(row);
        if (list === undefined) spans.set(row, [{ from: at - row * width, to: to - row * width }]);
        else list.push({ from: at - row * width, to: to - row * width });
        at = to;
      }
    }
    position = next;
  }
  return spans;
}
