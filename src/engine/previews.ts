import type { ImageInfo, Preview } from '../shared/contract.ts';
import { CancelledError, toFailure } from '../shared/failure.ts';
import { faceEditsForPart } from '../shared/face-edit.ts';
import { maskForPart } from '../shared/mask.ts';
import { checkParams } from '../shared/params.ts';
import type { Recipe } from '../shared/recipe.ts';
import { createContext } from './context.ts';
import { cropImage } from './image/crop-image.ts';
import { fullRect, type Image, type Rect } from './image/image.ts';
import type { ImageShelf } from './image-shelf.ts';
import { findStep } from './steps/registry.ts';
import { type RecipeBench, recipeKey, runRecipe } from './steps/run-recipe.ts';
import { StepCache } from './steps/step-cache.ts';

export interface PreviewRequest {
  readonly request: string;
  readonly photo: string;
  readonly recipe: Recipe;
  readonly rect: Rect;
}

/** A photo a preview is made of. */
export interface PreviewSource {
  readonly image: Image;
  readonly key: string;
  readonly bench: Omit<RecipeBench, 'cache'>;
  /** What one use must see whole where it is seen at all (faces), in shares of the photo's sides. */
  framesOf?(use: string): readonly Rect[];
}

/** Regions larger than this get their middle first. */
const coarseFromPixels = 200 * 200;
const coarseSidePx = 128;
const cacheBytes = 128 * 2 ** 20;

/** Pixels for the visible region only; the newest request of a photo wins, older ones are dropped or stopped within a tile. */
export class Previews {
  readonly #shelf: ImageShelf;
  readonly #tell: (preview: Preview) => void;
  readonly #cache = new StepCache(cacheBytes);
  readonly #running = new Map<string, AbortController>();
  readonly #shown = new Map<string, string[]>();

  constructor(shelf: ImageShelf, tell: (preview: Preview) => void) {
    this.#shelf = shelf;
    this.#tell = tell;
  }

