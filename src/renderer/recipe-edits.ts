import type { StepDescription } from '../shared/contract.ts';
import { defaultParams, type ParamValue } from '../shared/params.ts';
import type { Recipe, StepUse } from '../shared/recipe.ts';
import { insertUse, newUseId, type OrderedStep } from '../shared/recipe-order.ts';

/** Recipes changed one way each; the recipe given is never touched. */

export function sameRecipe(a: Recipe, b: Recipe): boolean {
  return JSON.stringify(effective(a)) === JSON.stringify(effective(b));
}

/** What of a recipe decides the pixels: the steps that are on, without their ids. */
function effective(recipe: Recipe): unknown {
  return recipe.steps
    .filter((use) => use.enabled)
    .map((use) => [
      use.step,
      use.version,
      use.strength,
      Object.entries(use.params).sort(([a], [b]) => (a < b ? -1 : 1)),
      use.mask,
      use.entries?.filter((entry) => entry.enabled).map(({ id: _id, ...entry }) => entry),
      use.faces,
    ]);
}

/** Adds a use of a step where a new recipe would have it in the order of `steps`; without an order, at the end. */
export function addStep(recipe: Recipe, step: StepDescription, steps: readonly OrderedStep[] = []): Recipe {
  const use: StepUse = {
    id: newUseId(recipe, step.id),
    step: step.id,
    version: step.version,
    enabled: true,
    strength: 1,
    params: defaultParams(step.params),
  };
  return insertUse(recipe, use, steps);
}

export function removeStep(recipe: Recipe, id: string): Recipe {
  return { ...recipe, steps: recipe.steps.filter((use) => use.id !== id) };
}

/** Moves a step to another place; a place outside the list changes nothing. */
export function moveStep(recipe: Recipe, id: string, toIndex: number): Recipe {
  const use = recipe.steps.find((entry) => entry.id === id);
  if (use === undefined || toIndex < 0 || toIndex >= recipe.steps.length) return recipe;
  const rest = recipe.steps.filter((entry) => entry.id !== id);
  return { ...recipe, steps: [...rest.slice(0, toIndex), use, ...rest.slice(toIndex)] };
}

export function changeStep(
  recipe: Recipe,
  id: string,
  change: Partial<Pick<StepUse, 'enabled' | 'strength'>>,
): Recipe {
  return { ...recipe, steps: recipe.steps.map((use) => (use.id === id ? { ...use, ...change } : use)) };
}

export function changeParam(recipe: Recipe, id: string, name: string, value: ParamValue): Recipe {
  return {
    ...recipe,
    steps: recipe.steps.map((use) =>
      use.id === id ? { ...use, params: { ...use.params, [name]: value } } : use,
    ),
  };
}

/** Puts a step's strength and parameters back to what the step declares. */
export function resetStep(recipe: Recipe, id: string, step: StepDescription): Recipe {
  return {
    ...recipe,
    steps: recipe.steps.map((use) =>
      use.id === id
        ? { ...use, version: step.version, strength: 1, params: defaultParams(step.params) }
        : use,
    ),
  };
}
