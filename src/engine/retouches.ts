import { createHash } from 'node:crypto';
import type { ImageLayer, RetouchDraft } from '../shared/contract.ts';
import { HeirloomError } from '../shared/failure.ts';
import { checkParams } from '../shared/params.ts';
import type { Recipe } from '../shared/recipe.ts';
import type { Removal } from '../shared/removal.ts';
import type { Context } from './context.ts';
import { cropImage } from './image/crop-image.ts';
import type { Image, Rect } from './image/image.ts';
import type { ImageShelf } from './image-shelf.ts';
import { type Patch, patchedImage } from './fill/patched-image.ts';
import { carryOutRemovals } from './steps/carry-out-removals.ts';
import type { FilledRemoval } from './steps/removal-cache.ts';
import { remove, removalsOfUse, removalWork } from './steps/remove.ts';
import { type RecipeBench, recipeKey, runRecipe, stepTools } from './steps/run-recipe.ts';

interface RetouchedPhoto {
  readonly id: string;
  readonly image: Image;
  readonly key: string;
  readonly bench: RecipeBench;
}

/**
 * Layers begin and end at multiples of this, so that their coarser levels are made of the same pixels as those of the photo they lie on,
 * and some of the photo lies around what was filled.
 */
const gridPx = 64;
const marginPx = 16;
/** So many of the newest results and drafts of a photo are kept: earlier ones may still be on the screen while the next are loaded. */
const mostShown = 4;
/** Drafts follow one another at least so far apart. */
const draftsApartMs = 400;

/** A patch and what names its pixels. */
type NamedPatch = Patch & { readonly key: string };
/** The photo, the picture under its removals, and what names that. */
interface Basis {
  readonly photo: RetouchedPhoto;
  readonly image: Image;
  readonly key: string;
}

/** Shows what removals do to a photo as small pictures to be laid over it; what did not change keeps its picture. */
export class Retouches {
  readonly #shelf: ImageShelf;
  /** By photo: the layers of the newest results and drafts. */
  readonly #shown = new Map<string, ReadonlyMap<string, ImageLayer>[]>();
  #drafts = 0;

  constructor(shelf: ImageShelf) {
    this.#shelf = shelf;
  }

  /**
   * @param onDraft hears what can be shown before everything is done, at first soon and then now and then.
   * @throws HeirloomError `bad-input` when the recipe has no such use; whatever carrying it out throws; CancelledError.
   */
  async show(
    photo: RetouchedPhoto,
    recipe: Recipe,
    id: string,
    context: Context,
    onDraft: (draft: RetouchDraft) => void = () => {},
  ): Promise<readonly ImageLayer[]> {
    const at = recipe.steps.findIndex((use) => use.id === id && use.step === remove.id);
    const use = recipe.steps[at];
    if (use === undefined)
      throw new HeirloomError(
        'bad-input',
        'The recipe has no such step to remove things by.',
        'Add the step Remove.',
      );
    const { bench } = photo;
    const before = { ...recipe, steps: recipe.steps.slice(0, at) };
    const isFirst = !before.steps.some((each) => each.enabled && each.strength > 0);
    const base = await runRecipe(photo.image, photo.key, before, bench, context.part(0, isFirst ? 0 : 0.5));
    try {
      const inputKey = recipeKey(photo.key, before, bench);
      const values = checkParams(remove.params, use.params, remove.title);
      const work = await removalWork(values, stepTools(inputKey, use, [], bench));
      const removals = removalsOfUse(use.mask, use.entries ?? [], values.seed);
      const rest = context.part(isFirst ? 0 : 0.5, 1);
      rest.report(0, 'Filling');
      const basis = { photo, image: base, key: inputKey };
      const draw = (done: readonly FilledRemoval[], next: Removal, patches: readonly Patch[]): void => {
        const drawn = patches.map((patch) => ({ ...patch, key: `draft ${++this.#drafts}` }));
        const layers = this.#lay(basis, [...namedPatches(done), ...drawn]);
        rest.report(0, 'Drafted; refining');
        onDraft({ layers, removals: [...removals.slice(0, done.length), next].map((removal) => removal.id) });
      };
      const filled = await carryOutRemovals(base, removals, { ...work, onDraft: apart(draw) }, rest);
      return this.#lay(basis, namedPatches(filled));
    } finally {
      bench.cache.release(base);
    }
  }

