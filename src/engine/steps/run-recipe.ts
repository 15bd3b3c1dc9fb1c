import { createHash } from 'node:crypto';

import { HeirloomError } from '../../shared/failure.ts';
import type { Mask } from '../../shared/mask.ts';
import { checkParams } from '../../shared/params.ts';
import type { Recipe, StepUse } from '../../shared/recipe.ts';
import { acts } from '../../shared/recipe-order.ts';
import type { Context } from '../context.ts';
import { checkMaskSize, rasterizeMask } from '../../shared/raster/rasterize-mask.ts';
import { belowPatches, withDispose } from '../fill/patched-image.ts';
import { fullRect, type Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { zipRows } from '../image/map-rows.ts';
import type { Memo } from '../memo.ts';
import type { ModelHub } from '../models/model-hub.ts';
import { findStep } from './registry.ts';
import type { RemovalCache } from './removal-cache.ts';
import type { OriginalPhoto, Size, Step, StepTools } from './step.ts';
import type { StepCache } from './step-cache.ts';

/** A picture that faces are taken from, and what identifies its pixels. */
interface FaceSource {
  readonly image: Image;
  readonly key: string;
}

/** Where a recipe runs. */
export interface RecipeBench {
  readonly store: ImageStore;
  readonly models: ModelHub;
  readonly cache: StepCache;
  /** Keeps what steps found out about their inputs. */
  readonly memo?: Memo;
  /** Where holes are filled; in the calling thread if left out. */
  readonly filler?: StepTools['filler'];
  /** Removals that were carried out before; without it each is carried out whenever its step is. */
  readonly removals?: RemovalCache;
  readonly photo: StepTools['photo'];
  /** What the image is a part of, for previews; left out, it is the photo itself. */
  readonly original?: OriginalPhoto;
}

/**
 * Carries out a recipe on `image`, whose pixels `imageKey` identifies. Results of single steps are kept in the cache: changing the last step recomputes the last step.
 *
 * The returned image is held by the cache (retained once for the caller, who must `release` it there); with no step enabled it is `image` itself.
 *
 * @throws HeirloomError `bad-input` for unknown steps or parameters, before anything is computed.
 */
export async function runRecipe(image: Image, imageKey: string, recipe: Recipe, bench: RecipeBench, context: Context): Promise<Image> {
  const uses = recipe.steps.filter(acts);
  checkRecipe(image, recipe, bench);
  const costs = uses.map((use) => (findStep(use.step).models(paramsOf(use), bench.models).length > 0 ? 20 : 1));
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  const original = bench.original ?? { image, part: fullRect(image) };
  let current = image;
  let key = imageKey;
  // What the faces of a step about them are taken from (see `facesTakenAfter`).
  let source: FaceSource = { image, key };
  let done = 0;
  bench.cache.retain(current);
  bench.cache.retain(source.image);
  try {
    for (const [index, use] of uses.entries()) {
      const cost = costs[index] as number;
      const part = context.part(done / total, (done + cost) / total);
      part.report(0, findStep(use.step).title);
      const [input, inputKey, facesFrom] = [current, key, source];
      const damage = damageLeft(uses.slice(index));
      key = stepKey(key, use, damage, bench);
      const next = await bench.cache.getOrMake(key, () => runStep(input, inputKey, use, damage, facesFrom, { ...bench, original }, part));
      bench.cache.release(current);
      current = next;
      if (findStep(use.step).behindFaces !== true) {
        bench.cache.retain(current);
        bench.cache.release(source.image);
        source = { image: current, key };
      }
      done += cost;
      part.report(1);
    }
    return current;
  } catch (error) {
    bench.cache.release(current);
    throw error;
  } finally {
    bench.cache.release(source.image);
  }
}

/** Checks every step, also those that are off, and returns the size of the result. */
export function checkRecipe(input: Size, recipe: Recipe, bench: Pick<RecipeBench, 'photo'>): Size {
  let size: Size = { width: input.width, height: input.height };
  for (const use of recipe.steps) {
    const step = findStep(use.step);
    if (use.version > step.version) {
      throw new HeirloomError('bad-input', `This recipe uses version ${use.version} of the step ${step.title}; this Heirloom has version ${step.version}.`, 'Update Heirloom to carry it out.');
    }
    const values = paramsOf(use);
    if (!acts(use)) continue;
    const next = step.outputSize(size, values, bench.photo);
    if (use.mask !== undefined) checkMask(use.mask, step, size, next);
    if (use.entries !== undefined) checkEntries(use.entries, step, values, size);
    size = next;
  }
  return size;
}

function checkMask(mask: Mask, step: Step, before: Size, after: Size): void {
  checkMaskSize(mask, before);
  if (step.mask === 'own' || (before.width === after.width && before.height === after.height)) return;
  throw new HeirloomError('bad-input', `The step ${step.title} has a mask, but changes the size of the picture, so it cannot act on a part of it only.`, 'Clear the mask of this step.');
}

function checkEntries(
  entries: NonNullable<StepUse['entries']>,
  step: Step,
  values: ReturnType<typeof paramsOf>,
  size: Size,
): void {
  if (step.holdsEntries !== true && entries.length > 0)
    throw new HeirloomError('bad-input', `The step ${step.title} holds no removals, but the recipe gives it some.`);
  if (new Set(entries.map(({ id }) => id)).size !== entries.length)
    throw new HeirloomError('bad-input', `Two removals of the step ${step.title} share one id.`);
  for (const { id, mask, kind, offset, method } of entries) {
    checkMaskSize(mask, size);
    if (method !== undefined) checkParams(step.params, { ...values, method }, `${step.title}, ${id}`);
    if (kind !== 'fill' && offset === undefined)
      throw new HeirloomError('bad-input', `The removal ${id} does not say where it copies from.`, 'Choose its source, or let it be filled.');
  }
}

/** Sentences the user should know about a recipe that passed `checkRecipe`. */
export function recipeNotices(input: Size, recipe: Recipe, bench: Pick<RecipeBench, 'photo'>): readonly string[] {
  let size: Size = { width: input.width, height: input.height };
  return recipe.steps.flatMap((use) => {
    if (!acts(use)) return [];
    const step = findStep(use.step);
    const values = paramsOf(use);
    const notices = step.notices?.(values, use.mask, size, use.entries ?? []) ?? [];
    size = step.outputSize(size, values, bench.photo);
    return notices;
  });
}

function paramsOf(use: StepUse): ReturnType<typeof checkParams> {
  const step = findStep(use.step);
  return checkParams(step.params, use.params, step.title);
}

/** What `runRecipe` knows its result by. */
export function recipeKey(imageKey: string, recipe: Recipe, bench: Pick<RecipeBench, 'models'>): string {
  const uses = recipe.steps.filter(acts);
  return uses.reduce((key, use, index) => stepKey(key, use, damageLeft(uses.slice(index)), bench), imageKey);
}

/** For a step about faces that comes first in `uses`: the masks of those after it that fill what they select. */
export function damageLeft([first, ...later]: readonly StepUse[]): readonly Mask[] {
  if (first === undefined || findStep(first.step).perFace !== true) return [];
  return later
    .filter((use) => acts(use) && findStep(use.step).mask === 'own')
    .flatMap(({ mask, entries = [] }) => [...(mask === undefined ? [] : [mask]), ...entries.filter(({ enabled }) => enabled).map((entry) => entry.mask)]);
}

function stepKey(inputKey: string, use: StepUse, damage: readonly Mask[], { models }: Pick<RecipeBench, 'models'>): string {
  const step = findStep(use.step);
  const values = paramsOf(use);
  const facts = [inputKey, step.id, step.version, values, use.strength, step.models(values, models, use.faces), use.mask, use.faces, damage, use.entries?.filter((entry) => entry.enabled)];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

/** What the step of `use` may work with on the input known by `inputKey`. */
export function stepTools(inputKey: string, use: StepUse, damage: readonly Mask[], { store, models, photo, memo, filler, removals }: RecipeBench): StepTools {
  const step = findStep(use.step);
  return {
    store,
    models,
    strength: use.strength,
    photo,
    ...(step.mask === 'own' && use.mask !== undefined ? { mask: use.mask } : {}),
    ...(step.perFace === true && use.faces !== undefined ? { faces: use.faces } : {}),
    ...(step.holdsEntries === true && use.entries !== undefined ? { entries: use.entries } : {}),
    ...(removals === undefined ? {} : { removals: { cache: removals, inputKey } }),
    ...(damage.length === 0 ? {} : { damage }),
    ...(filler === undefined ? {} : { filler }),
    ...(memo === undefined ? {} : { remember: memo.under(`${inputKey}|${step.id}`) }),
  };
}

async function runStep(image: Image, inputKey: string, use: StepUse, damage: readonly Mask[], source: FaceSource, bench: RecipeBench, context: Context): Promise<Image> {
  const step = findStep(use.step);
  const tools = step.perFace === true ? { ...stepTools(source.key, use, damage, bench), facesFrom: source.image } : stepTools(inputKey, use, damage, bench);
  const strength = step.strength === 'blend' ? use.strength : 1;
  const mask = step.mask === 'own' ? undefined : use.mask;
  const blends = strength < 1 || mask !== undefined;
  const result = await step.run(image, paramsOf(use), tools, blends ? context.part(0, 0.9) : context);
  if (!blends && belowPatches(result)?.below === image) {
    // It is seen through to its input, which must live as long as it does.
    bench.cache.retain(image);
    return withDispose(result, () => Promise.resolve(bench.cache.release(image)));
  }
  if (!blends || result === image) return result;
  return blend(image, result, { strength, mask }, bench.store, context.part(0.9, 1));
}

/** The one place where a step's effect is mixed with its input, by strength and by mask. */
async function blend(
  before: Image,
  after: Image,
  { strength, mask }: { readonly strength: number; readonly mask: Mask | undefined },
  store: ImageStore,
  context: Context,
): Promise<Image> {
  try {
    if (mask !== undefined) checkMaskSize(mask, before);
    const mix = (a: Float32Array, b: Float32Array, y: number, height: number): Float32Array => {
      if (mask === undefined) return a.map((value, i) => value + strength * ((b[i] as number) - value));
      const coverage = rasterizeMask(mask, before, { x: 0, y, width: before.width, height });
      return a.map((value, i) => {
        const share = strength * (coverage[Math.floor(i / before.channels)] as number);
        return share === 0 ? value : value + share * ((b[i] as number) - value);
      });
    };
    return await zipRows(before, after, { store }, mix, context);
  } finally {
    await after.dispose();
  }
}
