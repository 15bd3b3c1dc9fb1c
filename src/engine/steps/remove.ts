import type { Mask } from '../../shared/mask.ts';
import type { ParamValues } from '../../shared/params.ts';
import type { Removal } from '../../shared/removal.ts';
import type { FillMethod } from '../fill/fill-by-method.ts';
import { fillPatches } from '../fill/fill-image.ts';
import { findRegions } from '../fill/mask-regions.ts';
import { patchedImage } from '../fill/patched-image.ts';
import { carryOutRemovals, type RemovalWork } from './carry-out-removals.ts';
import { fillMethods, fillModels, fillTools } from './fill-tools.ts';
import { defineStep, type StepTools } from './step.ts';

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

/**
 * How the removals of a use with these params are carried out.
 *
 * @throws HeirloomError `missing-model` or `unsupported-model` when the network that was named cannot fill.
 */
export async function removalWork(
  { method: usual, model, featherPx }: ParamValues<typeof params>,
  tools: Pick<StepTools, 'store' | 'models' | 'filler' | 'removals'>,
): Promise<RemovalWork> {
  const { removals } = tools;
  const fill = await fillTools(model, tools);
  return {
    key: JSON.stringify([removals?.inputKey, usual, featherPx, removals && fillModels(model, tools.models)]),
    featherPx,
    fill: (image, mask, { method = usual, seed }, context, onDraft) =>
      fillPatches(
        image,
        mask,
        { ...fill, method: method as FillMethod, seed, ...(onDraft === undefined ? {} : { onDraft }) },
        context,
      ),
    ...(removals === undefined ? {} : { cache: removals.cache }),
  };
}

/** The removals a use stands for: those it holds that are on, after the one that a mask of its own says (as recipes had it first). */
export function removalsOfUse(
  mask: Mask | undefined,
  entries: readonly Removal[],
  seed: number,
): readonly Removal[] {
  const own: readonly Removal[] =
    mask === undefined ? [] : [{ id: 'mask', enabled: true, kind: 'fill', mask, seed }];
  return [...own, ...entries.filter((entry) => entry.enabled)];
}

/** Takes away what its removals (and its mask) select: scratches, dust, unwanted things. Without any it does nothing. */
export const remove = defineStep({
  id: 'remove',
  version: 2,
  title: 'Remove',
  summary: 'Takes away what you paint over and fills the place from its surroundings.',
  params,
  strength: 'none',
  mask: 'own',
  holdsEntries: true,
  needsWhole: true,
  models: ({ model }, hub) => fillModels(model, hub),
  outputSize: (input) => ({ width: input.width, height: input.height }),
  notices: ({ seed }, mask, input, entries) =>
    removalsOfUse(mask, entries, seed).some((removal) => findRegions(removal.mask, input).selectedPixels > 0)
      ? []
      : ['Nothing is selected for the step Remove, so it removed nothing.'],
  run: async (image, values, tools, context) => {
    const wanted = removalsOfUse(tools.mask, tools.entries ?? [], values.seed);
    if (wanted.length === 0) return image;
    const filled = await carryOutRemovals(image, wanted, await removalWork(values, tools), context);
    const patches = filled.flatMap((each) => each.patches);
    return patches.length === 0 ? image : patchedImage(image, patches);
  },
});
