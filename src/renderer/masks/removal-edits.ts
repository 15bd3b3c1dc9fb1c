import type { StepDescription } from '../../shared/contract.ts';
import { emptyMask, type Mask, type MaskShape } from '../../shared/mask.ts';
import type { Recipe, StepUse } from '../../shared/recipe.ts';
import type { Size } from '../../shared/rect.ts';
import type { Removal } from '../../shared/removal.ts';
import { addStep } from '../recipe-edits.ts';

export type RemovalKind = Removal['kind'];

/** Removals changed one way each; the recipe given is never touched. */

export function removalsOf(use: StepUse | undefined): readonly Removal[] {
  return use?.entries ?? [];
}

/** The use new removals go to: the first of the step that is on, or else the first. */
export function removingUse(recipe: Recipe, step: string): StepUse | undefined {
  const uses = recipe.steps.filter((use) => use.step === step);
  return uses.find((use) => use.enabled) ?? uses[0];
}

/** A recipe that has a use of the removing step, on: before everything else where it had none. */
export function withRemovingUse(recipe: Recipe, step: StepDescription): Recipe {
  const known = removingUse(recipe, step.id);
  if (known?.enabled === true) return recipe;
  if (known !== undefined)
    return { ...recipe, steps: recipe.steps.map((use) => (use === known ? { ...use, enabled: true } : use)) };
  const added = addStep(recipe, step);
  return { ...added, steps: [...added.steps.slice(-1), ...added.steps.slice(0, -1)] };
}

/** A removal of what one shape covers. */
export function newRemoval(
  use: StepUse,
  shape: MaskShape,
  size: Size,
  how: { readonly kind: RemovalKind; readonly offset?: { readonly x: number; readonly y: number } },
): Removal {
  const taken = new Set(removalsOf(use).map(({ id }) => id));
  let number = 1;
  while (taken.has(`${how.kind}-${number}`)) number += 1;
  const mask: Mask = { ...emptyMask(size), shapes: [{ ...shape, erase: false }] };
  return { id: `${how.kind}-${number}`, enabled: true, seed: 1, mask, ...how };
}

export function addRemoval(recipe: Recipe, use: string, removal: Removal): Recipe {
  return changeEntries(recipe, use, (entries) => [...entries, removal]);
}

export function changeRemoval(
  recipe: Recipe,
  use: string,
  id: string,
  change: Partial<Omit<Removal, 'id'>>,
): Recipe {
  return changeEntries(recipe, use, (entries) =>
    entries.map((entry) => (entry.id === id ? { ...entry, ...change } : entry)),
  );
}

/** Puts a removal in the place of the one with this id. */
export function replaceRemoval(recipe: Recipe, use: string, id: string, next: Removal): Recipe {
  return changeEntries(recipe, use, (entries) => entries.map((entry) => (entry.id === id ? next : entry)));
}

/** The removal is filled another way. */
export function anotherVariant(recipe: Recipe, use: string, id: string): Recipe {
  return changeEntries(recipe, use, (entries) =>
    entries.map((entry) => (entry.id === id ? { ...entry, seed: (entry.seed + 1) % 1_000_000 } : entry)),
  );
}

export function dropRemoval(recipe: Recipe, use: string, id: string): Recipe {
  return changeEntries(recipe, use, (entries) => entries.filter((entry) => entry.id !== id));
}

/** Moves a removal to another place in the order; a place outside of the list changes nothing. */
export function moveRemoval(recipe: Recipe, use: string, id: string, toIndex: number): Recipe {
  return changeEntries(recipe, use, (entries) => {
    const entry = entries.find((each) => each.id === id);
    if (entry === undefined || toIndex < 0 || toIndex >= entries.length) return entries;
    const rest = entries.filter((each) => each !== entry);
    return [...rest.slice(0, toIndex), entry, ...rest.slice(toIndex)];
  });
}

/** 'Removal 2', 'Heal 1': by kind, in the order they were made. */
export function removalName({ id, kind }: Removal): string {
  const number = /-(\d+)$/.exec(id)?.[1] ?? '';
  return `${{ fill: 'Removal', heal: 'Heal', clone: 'Clone' }[kind]} ${number}`.trim();
}

function changeEntries(
  recipe: Recipe,
  use: string,
  change: (entries: readonly Removal[]) => readonly Removal[],
): Recipe {
  return {
    ...recipe,
    steps: recipe.steps.map((each) =>
      each.id === use ? { ...each, entries: change(removalsOf(each)) } : each,
    ),
  };
}
