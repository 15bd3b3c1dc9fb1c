import type { FaceInspection, FaceReport } from '../shared/contract.ts';
import { type FaceBox, type FaceEdit, type FaceEdits, faceEditsAt } from '../shared/face-edit.ts';
import type { Recipe, StepUse } from '../shared/recipe.ts';

/** Decisions about faces changed one way each; the recipe given is never touched. */

/** What is set to undefined is left to the step again. */
export type FaceChange = { readonly [K in Exclude<keyof FaceEdit, 'id'>]?: FaceEdit[K] | undefined };

/** What was decided about a face of a use, if anything. */
export function editOf(use: StepUse | undefined, id: string): FaceEdit | undefined {
  return use?.faces?.faces.find((face) => face.id === id);
}

/** Whether the face is restored as things stand. */
export function isOn(face: Pick<FaceReport, 'startsOn'>, edit: FaceEdit | undefined): boolean {
  if (edit?.state === 'accepted') return true;
  if (edit?.state === 'rejected') return false;
  return face.startsOn;
}

/** Changes what is decided about one face; a decision that says nothing any more is dropped. */
export function changeFace(
  recipe: Recipe,
  use: string,
  inspection: FaceInspection,
  face: FaceReport,
  change: FaceChange,
): Recipe {
  return changeFaces(recipe, use, inspection, [{ face, change }]);
}

export function changeFaces(
  recipe: Recipe,
  use: string,
  inspection: FaceInspection,
  changes: readonly { readonly face: FaceReport; readonly change: FaceChange }[],
): Recipe {
  return editUse(recipe, use, inspection, (faces) => {
    let next = faces;
    for (const { face, change } of changes) {
      const before = next.find(({ id }) => id === face.id) ?? fromReport(face);
      const after = without({ ...before, ...change });
      const rest = next.filter(({ id }) => id !== face.id);
      next = saysNothing(after) ? rest : [...rest, after];
    }
    return next;
  });
}

/** Turns faces on or off; where that is what would happen anyway, nothing needs to be decided. */
export function switchFaces(
  recipe: Recipe,
  use: string,
  inspection: FaceInspection,
  faces: readonly FaceReport[],
  on: boolean,
): Recipe {
  const stateOf = (face: FaceReport): FaceEdit['state'] =>
    face.startsOn === on ? 'auto' : on ? 'accepted' : 'rejected';
  return changeFaces(
    recipe,
    use,
    inspection,
    faces.map((face) => ({ face, change: { state: stateOf(face) } })),
  );
}

/** Marks a face by hand, in pixels of a picture of this size; its id is told. */
export function drawFace(
  recipe: Recipe,
  use: string,
  size: { readonly width: number; readonly height: number },
  box: FaceBox,
): { readonly recipe: Recipe; readonly id: string } {
  const taken = new Set(recipe.steps.find((entry) => entry.id === use)?.faces?.faces.map(({ id }) => id));
  let number = 1;
  while (taken.has(`drawn-${number}`)) number += 1;
  const id = `drawn-${number}`;
  const face: FaceEdit = { id, source: 'drawn', box, state: 'auto', protectEyes: false, protectMouth: false };
  return { id, recipe: editUse(recipe, use, size, (faces) => [...faces, face]) };
}

/** Forgets what was decided about a face; one that was drawn is gone. */
export function forgetFace(recipe: Recipe, use: string, id: string): Recipe {
  const faces = recipe.steps.find((entry) => entry.id === use)?.faces;
  return faces === undefined
    ? recipe
    : editUse(recipe, use, faces, (list) => list.filter((face) => face.id !== id));
}

/** Edits the list in pixels of `size`; an empty list is left out of the recipe. */
function editUse(
  recipe: Recipe,
  id: string,
  size: { readonly width: number; readonly height: number },
  edit: (faces: readonly FaceEdit[]) => readonly FaceEdit[],
): Recipe {
  const steps = recipe.steps.map((use) => {
    if (use.id !== id) return use;
    const { faces: before, ...rest } = use;
    const faces = edit(before === undefined ? [] : faceEditsAt(before, size));
    const edits: FaceEdits = { width: size.width, height: size.height, faces };
    return faces.length === 0 ? rest : { ...rest, faces: edits };
  });
  return { ...recipe, steps };
}

function fromReport({ id, source, box, points }: FaceReport): FaceEdit {
  return { id, source, box, points, state: 'auto', protectEyes: false, protectMouth: false };
}

/** Without the keys that were set to undefined: JSON has none. */
function without(edit: FaceChange & Pick<FaceEdit, 'id'>): FaceEdit {
  return Object.fromEntries(Object.entries(edit).filter(([, value]) => value !== undefined)) as FaceEdit;
}

function saysNothing({
  source,
  state,
  strength,
  model,
  alpha,
  protectEyes,
  protectMouth,
}: FaceEdit): boolean {
  const isPlain = strength === undefined && model === undefined && alpha === undefined;
  return source === 'found' && state === 'auto' && isPlain && !protectEyes && !protectMouth;
}
