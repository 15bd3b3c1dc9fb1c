import { HeirloomError } from '../failure.ts';
import type { Mask } from '../mask.ts';
import type { Rect, Size } from '../rect.ts';
import { distanceTo } from './distance-transform.ts';
import { drawShapes, type Placement, shapeBounds } from './draw-shapes.ts';

/**
 * Whether a mask belongs to a picture of this size.
 *
 * @throws HeirloomError `bad-input` when it was made for a picture of other proportions, or, for a mask picture, of another size.
 */
export function checkMaskSize(mask: Mask, size: Size): void {
  const shown = mask.window ?? mask;
  const scale = size.width / shown.width;
  const fits = Math.abs(shown.height * scale - size.height) <= Math.max(1, scale) + 1;
  if (fits) return;
  throw new HeirloomError(
    'bad-input',
    `The mask is ${mask.width}×${mask.height} pixels, but the picture is ${size.width}×${size.height}.`,
    'Make a mask of exactly the size of the picture.',
  );
}

/**
 * How much of each pixel of `rect` (inside the picture of size `size`) a step acts on: 0 to 1, (rect.height, rect.width). The result is
 * the same whether the picture is asked for whole or in parts.
 *
 * The soft edge lies outside of the selection, so that it is 0 farther than `featherPx` from it.
 */
export function rasterizeMask(mask: Mask, size: Size, rect: Rect): Float32Array {
  const place = placementOf(mask, size);
  const scale = (place.scaleX + place.scaleY) / 2;
  const growPx = mask.growPx * scale;
  const featherPx = mask.featherPx * scale;
  const reach = growPx === 0 && featherPx === 0 ? 0 : Math.ceil(Math.abs(growPx) + featherPx) + 2;
  const outer = clipRect(
    { x: rect.x - reach, y: rect.y - reach, width: rect.width + 2 * reach, height: rect.height + 2 * reach },
    size,
  );
  let plane = drawShapes(mask, outer, place);
  finishSelection(plane, outer, { invert: mask.invert, growPx, featherPx });
  if (reach > 0) plane = cropPlane(plane, outer, rect);
  return mask.mode === 'protect' ? plane.map((value) => 1 - value) : plane;
}

/** The part of the picture outside of which the mask is 0, or undefined when it is 0 everywhere for certain. */
export function maskBounds(mask: Mask, size: Size): Rect | undefined {
  const whole = { x: 0, y: 0, width: size.width, height: size.height };
  if (mask.invert || mask.mode === 'protect') return whole;
  const place = placementOf(mask, size);
  const reach =
    Math.ceil((Math.max(0, mask.growPx) + mask.featherPx) * Math.max(place.scaleX, place.scaleY)) + 1;
  let bounds: Rect | undefined;
  for (const shape of mask.shapes) {
    const box = shape.erase ? undefined : shapeBounds(shape, place, mask);
    if (box !== undefined) bounds = bounds === undefined ? box : unite(bounds, box);
  }
  if (bounds === undefined) return undefined;
  const clipped = clipRect(
    {
      x: bounds.x - reach,
      y: bounds.y - reach,
      width: bounds.width + 2 * reach,
      height: bounds.height + 2 * reach,
    },
    size,
  );
  return clipped.width > 0 && clipped.height > 0 ? clipped : undefined;
}

/** Makes the selection of what the shapes cover, in place: inverts it, moves its edge and softens it, in pixels of the plane. */
export function finishSelection(
  plane: Float32Array,
  size: Size,
  { invert, growPx, featherPx }: Pick<Mask, 'invert' | 'growPx' | 'featherPx'>,
): void {
  if (invert) for (let i = 0; i < plane.length; i++) plane[i] = 1 - plane[i]!;
  if (growPx !== 0 || featherPx !== 0) moveEdge(plane, size, growPx, featherPx);
}

/** Where a picture of this size shows the mask. */
export function placementOf(mask: Mask, size: Size): Placement {
  const shown = mask.window ?? { x: 0, y: 0, width: mask.width, height: mask.height };
  const scaleX = size.width / shown.width;
  const scaleY = size.height / shown.height;
  return { scaleX, scaleY, offsetX: -shown.x * scaleX, offsetY: -shown.y * scaleY };
}

/** Moves the edge of the selection by `growPx` and lets it fall to 0 over `featherPx` outside of it, in place. */
function moveEdge(plane: Float32Array, { width, height }: Size, growPx: number, featherPx: number): void {
  const inside = new Uint8Array(plane.length);
  const outside = new Uint8Array(plane.length);
  for (let i = 0; i < plane.length; i++) {
    inside[i] = plane[i]! >= 0.5 ? 1 : 0;
    outside[i] = 1 - inside[i]!;
  }
  const toInside = distanceTo(inside, width, height);
  const toOutside = growPx < 0 ? distanceTo(outside, width, height) : undefined;
  for (let i = 0; i < plane.length; i++) {
    const beyond = (inside[i] === 1 ? 0.5 - (toOutside?.[i] ?? 1) : toInside[i]! - 0.5) - growPx;
    const t = featherPx > 0 ? 1 - beyond / (featherPx + 0.5) : 0.5 - beyond;
    const clamped = Math.min(1, Math.max(0, t));
    plane[i] = featherPx > 0 ? clamped * clamped * (3 - 2 * clamped) : clamped;
  }
}

function cropPlane(plane: Float32Array, outer: Rect, rect: Rect): Float32Array {
  const result = new Float32Array(rect.width * rect.height);
  for (let y = 0; y < rect.height; y++) {
    const from = (rect.y - outer.y + y) * outer.width + rect.x - outer.x;
    result.set(plane.subarray(from, from + rect.width), y * rect.width);
  }
  return result;
}

/** The part of `rect` inside a picture; its sides are 0 or less when there is none. */
export function clipRect(rect: Rect, size: Size): Rect {
  const x = Math.max(0, rect.x);
  const y = Math.max(0, rect.y);
  return {
    x,
    y,
    width: Math.min(size.width, rect.x + rect.width) - x,
    height: Math.min(size.height, rect.y + rect.height) - y,
  };
}

/** The smallest rectangle around both. */
export function unite(a: Rect, b: Rect): Rect {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}
