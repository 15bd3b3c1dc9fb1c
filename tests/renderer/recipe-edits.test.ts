import { describe, expect, test } from 'vitest';
import {
  addStep,
  changeParam,
  changeStep,
  moveStep,
  removeStep,
  resetStep,
  sameRecipe,
} from '../../src/renderer/recipe-edits.ts';
import type { StepDescription } from '../../src/shared/contract.ts';
import { emptyRecipe } from '../../src/shared/recipe.ts';

const step: StepDescription = {
  id: 'tone',
  version: 2,
  title: 'Tone',
  summary: 'Brings faded prints back.',
  strength: 'own',
  params: {
    gamma: { kind: 'number', label: 'Gamma', help: 'Midtones.', min: 0.5, max: 2, step: 0.1, default: 1 },
  },
};
const two = addStep(addStep(emptyRecipe, step), { ...step, id: 'clean' });

describe('recipe edits', () => {
  test('a step comes with its defaults and an id of its own', () => {
    const recipe = addStep(two, step);
    expect(recipe.steps.map((use) => use.id)).toEqual(['tone-1', 'clean-1', 'tone-2']);
    expect(recipe.steps[0]).toMatchObject({ version: 2, enabled: true, strength: 1, params: { gamma: 1 } });
    expect(addStep(removeStep(recipe, 'tone-1'), step).steps.at(-1)?.id).toBe('tone-1');
  });

  test('a step comes where a new recipe would have it', () => {
    const order = ['clean', 'tone', 'grain'].map((id) => ({ id }));
    const added = addStep(addStep(two, { ...step, id: 'grain' }, order), step, order);
    expect(added.steps.map((use) => use.id)).toEqual(['tone-1', 'clean-1', 'tone-2', 'grain-1']);
  });

  test('moving stays inside the list', () => {
    expect(moveStep(two, 'clean-1', 0).steps.map((use) => use.step)).toEqual(['clean', 'tone']);
    expect(moveStep(two, 'clean-1', 2)).toBe(two);
    expect(moveStep(two, 'gone', 0)).toBe(two);
  });

  test('a step that is off does not change the pixels, an id neither', () => {
    const off = changeStep(two, 'clean-1', { enabled: false });
    expect(sameRecipe(off, removeStep(two, 'clean-1'))).toBe(true);
    expect(sameRecipe(two, off)).toBe(false);
    expect(sameRecipe(two, changeParam(two, 'tone-1', 'gamma', 1.2))).toBe(false);
    expect(sameRecipe(two, moveStep(two, 'clean-1', 0))).toBe(false);
  });

  test('reset puts back strength and parameters and takes the new version', () => {
    const changed = changeStep(changeParam(two, 'tone-1', 'gamma', 2), 'tone-1', { strength: 0.2 });
    expect(resetStep(changed, 'tone-1', { ...step, version: 3 }).steps[0]).toMatchObject({
      version: 3,
      strength: 1,
      params: { gamma: 1 },
    });
    expect(two.steps[0]?.strength).toBe(1);
  });
});
