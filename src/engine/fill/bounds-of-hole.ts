import type { Rect } from '../../shared/rect.ts';

/** The smallest rectangle that holds every pixel of a hole, with `margin` around it inside the picture; of size 0 when there is none. */
export function boundsOfHole(
  hole: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
  margin = 0,
): Rect {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    const row = hole.subarray(y * width, (y + 1) * width);
    const first = row.indexOf(1);
    if (first < 0) continue;
    left = Math.min(left, first);
    right = Math.max(right, row.lastIndexOf(1));
    top = Math.min(top, y);
    bottom = y;
  }
  if (right < 0) return { x: 0, y: 0, width: 0, height: 0 };
  const x = Math.max(0, left - margin);
  const y = Math.max(0, top - margin);
  return {
    x,
    y,
    width: Math.min(width, right + 1 + margin) - x,
    height: Math.min(height, bottom + 1 + margin) - y,
  };
}

/** A part of a plane with one value a pixel. */
export function partOfPlane(plane: Uint8Array, planeWidth: number, { x, y, width, height }: Rect): Uint8Array {
  const part = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = (y + row) * planeWidth + x;
    part.set(plane.subarray(from, from + width), row * width);
  }
  return part;
}
