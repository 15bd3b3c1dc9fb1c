import { createHash } from 'node:crypto';

import type { FaceInspection, FaceReport, ImageInfo } from '../shared/contract.ts';
import type { FaceBox } from '../shared/face-edit.ts';
import { HeirloomError } from '../shared/failure.ts';
import { checkParams } from '../shared/params.ts';
import type { Recipe, StepUse } from '../shared/recipe.ts';
import { facesTakenAfter } from '../shared/recipe-order.ts';
import type { Context } from './context.ts';
import { type InspectedFace, inspectFaces } from './faces/inspect-faces.ts';
import type { NamedFace } from './faces/merge-detections.ts';
import type { Image } from './image/image.ts';
import { floatImage } from './image/memory-image.ts';
import type { ImageShelf } from './image-shelf.ts';
import type { Pixels } from './models/tile-tensors.ts';
import { faceBench, faces, faceWishes } from './steps/faces.ts';
import { mendingOf } from './steps/mend-faces.ts';
import { findStep } from './steps/registry.ts';
import { damageLeft, type RecipeBench, recipeKey, runRecipe, stepTools } from './steps/run-recipe.ts';

/** What is remembered of the faces that one use of the step has been asked about. */
interface Known {
  /** Size of the picture the faces were found in. */
  readonly width: number;
  readonly height: number;
  readonly named: readonly NamedFace[];
  /** Crops on the shelf by what they show: what did not change keeps its id. */
  readonly shown: ReadonlyMap<string, ImageInfo>;
  readonly shownBefore: ReadonlyMap<string, ImageInfo>;
}

/** How far an aligned crop reaches beyond the box of a face, in sides of the box. */
const seenAround = 0.8;

/** A photo and the use of a step in its recipe. */
export interface FaceQuestion {
  readonly photo: string;
  readonly image: Image;
  readonly key: string;
  readonly recipe: Recipe;
  /** Id of the use. */
  readonly use: string;
}

/** Looks at the faces of photos for the studio; ids stay with their faces from one look to the next. */
export class FaceInspections {
  readonly #shelf: ImageShelf;
  readonly #known = new Map<string, Map<string, Known>>();

  constructor(shelf: ImageShelf) {
    this.#shelf = shelf;
  }

  async look(question: FaceQuestion, bench: RecipeBench, context: Context): Promise<FaceInspection> {
    const { photo, image, key, recipe } = question;
    const { use, before, after } = findUse(recipe, question.use);
    const shown = await runRecipe(image, key, before, bench, context.part(0, 0.4));
    try {
      const damage = damageLeft([use, ...after]);
      const tools = stepTools(recipeKey(key, before, bench), use, damage, bench);
      const known = this.#known.get(photo)?.get(use.id);
      const mending = mendingOf(shown, damage, bench.store);
      const wishes = faceWishes(checkParams(faces.params, use.params, faces.title), use.faces);
      const found = await inspectFaces(shown, wishes, faceBench(tools), context.part(0.4, 1), {
        before: known?.named ?? [],
        ...(mending === undefined ? {} : { mending }),
      });
      const reports = this.#tell(photo, use.id, shown, found, known);
      return { width: shown.width, height: shown.height, faces: reports };
    } finally {
      bench.cache.release(shown);
    }
  }

  /** What a use was found to see, as a frame around each face with all that its network looks at, in shares of the picture's sides. */
  framesOf(photo: string, use: string): readonly FaceBox[] {
    const known = this.#known.get(photo)?.get(use);
    if (known === undefined) return [];
    const { width, height, named } = known;
    return named.map(({ left, top, right, bottom }) => {
      const [aroundX, aroundY] = [(right - left) * seenAround, (bottom - top) * seenAround];
      return {
        x: (left - aroundX) / width,
        y: (top - aroundY) / height,
        width: (right - left + 2 * aroundX) / width,
        height: (bottom - top + 2 * aroundY) / height,
      };
    });
  }

