import { HeirloomError } from '../../shared/failure.ts';
import type { Mask } from '../../shared/mask.ts';
import { checkMaskSize, clipRect, rasterizeMask } from '../../shared/raster/rasterize-mask.ts';
import type { Context } from '../context.ts';
import { colorChannels, type Image, type Rect } from '../image/image.ts';
import { hideSeam } from './hide-seam.ts';
import { findRegions, tilesOf } from './mask-regions.ts';
import type { Patch } from './patched-image.ts';
import { reportTo } from './report-to.ts';
import { trustRim } from './trust-rim.ts';

export interface CloneOptions {
  /** From each pixel to the one it is covered by, in the pixels the mask speaks of. */
  readonly offset: { readonly x: number; readonly y: number };
  /** Takes the texture of the source only; tones and colors continue those at the rim of the place. */
  readonly heals: boolean;
}

/** A place that is copied is cut into pieces of this side; one that is healed is solved at once, as its rim is all around it. */
const piecePx = 1024;
/** Known pixels around a place that heal looks at. */
const rimPx = 4;

/**
 * Covers what a mask selects with what lies at an offset. Pixels whose source lies outside of the picture stay as they are, as does alpha.
 *
 * Healing keeps the gradients of the source and spreads what its tones are off by at the rim smoothly over the place (Perez, Gangnet and
 * Blake, "Poisson Image Editing", 2003: seamless cloning); where the rim crosses a strong edge, only the side like the source counts.
 *
 * @throws HeirloomError `bad-input` when the whole place has no source, or the mask does not fit the picture; CancelledError.
 */
export async function clonePatches(
  image: Image,
  mask: Mask,
  { offset, heals }: CloneOptions,
  context: Context,
): Promise<readonly Patch[]> {
  checkMaskSize(mask, image);
  const shown = mask.window ?? mask;
  const away = {
    x: Math.round((offset.x * image.width) / shown.width),
    y: Math.round((offset.y * image.height) / shown.height),
  };
  const report = reportTo(context);
  const { boxes } = findRegions(mask, image);
  const pieces = heals ? boxes : boxes.flatMap((box) => tilesOf(box, piecePx));
  const patches: Patch[] = [];
  for (const [index, box] of pieces.entries()) {
    await report(index / pieces.length);
    const patch = await (heals ? healed : copied)(image, mask, box, away);
    if (patch !== undefined) patches.push(patch);
  }
  await report(1);
  if (pieces.length > 0 && patches.length === 0)
    throw new HeirloomError(
      'bad-input',
      'The source to copy from lies outside of the photo.',
      'Choose another source, nearer to the place.',
    );
  return patches;
}

interface Offset {
  readonly x: number;
  readonly y: number;
}

/** The part of a box whose source is inside of the picture; undefined when there is none. */
function coverable(box: Rect, away: Offset, image: Image): Rect | undefined {
  const source = clipRect({ ...box, x: box.x + away.x, y: box.y + away.y }, image);
  if (source.width <= 0 || source.height <= 0) return undefined;
  return { ...source, x: source.x - away.x, y: source.y - away.y };
}

async function copied(image: Image, mask: Mask, box: Rect, away: Offset): Promise<Patch | undefined> {
  const rect = coverable(box, away, image);
  if (rect === undefined) return undefined;
  const pixels = await image.read(rect);
  const source = await image.read({ ...rect, x: rect.x + away.x, y: rect.y + away.y });
  const coverage = rasterizeMask(mask, image, rect);
  return mixed(image, rect, pixels, { rect, pixels: source }, coverage);
}

async function healed(image: Image, mask: Mask, box: Rect, away: Offset): Promise<Patch | undefined> {
  const grown = {
    x: box.x - rimPx,
    y: box.y - rimPx,
    width: box.width + 2 * rimPx,
    height: box.height + 2 * rimPx,
  };
  const rect = coverable(clipRect(grown, image), away, image);
  if (rect === undefined) return undefined;
  const pixels = await image.read(rect);
  const source = await image.read({ ...rect, x: rect.x + away.x, y: rect.y + away.y });
  const coverage = rasterizeMask(mask, image, rect);
  const hole = Uint8Array.from(coverage, (value) => (value > 0 ? 1 : 0));
  const channels = colorChannels(image);
  const filled = colorsOf(source, image.channels, channels);
  const known = colorsOf(pixels, image.channels, channels);
  const { width, height } = rect;
  const place = { width, height, channels, pixels: known, hole, blocked: new Uint8Array(hole.length) };
  const beside = calm(filled, known, hole, rect, channels);
  trustRim(beside, known, rect, channels);
  hideSeam(filled, beside, place);
  return mixed(image, rect, pixels, { rect, pixels: filled }, coverage);
}

/**
 * What the source would be at known pixels for the seam to be measured against, so that single grains at the rim do not bleed into the
 * place: the difference from the picture is the mean of the known pixels around (5×5).
 */
function calm(
  source: Float32Array,
  known: Float32Array,
  hole: Uint8Array,
  { width, height }: Rect,
  channels: number,
): Float32Array {
  const result = new Float32Array(source.length).fill(NaN);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (hole[i] === 1 || !isRim(hole, x, y, width, height)) continue;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let count = 0;
        for (let v = Math.max(0, y - 2); v <= Math.min(height - 1, y + 2); v++) {
          for (let u = Math.max(0, x - 2); u <= Math.min(width - 1, x + 2); u++) {
            const j = v * width + u;
            if (hole[j] === 1) continue;
            sum += known[j * channels + c]! - source[j * channels + c]!;
            count++;
          }
        }
        result[i * channels + c] = known[i * channels + c]! - sum / count;
      }
    }
  }
  return result;
}

/** A known pixel beside one of the place. */
function isRim(hole: Uint8Array, x: number, y: number, width: number, height: number): boolean {
  for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
    for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++)
      if (hole[v * width + u] === 1) return true;
  return false;
}

function colorsOf(pixels: Float32Array, stride: number, channels: number): Float32Array {
  if (stride === channels) return pixels.slice();
  const result = new Float32Array((pixels.length / stride) * channels);
  for (let i = 0; i < result.length; i++)
    result[i] = pixels[Math.floor(i / channels) * stride + (i % channels)]!;
  return result;
}

/** The picture's pixels with colors mixed in as far as the mask covers each; those it does not cover come out as they went in. */
function mixed(image: Image, rect: Rect, pixels: Float32Array, over: Patch, coverage: Float32Array): Patch {
  const colors = colorChannels(image);
  const stride = over.pixels.length / coverage.length;
  for (let i = 0; i < coverage.length; i++) {
    const share = coverage[i]!;
    if (share === 0) continue;
    for (let c = 0; c < colors; c++) {
      const at = i * image.channels + c;
      pixels[at]! += share * (over.pixels[i * stride + c]! - pixels[at]!);
    }
  }
  return { rect, pixels };
}
