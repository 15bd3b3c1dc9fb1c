import { describe, expect, test } from 'vitest';
import {
  changeFace,
  drawFace,
  editOf,
  forgetFace,
  isOn,
  switchFaces,
} from '../../src/renderer/face-edits.ts';
import type { FaceInspection, FaceReport } from '../../src/shared/contract.ts';
import type { Recipe } from '../../src/shared/recipe.ts';

const image = { id: 'i', width: 8, height: 8, channels: 3, tilePx: 256, levels: 1 } as const;
const report = (id: string, startsOn: boolean): FaceReport => ({
  id,
  source: 'found',
  box: { x: 10, y: 10, width: 20, height: 26 },
  points: [12, 28, 20, 14, 26].map((x) => ({ x, y: 20 })),
  eyeDistancePx: 16,
  startsOn,
  before: image,
});
const [anna, emma] = [report('face-1', true), report('face-2', false)];
const inspection: FaceInspection = { width: 100, height: 80, faces: [anna, emma] };
const recipe: Recipe = {
  format: 'heirloom-recipe',
  version: 1,
  steps: [{ id: 'f', step: 'faces', version: 2, enabled: true, strength: 1, params: {} }],
};
const facesOf = ({ steps }: Recipe) => steps[0]?.faces?.faces ?? [];

describe('decisions about faces', () => {
  test('are made only where they differ from what would happen anyway', () => {
    const all = switchFaces(recipe, 'f', inspection, [anna, emma], true);
    expect(facesOf(all).map(({ id, state }) => [id, state])).toEqual([['face-2', 'accepted']]);
    const none = switchFaces(all, 'f', inspection, [anna, emma], false);
    expect(facesOf(none).map(({ id, state }) => [id, state])).toEqual([['face-1', 'rejected']]);
    expect(switchFaces(none, 'f', inspection, [anna], true)).toEqual(recipe);
    expect([anna, emma].map((face) => isOn(face, editOf(all.steps[0], face.id)))).toEqual([true, true]);
    expect([anna, emma].map((face) => isOn(face, editOf(none.steps[0], face.id)))).toEqual([false, false]);
  });

  test('keep what was decided before, and give it back to the step', () => {
    const stronger = changeFace(recipe, 'f', inspection, anna, { strength: 0.4, model: 'other' });
    expect(facesOf(stronger)[0]).toMatchObject({
      id: 'face-1',
      state: 'auto',
      strength: 0.4,
      model: 'other',
      points: anna.points,
    });
    const kept = changeFace(stronger, 'f', inspection, anna, { protectEyes: true });
    expect(facesOf(kept)[0]).toMatchObject({ strength: 0.4, protectEyes: true });
    const back = changeFace(kept, 'f', inspection, anna, {
      strength: undefined,
      model: undefined,
      protectEyes: false,
    });
    expect(back).toEqual(recipe);
    expect(recipe.steps[0]).not.toHaveProperty('faces');
  });

  test('drawn faces get names of their own, in the pixels of the list they join', () => {
    const one = drawFace(
      changeFace(recipe, 'f', inspection, anna, { strength: 0.5 }),
      'f',
      { width: 200, height: 160 },
      { x: 100, y: 40, width: 30, height: 40 },
    );
    const two = drawFace(one.recipe, 'f', { width: 200, height: 160 }, { x: 0, y: 0, width: 30, height: 40 });
    expect([one.id, two.id]).toEqual(['drawn-1', 'drawn-2']);
    expect(two.recipe.steps[0]?.faces).toMatchObject({ width: 200, height: 160 });
    expect(facesOf(two.recipe)[0]?.box).toEqual({ x: 20, y: 20, width: 40, height: 52 });
    const rest = forgetFace(forgetFace(two.recipe, 'f', 'drawn-1'), 'f', 'face-1');
    expect(facesOf(rest).map(({ id }) => id)).toEqual(['drawn-2']);
    expect(forgetFace(rest, 'f', 'drawn-2')).toEqual(recipe);
  });
});
