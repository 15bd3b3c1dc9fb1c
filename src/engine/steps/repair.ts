import type { FillMethod } from '../fill/fill-by-method.ts';
import { fillImage } from '../fill/fill-image.ts';
import { findRegions } from '../fill/mask-regions.ts';
import { fillModels, fillTools } from './fill-tools.ts';
import { remove } from './remove.ts';
import { defineStep } from './step.ts';

const params = {
  sensitivity: {
    kind: 'number',
    label: 'Sensitivity',
    help: 'How little it takes to count as damage: 0 only what is beyond doubt, 1 whatever looks like it.',
    min: 0,
    max: 1,
    step: 0.01,
    default: 0.5,
  },
  scratches: {
    kind: 'flag',
    label: 'Scratches and hairs',
    help: 'Look for scratches and hairs.',
    default: true,
  },
  dust: { kind: 'flag', label: 'Dust and spots', help: 'Look for dust and spots.', default: true },
  stains: {
    kind: 'flag',
    label: 'Stains',
    help: 'Look for stains; they are easily mistaken for what belongs to the photo.',
    default: false,
  },
  folds: { kind: 'flag', label: 'Folds and cracks', help: 'Look for folds and cracks.', default: true },
  tears: {
    kind: 'flag',
    label: 'Torn borders',
    help: 'Look for missing corners and torn borders.',
    default: true,
  },
  growPx: {
    kind: 'number',
    label: 'Grow',
    help: 'How far beyond what was found is repaired.',
    min: 0,
    max: 50,
    step: 0.5,
    default: 2,
    unit: 'px',
  },
  method: remove.params.method,
  seed: remove.params.seed,
  featherPx: { ...remove.params.featherPx, default: 1.5 },
  model: {
    kind: 'model',
    label: 'Found by',
    help: 'The network that finds scratches.',
    role: 'scratch-detect',
    default: '',
  },
} as const;

/**
 * Fills damage from its surroundings. What is damage is its mask: proposed by a search (`mask.propose`), seen and accepted in the studio.
 * Without a mask it does nothing, so nothing is ever repaired unseen.
 */
export const repair = defineStep({
  id: 'repair',
  version: 1,
  title: 'Repair',
  summary: 'Finds scratches, dust, folds and torn borders, and fills them from their surroundings.',
  params,
  strength: 'none',
  mask: 'own',
  proposesMask: true,
  // What found the damage is in the mask.
  models: (_values, hub) => fillModels('', hub),
  outputSize: (input) => ({ width: input.width, height: input.height }),
  notices: (_values, mask, input) => {
    if (mask === undefined) return ['No damage was looked for and accepted yet, so Repair changed nothing.'];
    return findRegions(mask, input).selectedPixels > 0
      ? []
      : ['Nothing is marked as damage, so Repair changed nothing.'];
  },
  run: async (image, { method, seed, featherPx }, tools, context) => {
    const { mask } = tools;
    if (mask === undefined) return image;
    const soft = { ...mask, featherPx: mask.featherPx + featherPx };
    return fillImage(
      image,
      soft,
      { method: method as FillMethod, seed, ...(await fillTools('', tools)) },
      context,
    );
  },
});
