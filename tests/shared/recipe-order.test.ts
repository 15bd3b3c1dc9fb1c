import { describe, expect, test } from 'vitest';
import { emptyRecipe, parseRecipe, type Recipe, type StepUse } from '../../src/shared/recipe.ts';
import { facesTakenAfter, insertUse, newUseId } from '../../src/shared/recipe-order.ts';

const use = (step: string, more: Partial<StepUse> = {}): StepUse => ({
  id: `${step}-1`,
  step,
  version: 1,
  enabled: true,
  strength: 1,
  params: {},
  ...more,
});
const recipe = (...steps: StepUse[]): Recipe => ({ ...emptyRecipe, steps });
const isBehind = (step: string): boolean => step === 'enlarge';

describe('where faces are taken from', () => {
  test('the picture before the steps right before that only the background goes through', () => {
    expect(facesTakenAfter([use('tone'), use('enlarge')], isBehind)).toBe(1);
    expect(facesTakenAfter([use('enlarge'), use('enlarge', { id: 'enlarge-2' })], isBehind)).toBe(0);
  });

  test('the picture as it reaches the step where another one comes between, or none is before', () => {
    expect(facesTakenAfter([use('enlarge'), use('tone')], isBehind)).toBe(2);
    expect(facesTakenAfter([use('tone')], isBehind)).toBe(1);
    expect(facesTakenAfter([], isBehind)).toBe(0);
  });

  test('steps that are off or without strength do not count', () => {
    const off = [use('enlarge'), use('tone', { enabled: false }), use('grain', { strength: 0 })];
    expect(facesTakenAfter(off, isBehind)).toBe(0);
    expect(facesTakenAfter([use('tone'), use('enlarge', { enabled: false })], isBehind)).toBe(2);
  });
});

test('a use is added in the order of the steps, with a free id', () => {
  const order = ['tone', 'enlarge', 'faces', 'grain'].map((id) => ({ id }));
  const before = recipe(use('tone'), use('enlarge'), use('grain'));
  expect(insertUse(before, use('faces'), order).steps.map(({ id }) => id)).toEqual([
    'tone-1',
    'enlarge-1',
    'faces-1',
    'grain-1',
  ]);
  expect(newUseId(before, 'enlarge')).toBe('enlarge-2');
});

describe('recipes that the step Faces of earlier versions is in', () => {
  const read = (...steps: StepUse[]): readonly StepUse[] =>
    parseRecipe(JSON.stringify(recipe(...steps)), 'old.json').steps;
  const together = { together: true, factor: 3, background: 'large', alpha: 0.6, guard: false };

  test('one that enlarged as well becomes the two steps that give the same', () => {
    const [enlarge, faces] = read(use('faces', { version: 2, strength: 0.5, params: together }));
    expect(enlarge).toEqual(use('enlarge', { params: { factor: 3, model: 'large', alpha: 0.6 } }));
    expect(faces).toEqual(use('faces', { version: 3, strength: 0.5, params: { guard: false } }));
  });

  test('one that was off stays off, and the added step gets an id of its own', () => {
    const steps = read(
      use('faces', { version: 2, enabled: false, params: together }),
      use('enlarge', { enabled: false }),
    );
    expect(steps.map(({ id, enabled }) => [id, enabled])).toEqual([
      ['enlarge-2', false],
      ['faces-1', false],
      ['enlarge-1', false],
    ]);
  });

  test('one that did not enlarge stays where it was, without what it no longer knows', () => {
    const params = { ...together, together: false };
    const steps = read(use('faces', { version: 2, params }), use('enlarge'));
    expect(steps).toEqual([use('faces', { version: 3, params: { guard: false } }), use('enlarge')]);
  });

  test("today's recipes stay as they are", () => {
    const steps = [use('enlarge'), use('faces', { version: 3, params: { guard: true } })];
    expect(read(...steps)).toEqual(steps);
  });
});
