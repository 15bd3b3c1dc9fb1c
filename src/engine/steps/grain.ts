import { addGrain } from '../grain/add-grain.ts';
import { measureGrain } from '../grain/measure-grain.ts';
import { cropImage } from '../image/crop-image.ts';
import { fullRect } from '../image/image.ts';
import { defineStep } from './step.ts';

const params = {
  size: {
    kind: 'number',
    label: 'Size',
    help: 'Of the grains, compared with those of the photo: 1 is as they were.',
    min: 0.25,
    max: 4,
    step: 0.05,
    default: 1,
  },
  seed: {
    kind: 'number',
    label: 'Variant',
    help: 'Another number gives another pattern of the same grain.',
    min: 0,
    max: 999_999,
    step: 1,
    default: 1,
  },
} as const;

/** Less than a quarter of a step of 8 bit is not seen. */
const faintest = 0.25 / 255;

/**
 * Puts back the grain that the steps before took away: its strength in each tone, its size and its color are those of the photo before all
 * steps. What of it is still there is not doubled, so that a photo with its own grain comes out as it went in.
 */
export const grain = defineStep({
  id: 'grain',
  version: 1,
  title: 'Grain',
  summary: 'Puts the grain of the photo back that other steps took away.',
  params,
  strength: 'own',
  models: () => [],
  outputSize: (input) => ({ width: input.width, height: input.height }),
  run: async (image, { size, seed }, { original, store, strength }, context) => {
    const { image: photo, part } = original ?? { image, part: fullRect(image) };
    if (photo === image || strength === 0) return image;
    const factor = image.width / part.width;
    const wanted = await measureGrain(photo, store, context.part(0, 0.1));
    const isWhole = part.width === photo.width && part.height === photo.height;
    const before = isWhole
      ? wanted
      : await measureGrain(cropImage(photo, part), store, context.part(0.1, 0.15));
    const after = await measureGrain(image, store, context.part(0.15, 0.2), factor);
    const deviation = wanted.deviation.map(
      (value, level) => strength * value * missingShare(before.deviation[level]!, after.deviation[level]!),
    );
    if (deviation.every((value) => value < faintest)) return image;
    const missing = { deviation, sizePx: wanted.sizePx * factor * size, color: wanted.color };
    const origin = { x: Math.round(part.x * factor), y: Math.round(part.y * factor) };
    return addGrain(image, missing, { seed, origin, store, context: context.part(0.2, 1) });
  },
});

/** What must be added to grain of the deviation `after` to come back to `before`, as a share of that: variances add up. */
function missingShare(before: number, after: number): number {
  return before === 0 ? 0 : Math.sqrt(Math.max(0, 1 - (after / before) ** 2));
}
