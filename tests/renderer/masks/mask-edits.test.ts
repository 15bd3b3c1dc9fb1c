import { describe, expect, test } from 'vitest';
import {
  cleared,
  maskAt,
  selectsNothing,
  withMaskAt,
  withSelectionOf,
  withShape,
} from '../../../src/renderer/masks/mask-edits.ts';
import {
  addRemoval,
  anotherVariant,
  changeRemoval,
  dropRemoval,
  moveRemoval,
  newRemoval,
  removalName,
  removalsOf,
  removingUse,
  withRemovingUse,
} from '../../../src/renderer/masks/removal-edits.ts';
import { sameRecipe } from '../../../src/renderer/recipe-edits.ts';
import { parseRecipe } from '../../../src/shared/recipe.ts';
import { emptyMask, type MaskShape } from '../../../src/shared/mask.ts';
import { rasterizeMask } from '../../../src/shared/raster/rasterize-mask.ts';
import { recipeWith } from '../fake-studio.ts';

const size = { width: 40, height: 30 };
const box = (x: number, erase = false): MaskShape => ({
  kind: 'rectangle',
  x,
  y: 5,
  width: 10,
  height: 10,
  erase,
});
const selected = (mask: Parameters<typeof rasterizeMask>[0], x: number): number =>
  rasterizeMask(mask, size, { x, y: 8, width: 1, height: 1 })[0]!;
const step = {
  id: 'remove',
  version: 2,
  title: 'Remove',
  summary: '',
  strength: 'none',
  params: {},
  holdsEntries: true,
} as const;

describe('masks', () => {
  test('painting adds to the selection and erasing takes from it, inverted or not', () => {
    for (const invert of [false, true]) {
      const mask = { ...emptyMask(size), invert };
      const painted = withShape(mask, box(5));
      expect(selected(painted, 8)).toBe(1);
      const erased = withShape(painted, box(10, true));
      expect(selected(erased, 8)).toBe(1);
      expect(selected(erased, 12)).toBe(0);
      expect(selected(erased, 30)).toBe(invert ? 1 : 0);
    }
  });

  test('cleared selects nothing and goes on protecting', () => {
    const mask = cleared({ ...emptyMask(size), mode: 'protect', invert: true, growPx: 3, shapes: [box(3)] });
    expect(mask).toEqual({ ...emptyMask(size), mode: 'protect' });
    expect(selectsNothing(mask)).toBe(true);
    expect(selectsNothing({ ...mask, invert: true })).toBe(false);
    expect(selectsNothing({ ...mask, shapes: [box(1, true)] })).toBe(true);
    expect(withSelectionOf(mask, { ...emptyMask(size), shapes: [box(1)] })).toMatchObject({
      mode: 'protect',
      shapes: [box(1)],
    });
  });

  test('are put on a step and taken off it; the recipe given stays as it was, and one with a mask is another', () => {
    const recipe = recipeWith(0.3);
    const mask = withShape(emptyMask(size), box(5));
    const masked = withMaskAt(recipe, { use: 'enlarge-1' }, mask);
    expect(maskAt(masked, { use: 'enlarge-1' })).toBe(mask);
    expect(maskAt(recipe, { use: 'enlarge-1' })).toBeUndefined();
    expect(sameRecipe(recipe, masked)).toBe(false);
    expect(withMaskAt(masked, { use: 'enlarge-1' }, undefined)).toEqual(recipe);
  });
});

describe('removals', () => {
  const recipe = withRemovingUse(recipeWith(0.3), step);
  const use = removingUse(recipe, 'remove')!;
  const made = (kind: 'fill' | 'clone', x: number, of = recipe) =>
    addRemoval(
      of,
      use.id,
      newRemoval(removingUse(of, 'remove')!, box(x), size, {
        kind,
        ...(kind === 'clone' ? { offset: { x: 4, y: 0 } } : {}),
      }),
    );
  const ids = (of: typeof recipe): string[] => removalsOf(removingUse(of, 'remove')).map(({ id }) => id);

  test('the step comes before all others, once, and is switched on again', () => {
    expect(recipe.steps.map((each) => each.step)).toEqual(['remove', 'enlarge']);
    expect(withRemovingUse(recipe, step)).toBe(recipe);
    const off = { ...recipe, steps: recipe.steps.map((each) => ({ ...each, enabled: false })) };
    expect(withRemovingUse(off, step).steps.map((each) => [each.step, each.enabled])).toEqual([
      ['remove', true],
      ['enlarge', false],
    ]);
  });

  test('each has a mask of its own and a name of its own; all of it survives being saved', () => {
    const three = made('clone', 20, made('fill', 12, made('fill', 3)));
    expect(ids(three)).toEqual(['fill-1', 'fill-2', 'clone-1']);
    expect(removalsOf(three.steps[0]).map(removalName)).toEqual(['Removal 1', 'Removal 2', 'Clone 1']);
    expect(parseRecipe(JSON.stringify(three), 'the recipe')).toEqual(three);
  });

  test('are moved in order, filled anew, switched off and deleted', () => {
    const two = made('fill', 12, made('fill', 3));
    expect(ids(moveRemoval(two, use.id, 'fill-2', 0))).toEqual(['fill-2', 'fill-1']);
    expect(ids(moveRemoval(two, use.id, 'fill-2', 2))).toEqual(['fill-1', 'fill-2']);
    expect(ids(dropRemoval(two, use.id, 'fill-1'))).toEqual(['fill-2']);
    const again = anotherVariant(two, use.id, 'fill-2');
    expect(removalsOf(again.steps[0]).map(({ seed }) => seed)).toEqual([1, 2]);
    expect(sameRecipe(two, again)).toBe(false);
    const off = changeRemoval(again, use.id, 'fill-2', { enabled: false });
    expect(sameRecipe(off, changeRemoval(two, use.id, 'fill-2', { enabled: false }))).toBe(true);
  });
});
