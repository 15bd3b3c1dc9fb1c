import { newUseId } from './recipe-order.ts';
import type { Recipe, StepUse } from './recipe.ts';

/** Since this version of the step Faces the enlargement of the background is a step of its own, before it. */
const facesAloneVersion = 3;

/**
 * A recipe as today's steps understand it, whatever wrote it. Up to its version 2 the step Faces could enlarge the background itself (`together`): that becomes the
 * step Enlarge right before it, which gives the same pixels. All else stays as it was written, the order too.
 */
export function migrateRecipe(recipe: Recipe): Recipe {
  let migrated: Recipe = { ...recipe, steps: [] };
  for (const use of recipe.steps) {
    const steps =
      use.step === 'faces' && use.version < facesAloneVersion
        ? separated(use, newUseId({ ...recipe, steps: [...recipe.steps, ...migrated.steps] }, 'enlarge'))
        : [use];
    migrated = { ...migrated, steps: [...migrated.steps, ...steps] };
  }
  return migrated;
}

function separated(use: StepUse, enlargeId: string): readonly StepUse[] {
  const { together, factor, background, alpha, ...params } = use.params;
  const faces = { ...use, version: facesAloneVersion, params };
  if (together !== true) return [faces];
  const enlarge: StepUse = {
    id: enlargeId,
    step: 'enlarge',
    version: 1,
    enabled: use.enabled,
    strength: 1,
    params: {
      ...(factor === undefined ? {} : { factor }),
      ...(background === undefined ? {} : { model: background }),
      ...(alpha === undefined ? {} : { alpha }),
    },
  };
  return [enlarge, faces];
}
