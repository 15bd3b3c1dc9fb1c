import strengthsFile from '../../../training/strengths.json' with { type: 'json' };
import { HeirloomError } from '../../shared/failure.ts';
import type { ImageStore } from '../image/image-store.ts';
import { fullRect, type Image } from '../image/image.ts';
import { applyLevels, highOrder, oldPhoto, singleOrder, type DamageLevels } from './degrade-chains.ts';
import { cutPixels, readPixels, type Pixels } from './pixels.ts';
import { createRandom } from './random.ts';

/** The fixed strengths that results are measured at, from `training/strengths.json`. */
export const damageStrengths: readonly (DamageLevels & { readonly name: string })[] = strengthsFile.strengths;

/** Drawn damages: Real-ESRGAN's chain, its single-stage relative, and what time and scanners do to prints. */
export const damageRecipes = ['real-esrgan', 'single-order', 'old-photo'] as const;
export type DamageRecipe = (typeof damageRecipes)[number];

/** The scale and seed of the evaluation. */
export const damageDefaults = { scale: strengthsFile.scale, seed: strengthsFile.seed } as const;

export interface DegradeOptions {
  /** A name of `damageStrengths` or `damageRecipes`, or levels of one's own. */
  readonly damage: string | DamageLevels;
  /** Whole number; the same seed gives the same picture. */
  readonly seed?: number;
  /** How many times smaller each side becomes: a whole number, 1 to 8. */
  readonly scale?: number;
}

/**
 * A degraded copy, rounded to 8 bit. Sides are cut to multiples of the scale before.
 *
 * @throws HeirloomError `bad-input` for an unknown name, a scale or seed out of range, or a picture smaller than the scale.
 */
export async function degradePixels(pixels: Pixels, options: DegradeOptions): Promise<Pixels> {
  const { seed = damageDefaults.seed, scale = damageDefaults.scale } = options;
  if (!Number.isInteger(scale) || scale < 1 || scale > 8) {
    throw new HeirloomError('bad-input', `The scale should be a whole number from 1 to 8, but is ${scale}.`);
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new HeirloomError('bad-input', `The seed should be a whole number from 0 up, but is ${seed}.`);
  }
  const width = pixels.width - (pixels.width % scale);
  const height = pixels.height - (pixels.height % scale);
  if (width === 0 || height === 0) {
    throw new HeirloomError('bad-input', `A picture of ${pixels.width}×${pixels.height} cannot be made ${scale} times smaller.`, 'Choose a smaller scale.');
  }
  const cut = cutPixels(pixels, { x: 0, y: 0, width, height });
  const levels = typeof options.damage === 'string' ? damageStrengths.find(({ name }) => name === options.damage) : options.damage;
  if (levels !== undefined) return applyLevels(cut, levels, scale, seed);
  const random = createRandom(seed);
  switch (recipeNamed(options.damage as string)) {
    case 'real-esrgan':
      return highOrder(cut, scale, random);
    case 'single-order':
      return singleOrder(cut, scale, random);
    case 'old-photo':
      return oldPhoto(cut, scale, random);
  }
}

function recipeNamed(name: string): DamageRecipe {
  const recipe = damageRecipes.find((known) => known === name);
  if (recipe !== undefined) return recipe;
  const known = [...damageStrengths.map((strength) => strength.name), ...damageRecipes].join(', ');
  throw new HeirloomError('bad-input', `There is no damage called "${name}".`, `Choose one of ${known}.`);
}

/**
 * `degradePixels` on a photo; the result is a new 8-bit picture of `store`, without alpha.
 *
 * @throws HeirloomError `bad-input` as there, and for a photo of more than 64 megapixels.
 */
export async function degradePhoto(image: Image, options: DegradeOptions, store: ImageStore): Promise<Image> {
  const { width, height, channels, data } = await degradePixels(await readPixels(image, fullRect(image)), options);
  const writer = await store.create({ width, height, channels, sampleType: 'u8' });
  try {
    await writer.append(data);
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
