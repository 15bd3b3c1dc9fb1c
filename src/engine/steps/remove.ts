import type { FillMethod } from '../fill/fill-by-method.ts';
import { fillImage } from '../fill/fill-image.ts';
import { findRegions } from '../fill/mask-regions.ts';
import { fillMethods, fillModels, fillTools } from './fill-tools.ts';
import { defineStep } from './step.ts';

const params = {
  method: {
    kind: 'choice',
    label: 'Filled by',
    help: 'Where the new pixels come from.',
    choices: fillMethods,
    default: 'auto',
  },
  model: {
    kind: 'model',
    label: 'Network',
    help: 'The network that is asked what could be there.',
    role: 'fill',
    default: '',
  },
  seed: {
    kind: 'number',
    label: 'Variant',
    help: 'Another number gives another filling.',
    min: 0,
    max: 999_999,
    step: 1,
    default: 1,
  },
  featherPx: {
    kind: 'number',
    label: 'Soft edge',
    help: 'How far the filling fades into the photo outside of what was painted.',
    min: 0,
    max: 50,
    step: 0.5,
    default: 2,
    unit: 'px',
  },
} as const;

/** Fills what its mask selects from the surroundings: scratches, dust, unwanted things. Without a mask it does nothing. */
export const remove = defineStep({
  id: 'remove',
  version: 2,
  title: 'Remove',
  summary: 'Takes away what you paint over and fills the place from its surroundings.',
  params,
  strength: 'none',
  mask: 'own',
  models: ({ model }, hub) => fillModels(model, hub),
  outputSize: (input) => ({ width: input.width, height: input.height }),
  notices: (_values, mask, input) =>
    mask !== undefined && findRegions(mask, input).selectedPixels > 0
      ? []
      : ['Nothing is selected for the step Remove, so it removed nothing.'],
  run: async (image, { method, model, seed, featherPx }, tools, context) => {
    const { mask } = tools;
    if (mask === undefined) return image;
    const soft = { ...mask, featherPx: mask.featherPx + featherPx };
    return fillImage(image, soft, { method: method as FillMethod, seed, ...(await fillTools(model, tools)) }, context);
  },
});