  /** Forgets everything about a photo. */
  forget(photo: string): void {
    for (const { shown, shownBefore } of this.#known.get(photo)?.values() ?? [])
      for (const { id } of [...shown.values(), ...shownBefore.values()]) this.#shelf.take(id);
    this.#known.delete(photo);
  }

  clear(): void {
    for (const photo of [...this.#known.keys()]) this.forget(photo);
  }

  #tell(
    photo: string,
    use: string,
    { width, height }: Image,
    found: readonly InspectedFace[],
    known: Known | undefined,
  ): FaceReport[] {
    const shown = new Map<string, ImageInfo>();
    const show = (pixels: Pixels): ImageInfo => {
      const hash = hashOf(pixels);
      const info =
        shown.get(hash) ?? known?.shown.get(hash) ?? known?.shownBefore.get(hash) ?? this.#put(pixels);
      shown.set(hash, info);
      return info;
    };
    const reports = found.map((face) => reportOf(face, show));
    // Pictures of the look before may still be on screen.
    for (const [hash, { id }] of known?.shownBefore ?? [])
      if (!shown.has(hash) && known?.shown.has(hash) !== true) this.#shelf.take(id);
    const uses = this.#known.get(photo) ?? new Map<string, Known>();
    this.#known.set(
      photo,
      uses.set(use, {
        width,
        height,
        named: found.map(nameOf),
        shown,
        shownBefore: known?.shown ?? new Map<string, ImageInfo>(),
      }),
    );
    return reports;
  }

  #put({ data, width, height, channels }: Pixels): ImageInfo {
    const image = floatImage(
      width,
      height,
      channels as Image['channels'],
      data.map((value) => Math.min(1, Math.max(0, value))),
    );
    return this.#shelf.put(image, () => void image.dispose());
  }
}

/**
 * A use, the recipe up to the picture that its faces are taken from, and what comes after.
 *
 * @throws HeirloomError `bad-input` when the use is not there or its step knows no faces.
 */
function findUse(
  recipe: Recipe,
  id: string,
): { readonly use: StepUse; readonly before: Recipe; readonly after: readonly StepUse[] } {
  const index = recipe.steps.findIndex((use) => use.id === id);
  const use = recipe.steps[index];
  if (use === undefined || findStep(use.step).perFace !== true)
    throw new HeirloomError(
      'bad-input',
      `The recipe has no step "${id}" that restores faces.`,
      'Add the step Faces.',
    );
  return {
    use,
    before: {
      ...recipe,
      steps: recipe.steps.slice(
        0,
        facesTakenAfter(recipe.steps.slice(0, index), (step) => findStep(step).behindFaces === true),
      ),
    },
    after: recipe.steps.slice(index + 1),
  };
}

function reportOf(face: InspectedFace, show: (pixels: Pixels) => ImageInfo): FaceReport {
  const {
    id,
    source,
    box,
    points,
    score,
    eyeDistancePx,
    identityDistance,
    embeddingDistance,
    warning,
    startsOn,
    before,
    after,
  } = face;
  return {
    id,
    source,
    box,
    points: points.map(([x, y]) => ({ x, y })),
    eyeDistancePx,
    startsOn,
    before: show(before),
    ...(score === undefined ? {} : { score }),
    ...(identityDistance === undefined ? {} : { identityDistance }),
    ...(embeddingDistance === undefined ? {} : { embeddingDistance }),
    ...(warning === undefined ? {} : { warning }),
    ...(after === undefined ? {} : { after: show(after) }),
  };
}

function nameOf({ id, box, points, score }: InspectedFace): NamedFace {
  return {
    id,
    score: score ?? 1,
    left: box.x,
    top: box.y,
    right: box.x + box.width,
    bottom: box.y + box.height,
    points,
  };
}

function hashOf({ data, width, channels }: Pixels): string {
  return createHash('sha1')
    .update(`${width}x${channels}`)
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}