  request(request: PreviewRequest, source: PreviewSource): void {
    this.cancel(request.photo);
    const abort = new AbortController();
    this.#running.set(request.photo, abort);
    void this.#carryOut(request, source, abort.signal).finally(() => {
      if (this.#running.get(request.photo) === abort) this.#running.delete(request.photo);
    });
  }

  cancel(photo: string): void {
    this.#running.get(photo)?.abort();
    this.#running.delete(photo);
  }

  /** Stops and forgets everything of a photo. */
  forget(photo: string): void {
    this.cancel(photo);
    for (const id of this.#shown.get(photo) ?? []) this.#shelf.take(id);
    this.#shown.delete(photo);
  }

  clear(): void {
    for (const photo of new Set([...this.#running.keys(), ...this.#shown.keys()])) this.forget(photo);
    this.#cache.clear();
  }

  async #carryOut(request: PreviewRequest, source: PreviewSource, signal: AbortSignal): Promise<void> {
    const started = performance.now();
    const rect = clip(request.rect, source.image);
    const tell = (state: Preview['state'], more: Partial<Preview>): void =>
      this.#tell({ request: request.request, state, rect, elapsedMs: performance.now() - started, ...more });
    try {
      if (rect.width * rect.height > coarseFromPixels) {
        const middle = centerOf(rect);
        tell('coarse', { rect: middle, image: await this.#render(request, source, middle, signal) });
      }
      tell('final', { image: await this.#render(request, source, rect, signal) });
    } catch (error) {
      if (signal.aborted || error instanceof CancelledError) tell('superseded', {});
      else tell('failed', { failure: toFailure(error) });
    }
  }

  async #render(request: PreviewRequest, source: PreviewSource, rect: Rect, signal: AbortSignal): Promise<ImageInfo> {
    const context = createContext(signal);
    context.report(0);
    const bench = { ...source.bench, cache: this.#cache };
    const [before, after] = splitRecipe(request.recipe);
    // A window onto the photo, which is not this cache's to let go.
    const photo = cropImage(source.image, fullRect(source.image));
    const whole = await runRecipe(photo, source.key, before, bench, context.part(0, 0.5));
    try {
      const seen = scaled(rect, whole.width / source.image.width, whole);
      const marginPx = await contextAround(after, source.bench.models);
      const around = clip({ x: seen.x - marginPx, y: seen.y - marginPx, width: seen.width + 2 * marginPx, height: seen.height + 2 * marginPx }, whole);
      const frames = after.steps.flatMap((use) => (use.enabled && use.strength > 0 ? (source.framesOf?.(use.id) ?? []) : []));
      const grown = frames.reduce((area, frame) => withFrame(area, inPixels(frame, whole), seen, whole), around);
      const key = `${recipeKey(source.key, before, bench)}:${grown.x},${grown.y},${grown.width},${grown.height}`;
      const original = { image: source.image, part: scaled(grown, source.image.width / whole.width, source.image) };
      const result = await runRecipe(cropImage(whole, grown), key, forPart(after, whole, grown), { ...bench, original }, context.part(0.5, 1));
      const inside = { ...seen, x: seen.x - grown.x, y: seen.y - grown.y };
      const window = scaled(inside, result.width / grown.width, result);
      this.#cache.retain(whole);
      return this.#show(request.photo, cropImage(result, window), () => {
        this.#cache.release(result);
        this.#cache.release(whole);
      });
    } finally {
      this.#cache.release(whole);
    }
  }

  #show(photo: string, image: Image, release: () => void): ImageInfo {
    const info = this.#shelf.put(image, release);
    const shown = [...(this.#shown.get(photo) ?? []), info.id];
    // The two newest may still be fetched by the viewer.
    for (const old of shown.splice(0, Math.max(0, shown.length - 3))) this.#shelf.take(old);
    this.#shown.set(photo, shown);
    return info;
  }
}

/** `area` with the whole of `frame`, if that meets what is seen. */
function withFrame(area: Rect, frame: Rect, seen: Rect, image: Image): Rect {
  const meets = frame.x < seen.x + seen.width && seen.x < frame.x + frame.width && frame.y < seen.y + seen.height && seen.y < frame.y + frame.height;
  if (!meets) return area;
  const [x, y] = [Math.min(area.x, frame.x), Math.min(area.y, frame.y)];
  const right = Math.max(area.x + area.width, frame.x + frame.width);
  const bottom = Math.max(area.y + area.height, frame.y + frame.height);
  return clip({ x, y, width: right - x, height: bottom - y }, image);
}

function inPixels(share: Rect, { width, height }: Image): Rect {
  const [x, y] = [Math.floor(share.x * width), Math.floor(share.y * height)];
  return { x, y, width: Math.ceil((share.x + share.width) * width) - x, height: Math.ceil((share.y + share.height) * height) - y };
}

/** A recipe in two: up to the last step that must see the whole picture, and the rest. */
function splitRecipe(recipe: Recipe): readonly [Recipe, Recipe] {
  const last = recipe.steps.findLastIndex((use) => use.enabled && use.strength > 0 && findStep(use.step).needsWhole === true);
  return [
    { ...recipe, steps: recipe.steps.slice(0, last + 1) },
    { ...recipe, steps: recipe.steps.slice(last + 1) },
  ];
}

/** What all steps together must see around the region, so that the preview shows the final pixels. */
async function contextAround(recipe: Recipe, models: RecipeBench['models']): Promise<number> {
  let sum = 0;
  for (const use of recipe.steps) {
    if (!use.enabled || use.strength === 0) continue;
    const step = findStep(use.step);
    sum += (await step.contextPx?.(checkParams(step.params, use.params, step.title), models)) ?? 0;
  }
  return sum;
}

function forPart(recipe: Recipe, whole: Image, part: Rect): Recipe {
  let size = { width: whole.width, height: whole.height };
  const steps = recipe.steps.map((use) => {
    const step = findStep(use.step);
    const values = checkParams(step.params, use.params, step.title);
    const params = step.forPart?.(values, size) ?? values;
    if (use.enabled && use.strength > 0) size = step.outputSize(size, values, { dpi: undefined });
    // Part and whole are of the same proportions to each other before and after every step, so that the first ones do.
    const mask = use.mask === undefined ? {} : { mask: maskForPart(use.mask, part, whole) };
    const faces = use.faces === undefined ? {} : { faces: faceEditsForPart(use.faces, part, whole) };
    return { ...use, params, ...mask, ...faces };
  });
  return { ...recipe, steps };
}

function scaled(rect: Rect, scale: number, image: Image): Rect {
  return clip({ x: Math.round(rect.x * scale), y: Math.round(rect.y * scale), width: Math.round(rect.width * scale), height: Math.round(rect.height * scale) }, image);
}

function clip(rect: Rect, image: { readonly width: number; readonly height: number }): Rect {
  const x = Math.min(Math.max(0, rect.x), image.width - 1);
  const y = Math.min(Math.max(0, rect.y), image.height - 1);
  return { x, y, width: Math.max(1, Math.min(rect.x + rect.width, image.width) - x), height: Math.max(1, Math.min(rect.y + rect.height, image.height) - y) };
}

function centerOf(rect: Rect): Rect {
  const width = Math.min(rect.width, coarseSidePx);
  const height = Math.min(rect.height, coarseSidePx);
  return { x: rect.x + Math.floor((rect.width - width) / 2), y: rect.y + Math.floor((rect.height - height) / 2), width, height };
}
