import { describe, expect, it } from 'vitest';

import { accepts, checkParams, defaultParams } from '../../src/shared/params.ts';
import { emptyRecipe, parseRecipe } from '../../src/shared/recipe.ts';
import { array, boolean, integer, nullable, number, object, oneOf, optional, record, string, union } from '../../src/shared/schema.ts';
import { parsePixelPath, pixelPaths } from '../../src/shared/contract.ts';

describe('schemas', () => {
  const shape = object({ name: string(5), size: integer(1, 10), ratio: optional(number(0, 1)), kind: oneOf('a', 'b'), tags: array(string(), 2), on: boolean() });
  const good = { name: 'x', size: 3, kind: 'a', tags: ['t'], on: true };

  it('return the checked value without what was not asked for', () => {
    expect(shape.parse({ ...good, ratio: 0.5, extra: 1, __proto__: { bad: true } })).toEqual({ ...good, ratio: 0.5 });
    expect(shape.parse(good)).not.toHaveProperty('ratio');
  });

  it.each([
    [{ ...good, name: 'too long' }, 'name should be text of at most 5 characters'],
    [{ ...good, size: 1.5 }, 'size should be a whole number from 1 to 10'],
    [{ ...good, size: NaN }, 'size should be'],
    [{ ...good, kind: 'c' }, 'kind should be one of a, b'],
    [{ ...good, tags: ['1', '2', '3'] }, 'tags should be a list of at most 2'],
    [{ ...good, tags: [4] }, 'tags[0] should be text'],
    [{ ...good, on: undefined }, 'on should be true or false'],
    [null, 'The value should be an object, but is null'],
    [[], 'The value should be an object, but is a list'],
  ])('refuse %j and say where', (value, message) => {
    expect(() => shape.parse(value)).toThrow(message);
  });

  it('take alternatives, null and free keys', () => {
    const either = union(string(), integer());
    expect(either.parse(4)).toBe(4);
    expect(() => either.parse(true)).toThrow();
    expect(nullable(string()).parse(null)).toBeNull();
    expect(record(integer()).parse({ a: 1 })).toEqual({ a: 1 });
    expect(() => record(integer(), 1).parse({ a: 1, b: 2 })).toThrow('at most 1 keys');
  });
});

describe('step parameters', () => {
  const set = {
    amount: { kind: 'number', label: 'Amount', help: '', min: 0, max: 4, step: 1, default: 2 },
    mode: { kind: 'choice', label: 'Mode', help: '', choices: [{ value: 'x', label: 'X' }], default: 'x' },
    on: { kind: 'flag', label: 'On', help: '', default: false },
    model: { kind: 'model', label: 'Model', help: '', role: 'enlarge', default: '' },
  } as const;

  it('take their defaults when missing', () => {
    expect(checkParams(set, {}, 'Test')).toEqual(defaultParams(set));
    expect(checkParams(set, { amount: 3 }, 'Test')).toMatchObject({ amount: 3, mode: 'x' });
  });

  it.each([
    [{ amount: 5 }, 'Test: amount should be a whole number from 0 to 4, but is 5.'],
    [{ amount: 1.5 }, 'whole number'],
    [{ mode: 'y' }, 'one of x'],
    [{ on: 'yes' }, 'on or off'],
    [{ constructor: 1 }, 'has no parameter "constructor"'],
  ])('refuse %j', (values, message) => {
    expect(() => checkParams(set, values, 'Test')).toThrow(message);
  });

  it('say in words what they accept', () => {
    expect(Object.values(set).map(accepts)).toEqual(['a whole number from 0 to 4', 'one of x', 'on or off', 'the id of an installed model']);
  });
});

describe('recipes', () => {
  const use = { id: 'a', step: 'enlarge', version: 1, enabled: true, strength: 0.5, params: { factor: 2 } };

  it('survive being written and read', () => {
    const recipe = { ...emptyRecipe, steps: [use] };
    expect(parseRecipe(JSON.stringify(recipe), 'r.json')).toEqual(recipe);
  });

  it.each([
    ['not json', 'r.json is not valid JSON.'],
    ['{}', 'r.json is not a Heirloom recipe: format should be'],
    [JSON.stringify({ ...emptyRecipe, version: 2 }), 'version should be one of 1'],
    [JSON.stringify({ ...emptyRecipe, steps: [use, use] }), 'two steps share one id'],
    [JSON.stringify({ ...emptyRecipe, steps: [{ ...use, strength: 2 }] }), 'steps[0].strength should be a number from 0 to 1'],
  ])('refuse %s', (text, message) => {
    expect(() => parseRecipe(text, 'r.json')).toThrow(message);
  });
});

describe('pixel paths', () => {
  it('are read back as they were made', () => {
    expect(parsePixelPath(pixelPaths.tile('id/with slash', 2, 3, 4))).toEqual({ image: 'id/with slash', kind: 'tile', level: 2, column: 3, row: 4 });
    expect(parsePixelPath(pixelPaths.thumbnail('i', 256))).toEqual({ image: 'i', kind: 'thumbnail', maxPx: 256 });
  });

  it.each(['', 'i/tile/1/2', '../tile/0/0/0/0', 'i/tile/-1/0/0', 'i/tile/1e3/0/0', '%E0%A4%A/tile/0/0/0', 'i/thumbnail/abc'])('refuse %j', (path) => {
    expect(parsePixelPath(path)).toBeUndefined();
  });
});
