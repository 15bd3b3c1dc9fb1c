import type { Recipe, StepUse } from './recipe.ts';

/** What of a step's description its place in a recipe depends on. */
export interface OrderedStep {
  readonly id: string;
  readonly behindFaces?: boolean;
}

/** Whether a use does anything. */
export function acts({ enabled, strength }: StepUse): boolean {
  return enabled && strength > 0;
}

/**
 * How many of the uses `before` a step about faces have been at the picture that its faces are taken from: all but the steps right before it that only the background
 * goes through (`behindFaces`). So faces come from the photo as it was, the background is enlarged by its own network, and faces are put in last, as Real-ESRGAN's
 * face-enhance does it.
 */
export function facesTakenAfter(
  before: readonly StepUse[],
  isBehindFaces: (step: string) => boolean,
): number {
  let taken = before.length;
  for (const [index, use] of [...before.entries()].reverse()) {
    if (!acts(use)) continue;
    if (!isBehindFaces(use.step)) break;
    taken = index;
  }
  return taken;
}

/** Adds a use of a step that is not in the recipe where a new recipe would have it: in the order of `steps`. */
export function insertUse(recipe: Recipe, added: StepUse, steps: readonly OrderedStep[]): Recipe {
  const order = (use: StepUse): number => steps.findIndex(({ id }) => id === use.step);
  const uses = recipe.steps;
  const before = uses.findIndex((use) => order(use) > order(added));
  return {
    ...recipe,
    steps: before < 0 ? [...uses, added] : [...uses.slice(0, before), added, ...uses.slice(before)],
  };
}

/** An id for one more use of a step. */
export function newUseId(recipe: Recipe, step: string): string {
  const taken = new Set(recipe.steps.map((use) => use.id));
  let number = 1;
  while (taken.has(`${step}-${number}`)) number += 1;
  return `${step}-${number}`;
}
