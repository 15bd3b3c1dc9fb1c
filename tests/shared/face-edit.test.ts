import { describe, expect, test } from 'vitest';
import { type FaceEdit, faceEditsAt, faceEditsForPart, faceEditsSchema } from '../../src/shared/face-edit.ts';
import { parseRecipe } from '../../src/shared/recipe.ts';

const face: FaceEdit = {
  id: 'face-1',
  source: 'corrected',
  box: { x: 100, y: 40, width: 20, height: 30 },
  points: [105, 115, 110, 106, 114].map((x, i) => ({ x, y: [50, 50, 58, 64, 64][i] ?? 0 })),
  state: 'accepted',
  strength: 0.4,
  protectEyes: true,
  protectMouth: false,
};
const edits = { width: 400, height: 200, faces: [face] };

describe('decisions about faces', () => {
  test('survive a recipe written and read', () => {
    const use = {
      id: 'faces-1',
      step: 'faces',
      version: 3,
      enabled: true,
      strength: 1,
      params: {},
      faces: edits,
    };
    const recipe = { format: 'heirloom-recipe', version: 1, steps: [use] };
    expect(parseRecipe(JSON.stringify(recipe), 'test.json')).toEqual(recipe);
  });

  test('are refused with four points, a strength above 1, or one face named twice', () => {
    expect(() =>
      faceEditsSchema.parse({ ...edits, faces: [{ ...face, points: face.points?.slice(1) }] }),
    ).toThrow('five points, but has 4');
    expect(() => faceEditsSchema.parse({ ...edits, faces: [{ ...face, strength: 1.1 }] })).toThrow(
      'faces[0].strength',
    );
    expect(() => faceEditsSchema.parse({ ...edits, faces: [face, face] })).toThrow('names one face twice');
  });

  test('follow the picture to another size', () => {
    const [scaled] = faceEditsAt(edits, { width: 800, height: 400 });
    expect(scaled?.box).toEqual({ x: 200, y: 80, width: 40, height: 60 });
    expect(scaled?.points?.[2]).toEqual({ x: 220, y: 116 });
    expect(scaled?.strength).toBe(0.4);
  });

  test('follow a part of the picture, and a part of a part', () => {
    const whole = { width: 400, height: 200 };
    const part = faceEditsForPart(edits, { x: 90, y: 20, width: 100, height: 100 }, whole);
    expect(faceEditsAt(part, { width: 100, height: 100 })[0]?.box).toEqual({
      x: 10,
      y: 20,
      width: 20,
      height: 30,
    });
    const inner = faceEditsForPart(
      part,
      { x: 10, y: 20, width: 50, height: 50 },
      { width: 100, height: 100 },
    );
    expect(faceEditsAt(inner, { width: 100, height: 100 })[0]?.box).toEqual({
      x: 0,
      y: 0,
      width: 40,
      height: 60,
    });
  });
});
