import type { Context } from '../context.ts';
import { colorChannels, type Image, type Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { mapRows } from '../image/map-rows.ts';
import { resampleArray } from '../image/resample.ts';
import type { Pixels } from '../models/tile-tensors.ts';
import { type Affine, afterScaling, thenScaled, toAffine } from './affine.ts';
import { coveredRect } from './crop-face.ts';
import type { FaceMask } from './face-mask.ts';
import { invertSimilarity, type Similarity } from './geometry.ts';
import { grainAt, grainOf } from './grain.ts';
import { grayOf } from './match-color.ts';
import { samplePlane, warpPixels } from './warp.ts';

/** A restored face, ready to be put into the picture. */
export interface FacePatch {
  /** From pixels of the original to pixels of the crop. */
  readonly toCrop: Similarity;
  /** What the restorer changed in the crop (see `changeOf`); 1 or 3 channels, as the picture has colors. */
  readonly change: Pixels;
  readonly mask: FaceMask;
  /** 0 to 1: how much of the change is wanted. */
  readonly strength: number;
}

/** A patch in the coordinates of the background. */
interface Placed {
  readonly rect: Rect;
  readonly change: Pixels;
  readonly toChange: Affine;
  readonly mask: FaceMask;
  readonly toMask: Affine;
  readonly strength: number;
  readonly grain: number;
}

/** The grain is measured in a window of at most this side. */
const grainWindowPx = 192;
const strongestGrain = 0.06;

/**
 * Puts faces into a background of any size that shows the original of size `original`, enlarged by any factor.
 *
 * Not the restored crops themselves are put in but what the restorer changed: background + strength · mask · (restored − input, carried into the
 * background). Carrying a crop there and back would soften it twice; a change of zero stays zero through any resampling, so a restorer that changes
 * nothing changes no bit, at any factor, size and tilt. What the background knows beyond the crop's resolution is kept. Where masks overlap, the changes
 * are averaged, so the order of the faces does not matter. Grain that the restorer took away is given back: white, as strong as measured in the
 * background under the mask, the same on every run. Everything is proportional to the strength.
 *
 * Pixels outside all masks and alpha are bit-identical. Nothing but the current rows is in memory.
 */
export async function pasteFaces(
  background: Image,
  original: { readonly width: number; readonly height: number },
  patches: readonly FacePatch[],
  bench: { readonly store: ImageStore; readonly context: Context },
): Promise<Image> {
  const { store, context } = bench;
  const scaleX = background.width / original.width;
  const scaleY = background.height / original.height;
  const placed: Placed[] = [];
  for (const patch of patches) {
    const put = place(background, patch, scaleX, scaleY);
    if (put !== undefined) placed.push({ ...put, grain: await missingGrain(background, put) });
  }
  return mapRows(
    background,
    { store },
    (rows, y, height) => pasteRows(rows, background, placed, { x: 0, y, width: background.width, height }),
    context,
  );
}

function place(
  background: Image,
  { toCrop, change, mask, strength }: FacePatch,
  scaleX: number,
  scaleY: number,
): Omit<Placed, 'grain'> | undefined {
  const back = invertSimilarity(toCrop);
  const toImage = thenScaled(toAffine(back), [0, 0], scaleX, scaleY);
  const rect = coveredRect(background, toImage, change.width, 0);
  const toBackground = afterScaling(toAffine(toCrop), scaleX, scaleY);
  if (!(strength > 0)) return undefined;
  // The face is smaller in the picture than in the crop: an antialiasing filter first.
  const shrink = Math.hypot(back.a, back.b) * Math.max(scaleX, scaleY);
  const sizePx = shrink < 1 ? Math.max(1, Math.round(change.width * shrink)) : change.width;
  const shrunk = resampleArray(
    { width: change.width, height: change.height, channels: change.channels as 1 | 3, pixels: change.data },
    sizePx,
    sizePx,
    'lanczos3',
  );
  const reduced: Pixels = { data: shrunk.pixels, width: sizePx, height: sizePx, channels: change.channels };
  const scaled = (size: number): Affine =>
    thenScaled(toBackground, [0, 0], size / change.width, size / change.width);
  return { rect, change: reduced, toChange: scaled(sizePx), mask, toMask: scaled(mask.sizePx), strength };
}

/** The mask over a part of the background. */
function maskOver({ mask, toMask }: Pick<Placed, 'mask' | 'toMask'>, rect: Rect): Float32Array {
  const out = new Float32Array(rect.width * rect.height);
  for (let y = 0, i = 0; y < rect.height; y++) {
    for (let x = 0; x < rect.width; x++, i++) {
      const [px, py] = [rect.x + x + 0.5, rect.y + y + 0.5];
      out[i] = samplePlane(
        mask.data,
        mask.sizePx,
        toMask.xx * px + toMask.xy * py + toMask.tx,
        toMask.yx * px + toMask.yy * py + toMask.ty,
      );
    }
  }
  return out;
}

/** The deviation of the grain that was in the background under the mask and is no longer in the pasted face. */
async function missingGrain(background: Image, placed: Omit<Placed, 'grain'>): Promise<number> {
  const rect = middleOf(placed.rect, grainWindowPx);
  const { channels } = placed.change;
  const raw = await background.read(rect);
  const before = new Float32Array(rect.width * rect.height * channels);
  for (let i = 0; i < before.length; i++)
    before[i] = raw[Math.floor(i / channels) * background.channels + (i % channels)]!;
  const weights = maskOver(placed, rect);
  const change = warpPixels(placed.change, placed.toChange, rect, 'zero', weights);
  const after = before.map((value, i) => value + weights[Math.floor(i / channels)]! * change[i]!);
  const window = { width: rect.width, height: rect.height, weights };
  const grain = (data: Float32Array): number =>
    grainOf(grayOf({ data, width: rect.width, height: rect.height, channels }), window);
  return Math.min(strongestGrain, Math.sqrt(Math.max(0, grain(before) ** 2 - grain(after) ** 2)));
}

function middleOf(rect: Rect, longestPx: number): Rect {
  const width = Math.min(rect.width, longestPx);
  const height = Math.min(rect.height, longestPx);
  return {
    x: rect.x + ((rect.width - width) >> 1),
    y: rect.y + ((rect.height - height) >> 1),
    width,
    height,
  };
}

function pasteRows(
  rows: Float32Array,
  background: Image,
  placed: readonly Placed[],
  strip: Rect,
): Float32Array {
  const here = placed.flatMap((face) => {
    const rect = cut(face.rect, strip);
    return rect === undefined ? [] : [{ face, rect }];
  });
  if (here.length === 0) return rows;
  const colors = colorChannels(background);
  const changes = new Float32Array(strip.width * strip.height * colors);
  const cover = new Float32Array(strip.width * strip.height);
  for (const { face, rect } of here) addChange(face, rect, strip, colors, changes, cover);
  for (let i = 0; i < cover.length; i++) {
    if (cover[i] === 0) continue;
    const share = 1 / Math.max(1, cover[i]!);
    for (let c = 0; c < colors; c++) {
      const at = i * background.channels + c;
      const value = rows[at]!;
      const change = changes[i * colors + c]! * share;
      if (change !== 0) rows[at] = Math.min(Math.max(1, value), Math.max(Math.min(0, value), value + change));
    }
  }
  return rows;
}

function addChange(
  face: Placed,
  rect: Rect,
  strip: Rect,
  colors: number,
  changes: Float32Array,
  cover: Float32Array,
): void {
  const mask = maskOver(face, rect);
  const change = warpPixels(face.change, face.toChange, rect, 'zero', mask);
  for (let y = 0, i = 0; y < rect.height; y++) {
    for (let x = 0; x < rect.width; x++, i++) {
      const weight = mask[i]!;
      if (weight === 0) continue;
      const grain = face.grain === 0 ? 0 : face.grain * grainAt(rect.x + x, rect.y + y);
      const at = (rect.y - strip.y + y) * strip.width + rect.x - strip.x + x;
      cover[at]! += weight;
      for (let c = 0; c < colors; c++)
        changes[at * colors + c]! += face.strength * weight * (change[i * colors + c]! + grain);
    }
  }
}

function cut(a: Rect, b: Rect): Rect | undefined {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : undefined;
}
