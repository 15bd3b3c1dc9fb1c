import { emptyMask, type Mask, type MaskShape } from '../../shared/mask.ts';
import type { Recipe, StepUse } from '../../shared/recipe.ts';
import type { Size } from '../../shared/rect.ts';

/** Which mask of a recipe is meant: that of a step use, or of one of the removals it holds. */
export interface MaskTarget {
  readonly use: string;
  readonly entry?: string;
}

/** Masks changed one way each; the mask given is never touched. */

/** Paints a shape so that it adds to what is selected (or takes from it), also where the mask is inverted. */
export function withShape(mask: Mask, shape: MaskShape): Mask {
  return { ...mask, shapes: [...mask.shapes, mask.invert ? { ...shape, erase: !shape.erase } : shape] };
}

/** Nothing is selected any more; how the mask acts stays. */
export function cleared(mask: Mask): Mask {
  return { ...mask, shapes: [], invert: false, growPx: 0, featherPx: 0 };
}

/** True when nothing was painted that could select anything. */
export function selectsNothing(mask: Mask): boolean {
  return !mask.invert && !mask.shapes.some((shape) => !shape.erase);
}

/** A mask that came from elsewhere takes the place of the shapes; how the mask acts stays. */
export function withSelectionOf(mask: Mask, other: Mask): Mask {
  return { ...other, mode: mask.mode };
}

export function maskAt(recipe: Recipe, target: MaskTarget): Mask | undefined {
  const use = recipe.steps.find(({ id }) => id === target.use);
  return target.entry === undefined ? use?.mask : use?.entries?.find(({ id }) => id === target.entry)?.mask;
}

/** Gives a use or a removal another mask; without one a use acts everywhere. */
export function withMaskAt(recipe: Recipe, target: MaskTarget, mask: Mask | undefined): Recipe {
  return {
    ...recipe,
    steps: recipe.steps.map((use) => (use.id === target.use ? changed(use, target, mask) : use)),
  };
}

function changed(use: StepUse, { entry }: MaskTarget, mask: Mask | undefined): StepUse {
  if (entry === undefined) {
    const { mask: _before, ...rest } = use;
    return mask === undefined ? rest : { ...rest, mask };
  }
  if (mask === undefined || use.entries === undefined) return use;
  return { ...use, entries: use.entries.map((each) => (each.id === entry ? { ...each, mask } : each)) };
}

/** The mask at a target, or one to begin with, for a photo of this size. */
export function maskToEdit(recipe: Recipe, target: MaskTarget, size: Size): Mask {
  return maskAt(recipe, target) ?? emptyMask(size);
}
