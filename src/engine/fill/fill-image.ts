import { HeirloomError } from '../../shared/failure.ts';
import type { Mask } from '../../shared/mask.ts';
import type { Context } from '../context.ts';
import { colorChannels, hasAlpha, type Image, type Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { mapRows } from '../image/map-rows.ts';
import { coarseFill, type CoarseFill, guideFrom, partOf } from './coarse-fill.ts';
import { needsNetwork } from './choose-method.ts';
import { fillByMethod, type HoleOptions } from './fill-by-method.ts';
import { contextBox, findRegions, tilesOf } from './mask-regions.ts';
import type { HoleImage } from './patch-level.ts';
import { type Patch, patchedImage } from './patched-image.ts';
import { checkMaskSize, rasterizeMask } from '../../shared/raster/rasterize-mask.ts';

export interface FillImageOptions extends Omit<HoleOptions, 'isHurried' | 'guide' | 'onDraft'> {
  readonly store: ImageStore;
  /** Hears now and then what all places look like so far: finished boxes, and below them what a coarse filling or a network drew. */
  onDraft?(patches: readonly Patch[]): void;
}

/** One box to fill at once. */
interface Piece {
  readonly box: Rect;
  readonly guide?: CoarseFill;
}

/** With more places than this, hair-thin ones are filled the fast way. */
const manyBoxes = 250;
/** Larger boxes are filled in tiles. */
const largestBoxPx = 1100;
const tilePx = 384;
/** Boxes of this side that are mostly not selected (long scratches) are filled in tiles as well. */
const sparseBoxPx = 320;
const sparseShare = 0.15;
/** Larger boxes are not drafted: it would take as much memory as the filling itself. */
const mostDraftPixels = 4e6;
/** Selected pixels this far outside of a piece are filled with it but not kept, so that pieces fit together. */
const overlapPx = 8;

/**
 * Fills what a mask selects from what surrounds it. Pixels the mask does not touch come out bit-identical, alpha everywhere; sample type
 * and size stay. Memory is bounded by the selected regions, the rest of the picture is copied in strips.
 *
 * @returns a new picture, or `image` itself when nothing is selected.
 * @throws HeirloomError `bad-input` when everything is selected or the mask does not fit the picture; CancelledError.
 */
export async function fillImage(
  image: Image,
  mask: Mask,
  options: FillImageOptions,
  context: Context,
): Promise<Image> {
  const patches = await fillPatches(image, mask, options, context.part(0, 0.9));
  if (patches.length === 0) return image;
  return mapRows(
    patchedImage(image, patches),
    { store: options.store, sampleType: image.sampleType },
    (rows) => rows,
    context.part(0.9, 1),
  );
}

/**
 * What `fillImage` would change, without a copy of the rest: the filled boxes, to be seen through `patchedImage`. None when nothing is
 * selected.
 *
 * @throws HeirloomError `bad-input` when everything is selected or the mask does not fit the picture, `missing-model` when the method needs a
 *   network; CancelledError.
 */
export async function fillPatches(
  image: Image,
  mask: Mask,
  { onDraft, ...options }: Omit<FillImageOptions, 'store'>,
  context: Context,
): Promise<readonly Patch[]> {
  checkMaskSize(mask, image);
  if (options.network === undefined && needsNetwork(options.method)) {
    throw new HeirloomError(
      'missing-model',
      'There is no model for filling on this machine.',
      'Add one, such as LaMa or MI-GAN, in the models panel, or fill with patches of the surroundings.',
    );
  }
  const finding = context.part(0, 0.05);
  const { boxes, selectedPixels } = findRegions(mask, image, (done) => finding.report(done));
  if (selectedPixels === 0) return [];
  if (selectedPixels === image.width * image.height) {
    // Of a part of a picture (a preview) all may well be selected: there is nothing to see yet.
    if (mask.window !== undefined) return [];
    throw new HeirloomError(
      'bad-input',
      'The mask selects the whole picture, so there is nothing left to fill it from.',
      'Select only what should go.',
    );
  }
  const patches: Patch[] = [];
  const isHurried = boxes.length > manyBoxes;
  const view = patchedImage(image, patches);
  const filling = context.part(0.05, 1);
  const pixels = boxes.reduce((sum, box) => sum + box.width * box.height, 0);
  let done = 0;
  for (const box of boxes) {
    const share = (box.width * box.height) / pixels;
    const part = filling.part(done, done + share);
    let rough: readonly Patch[] = [];
    const tell = async (coarse?: CoarseFill): Promise<void> => {
      if (onDraft === undefined) return;
      if (coarse !== undefined) rough = await roughPatches(coarse, box, view, mask);
      onDraft([...rough, ...patches]);
    };
    const pieces = await piecesOf(box, view, mask, async (rect, factor, coarse) => {
      const at = { rect, factor, width: coarse.width, height: coarse.height };
      const own = { ...options, isHurried: false, seed: options.seed + 7919 * patches.length };
      const pixels = await fillByMethod(
        coarse,
        { ...own, onDraft: (drawn) => tell({ ...at, pixels: drawn }) },
        part.part(0, 0.3),
      );
      await tell({ ...at, pixels });
      return pixels;
    });
    for (const [index, piece] of pieces.entries()) {
      const own =
        pieces.length === 1
          ? part
          : part.part(0.3 + (0.7 * index) / pieces.length, 0.3 + (0.7 * (index + 1)) / pieces.length);
      const patch = await fillPiece(
        piece,
        view,
        mask,
        patches,
        {
          ...options,
          isHurried,
          seed: options.seed + 7919 * patches.length,
          ...(pieces.length === 1 ? { onDraft: (drawn: CoarseFill) => tell(drawn) } : {}),
        },
        own,
      );
      if (patch !== undefined) patches.push(patch);
      own.report(1);
      // After the last piece the result itself follows.
      if (index < pieces.length - 1 || box !== boxes.at(-1)) await tell();
    }
    done += share;
  }
  return patches;
}

/** A box as it is filled: at once, in tiles, or coarsely first and then in tiles that follow it. */
async function piecesOf(
  box: Rect,
  view: Image,
  mask: Mask,
  fillCoarse: (rect: Rect, factor: number, image: HoleImage) => Promise<Float32Array>,
): Promise<readonly Piece[]> {
  const side = Math.max(box.width, box.height);
  if (side <= sparseBoxPx) return [{ box }];
  const share = selectedShare(box, view, mask);
  if (share < sparseShare) return tilesOf(box, tilePx).map((tile) => ({ box: tile }));
  if (side <= largestBoxPx) return [{ box }];
  const [around, factor] = [contextBox(box, view), Math.ceil(side / 700)];
  const guide = await coarseFill(view, mask, around, factor, (image) => fillCoarse(around, factor, image));
  return tilesOf(box, tilePx).map((tile) => (guide === undefined ? { box: tile } : { box: tile, guide }));
}

/** A box as a coarse filling shows it. */
async function roughPatches(coarse: CoarseFill, box: Rect, view: Image, mask: Mask): Promise<readonly Patch[]> {
  if (box.width * box.height > mostDraftPixels) return [];
  const coverage = rasterizeMask(mask, view, box);
  const drawn = partOf(coarse, box, colorChannels(view));
  return [patchOf(box, box, view, await view.read(box), drawn, coverage)];
}

function selectedShare(box: Rect, size: Image, mask: Mask): number {
  let count = 0;
  for (const strip of tilesOf(box, 1024))
    for (const value of rasterizeMask(mask, size, strip)) if (value > 0) count++;
  return count / (box.width * box.height);
}

async function fillPiece(
  { box, guide }: Piece,
  view: Image,
  mask: Mask,
  before: readonly Patch[],
  { onDraft, ...options }: Omit<HoleOptions, 'onDraft'> & { onDraft?(drawn: CoarseFill): Promise<void> },
  context: Context,
): Promise<Patch | undefined> {
  const around = contextBox(box, view);
  const coverage = rasterizeMask(mask, view, around);
  const filledBefore = before.map(({ rect }) => rect).filter((rect) => meets(rect, around));
  const { hole, blocked, isEmpty } = roles(coverage, around, box, filledBefore);
  if (isEmpty) return undefined;
  const pixels = await view.read(around);
  const channels = colorChannels(view);
  const alphaAt = hasAlpha(view) ? channels : -1;
  const colors = new Float32Array(around.width * around.height * channels);
  for (let i = 0; i < hole.length; i++) {
    for (let c = 0; c < channels; c++) colors[i * channels + c] = pixels[i * view.channels + c]!;
    // Nobody knows what colors hide under transparency.
    if (alphaAt >= 0 && pixels[i * view.channels + alphaAt]! < 0.5) blocked[i] = 1;
  }
  const { width, height } = around;
  const filled = await fillByMethod(
    { width, height, channels, pixels: colors, hole, blocked },
    {
      ...options,
      ...(guide === undefined ? {} : { guide: guideFrom(guide, around, channels) }),
      onDraft: (drawn) => onDraft?.({ rect: around, factor: 1, width, height, pixels: drawn }),
    },
    context,
    // The soft edge around a hair does not make it wide.
    hole.map((value, i) => (value === 1 && coverage[i]! > 0.99 ? 1 : 0)),
  );
  return patchOf(box, around, view, pixels, filled, coverage);
}

/** What is to be invented in the context of a piece, and what is known but no source. */
function roles(
  coverage: Float32Array,
  around: Rect,
  box: Rect,
  filledBefore: readonly Rect[],
): { hole: Uint8Array; blocked: Uint8Array; isEmpty: boolean } {
  const hole = new Uint8Array(coverage.length);
  const blocked = new Uint8Array(coverage.length);
  let isEmpty = true;
  for (let y = 0, i = 0; y < around.height; y++) {
    for (let x = 0; x < around.width; x++, i++) {
      if (coverage[i] === 0) continue;
      const at = { x: x + around.x, y: y + around.y };
      if (isWithin(at, box, 0)) {
        hole[i] = 1;
        isEmpty = false;
      } else if (filledBefore.some((rect) => isWithin(at, rect, 0))) continue;
      else if (isWithin(at, box, overlapPx)) hole[i] = 1;
      else blocked[i] = 1;
    }
  }
  return { hole, blocked, isEmpty };
}

function isWithin({ x, y }: { x: number; y: number }, rect: Rect, margin: number): boolean {
  return (
    x >= rect.x - margin &&
    y >= rect.y - margin &&
    x < rect.x + rect.width + margin &&
    y < rect.y + rect.height + margin
  );
}

function meets(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** The box with the fill mixed in as far as the mask covers each pixel. */
function patchOf(
  box: Rect,
  around: Rect,
  { channels }: Image,
  pixels: Float32Array,
  filled: Float32Array,
  coverage: Float32Array,
): Patch {
  const colors = filled.length / coverage.length;
  const result = new Float32Array(box.width * box.height * channels);
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const from = (y + box.y - around.y) * around.width + x + box.x - around.x;
      const to = (y * box.width + x) * channels;
      const share = coverage[from]!;
      for (let c = 0; c < channels; c++) {
        const before = pixels[from * channels + c]!;
        result[to + c] =
          c < colors && share > 0 ? before + share * (filled[from * colors + c]! - before) : before;
      }
    }
  }
  return { rect: box, pixels: result };
}
