import { describe, expect, test } from 'vitest';
import { emptyMask, maskForPart, maskSchema } from '../../src/shared/mask.ts';
import { parseRecipe, recipeSchema } from '../../src/shared/recipe.ts';

const mask = emptyMask({ width: 100, height: 80 });
const stroke = {
  kind: 'stroke',
  points: [{ x: 3, y: 4, pressure: 1 }],
  radiusPx: 5,
  hardness: 1,
  erase: false,
};

describe('a mask', () => {
  test('is data that survives JSON', () => {
    const shapes = [
      stroke,
      { kind: 'rectangle', x: 1, y: 2, width: 3, height: 4, erase: true },
      {
        kind: 'lasso',
        points: [
          { x: 0, y: 0 },
          { x: 9, y: 0 },
          { x: 9, y: 9 },
        ],
        erase: false,
      },
      { kind: 'bitmap', runs: [5, 3], erase: false },
    ];
    const value = { ...mask, shapes, growPx: -2, featherPx: 3 };
    expect(maskSchema.parse(JSON.parse(JSON.stringify(value)))).toEqual(value);
  });

  test.each([
    ['a radius of nothing', { ...mask, shapes: [{ ...stroke, radiusPx: 0 }] }],
    ['a point nowhere', { ...mask, shapes: [{ ...stroke, points: [{ x: Infinity, y: 0, pressure: 1 }] }] }],
    ['an unknown shape', { ...mask, shapes: [{ kind: 'star' }] }],
    ['no size', { ...mask, width: 0 }],
    ['a negative run', { ...mask, shapes: [{ kind: 'bitmap', runs: [-1], erase: false }] }],
    ['a feather without end', { ...mask, featherPx: 1e9 }],
    ['text', 'mask'],
  ])('is refused with %s', (_name, value) => {
    expect(() => maskSchema.parse(value, 'mask')).toThrow(/mask/);
  });

  test('is refused when drawing it would take forever', () => {
    const points = Array.from({ length: 50_000 }, () => ({ x: 0, y: 0, pressure: 1 }));
    const huge = {
      ...emptyMask({ width: 50_000, height: 50_000 }),
      shapes: [{ ...stroke, points, radiusPx: 20_000 }],
    };
    expect(() => maskSchema.parse(huge)).toThrow('more and larger strokes');
  });

  test('shows a part of itself in the coordinates of the whole', () => {
    const part = maskForPart(mask, { x: 100, y: 40, width: 50, height: 20 }, { width: 200, height: 160 });
    expect(part.window).toEqual({ x: 50, y: 20, width: 25, height: 10 });
    const inner = maskForPart(part, { x: 10, y: 10, width: 5, height: 2 }, { width: 50, height: 20 });
    expect(inner.window).toEqual({ x: 55, y: 25, width: 2.5, height: 1 });
  });
});

describe('a recipe', () => {
  const use = { id: 'a', step: 'tone', version: 1, enabled: true, strength: 1, params: {} };
  test('without masks is as valid as before; with one it keeps it', () => {
    const old = { format: 'heirloom-recipe', version: 1, steps: [use] };
    expect(recipeSchema.parse(old)).toEqual(old);
    const masked = { ...old, steps: [{ ...use, mask: { ...mask, shapes: [stroke] } }] };
    expect(parseRecipe(JSON.stringify(masked), 'it')).toEqual(masked);
  });

  test('says what is wrong with a mask', () => {
    const bad = {
      format: 'heirloom-recipe',
      version: 1,
      steps: [{ ...use, mask: { ...mask, mode: 'hide' } }],
    };
    expect(() => parseRecipe(JSON.stringify(bad), 'it')).toThrow('mask.mode');
  });
});