  /** Lets go of everything of a photo. */
  forget(photo: string): void {
    for (const layers of this.#shown.get(photo) ?? [])
      for (const { image } of layers.values()) this.#shelf.take(image.id);
    this.#shown.delete(photo);
  }

  clear(): void {
    for (const photo of [...this.#shown.keys()]) this.forget(photo);
  }

  /** Puts on the shelf what patches change, in layers of their own where they lie apart. */
  #lay({ photo, image, key: inputKey }: Basis, patches: readonly NamedPatch[]): readonly ImageLayer[] {
    const view = patchedImage(image, patches);
    const layers = new Map<string, ImageLayer>();
    for (const rect of joined(patches.map((patch) => aligned(patch.rect, image)))) {
      const keys = patches.filter((patch) => meets(patch.rect, rect)).map((patch) => patch.key);
      const key = createHash('sha256')
        .update(JSON.stringify([inputKey, rect, keys]))
        .digest('hex');
      layers.set(key, this.#known(photo.id, key) ?? this.#put(photo, image, view, rect));
    }
    this.#keep(photo.id, layers);
    return [...layers.values()];
  }

  #known(photo: string, key: string): ImageLayer | undefined {
    return this.#shown
      .get(photo)
      ?.find((layers) => layers.has(key))
      ?.get(key);
  }

  #put({ image, bench }: RetouchedPhoto, base: Image, view: Image, rect: Rect): ImageLayer {
    bench.cache.retain(base);
    const scale = image.width / base.width;
    return {
      image: this.#shelf.put(cropImage(view, rect), () => bench.cache.release(base)),
      rect: { x: rect.x * scale, y: rect.y * scale, width: rect.width * scale, height: rect.height * scale },
    };
  }

  #keep(photo: string, layers: ReadonlyMap<string, ImageLayer>): void {
    const all = [layers, ...(this.#shown.get(photo) ?? [])];
    const kept = all.slice(0, mostShown);
    this.#shown.set(photo, kept);
    for (const old of all.slice(mostShown))
      for (const [key, { image }] of old) if (!kept.some((each) => each.has(key))) this.#shelf.take(image.id);
  }
}

function namedPatches(filled: readonly FilledRemoval[]): readonly NamedPatch[] {
  return filled.flatMap((each) => each.patches.map((patch) => ({ ...patch, key: each.key })));
}

/** Lets calls through that are far enough from the one before. */
function apart<A extends readonly unknown[]>(call: (...args: A) => void): (...args: A) => void {
  let last = -Infinity;
  return (...args) => {
    const now = performance.now();
    if (now - last < draftsApartMs) return;
    last = now;
    call(...args);
  };
}

function aligned({ x, y, width, height }: Rect, size: Image): Rect {
  const down = (at: number): number => Math.max(0, Math.floor((at - marginPx) / gridPx) * gridPx);
  const up = (at: number, most: number): number =>
    Math.min(most, Math.ceil((at + marginPx) / gridPx) * gridPx);
  const [left, top] = [down(x), down(y)];
  return {
    x: left,
    y: top,
    width: up(x + width, size.width) - left,
    height: up(y + height, size.height) - top,
  };
}

/** Unites rectangles that overlap, until none does. */
function joined(rects: readonly Rect[]): readonly Rect[] {
  const result: Rect[] = [];
  for (let rect of rects) {
    for (let i = 0; i < result.length;) {
      if (!meets(result[i]!, rect)) i++;
      else {
        rect = unite(rect, result[i]!);
        result.splice(i, 1);
        // What is larger now may meet those that were passed.
        i = 0;
      }
    }
    result.push(rect);
  }
  return result;
}

function unite(a: Rect, b: Rect): Rect {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}

function meets(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
