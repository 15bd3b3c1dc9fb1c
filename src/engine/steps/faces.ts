import type { FaceEdits } from '../../shared/face-edit.ts';
import type { ParamValues } from '../../shared/params.ts';
import type { Context } from '../context.ts';
import { thenScaled, toAffine } from '../faces/affine.ts';
import { cropFace } from '../faces/crop-face.ts';
import { invertSimilarity } from '../faces/geometry.ts';
import { type FaceBench, type FaceWishes, locateFaces } from '../faces/locate-faces.ts';
import { chooseFaceDetector } from '../faces/open-face-detector.ts';
import { faceRecognizer } from '../faces/open-face-recognizer.ts';
import { type FacePatch, pasteFaces } from '../faces/paste-faces.ts';
import { faceModelKeys, patchOf, restoreLocated } from '../faces/restore-located.ts';
import { enlargedWindows } from '../image/enlarged-windows.ts';
import type { Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { forgetful } from '../memo.ts';
import { mendingOf } from './mend-faces.ts';
import { defineStep, type StepTools } from './step.ts';

const params = {
  model: {
    kind: 'model',
    label: 'Restorer',
    help: 'The network that restores faces.',
    role: 'face-restore',
    default: '',
  },
  faceAlpha: {
    kind: 'number',
    label: 'Fidelity ↔ perception',
    help: '0 keeps to what the photo shows of a face; 1 invents plausible detail. In between, the weights of both networks are mixed.',
    min: 0,
    max: 1,
    step: 0.01,
    default: 0,
  },
  detector: {
    kind: 'model',
    label: 'Detector',
    help: 'The network that finds faces.',
    role: 'face-detect',
    default: '',
  },
  smallestEyesPx: {
    kind: 'number',
    label: 'Smallest face',
    help: 'Faces whose eyes are closer together than this are left to the background, unless you accept them.',
    min: 4,
    max: 500,
    step: 1,
    default: 12,
    unit: 'px',
  },
  guard: {
    kind: 'flag',
    label: 'Keep the person',
    help: 'A face that the network would turn into somebody else stays as it is.',
    default: true,
  },
} as const;

type Params = ParamValues<typeof params>;

/**
 * Finds the faces and restores each. Right after an enlargement faces are taken from the picture before it, the background is what its own network made of it, and
 * faces are put in last, as sharp as their crops are (Real-ESRGAN's face-enhance). Elsewhere they are taken from the picture as it reaches this step.
 *
 * Strength acts on what is pasted, so it moves evenly; every face may have its own. Without a face, or with none that passes the guard, the result is the input
 * itself.
 */
export const faces = defineStep({
  id: 'faces',
  version: 3,
  title: 'Faces',
  summary: 'Restores faces, and leaves those alone that would become somebody else.',
  params,
  strength: 'own',
  perFace: true,
  models: (values, hub, edits) => {
    const own = edits?.faces.filter(({ model, alpha }) => model !== undefined || alpha !== undefined) ?? [];
    return [
      hub.key({ id: chooseFaceDetector(hub, values.detector) }),
      ...faceModelKeys({ model: values.model, alpha: values.faceAlpha }, { models: hub }),
      ...own.flatMap(({ model = values.model, alpha = values.faceAlpha }) =>
        faceModelKeys({ model, alpha }, { models: hub }),
      ),
    ];
  },
  outputSize: ({ width, height }) => ({ width, height }),
  // A face that reaches into a part must be seen whole; most of those that fill a part are.
  contextPx: async () => 256,
  run: async (image, values, tools, context) => {
    const { store, strength, facesFrom = image } = tools;
    if (strength === 0) return image;
    const patches = await restoreAll(facesFrom, values, tools, context.part(0, 0.8));
    if (patches.length === 0) return image;
    const pasted =
      facesFrom === image
        ? patches
        : await overBackground(facesFrom, image, patches, { store, context: context.part(0.8, 0.9) });
    return pasteFaces(image, facesFrom, pasted, { store, context: context.part(0.9, 1) });
  },
});

/**
 * The patches, less what the background's network made of the same faces: what it added in comparison with a plain enlargement, as the crop sees it. Otherwise
 * a face would be sharpened by both networks. Over a plain enlargement nothing is taken away, exactly.
 */
async function overBackground(
  image: Image,
  background: Image,
  patches: readonly FacePatch[],
  bench: { readonly store: ImageStore; readonly context: Context },
): Promise<FacePatch[]> {
  const plain = enlargedWindows(image, background);
  const result: FacePatch[] = [];
  for (const [index, patch] of patches.entries()) {
    const toBackground = thenScaled(
      toAffine(invertSimilarity(patch.toCrop)),
      [0, 0],
      background.width / image.width,
      background.height / image.height,
    );
    const [made, shown] = [
      await cropFace(background, toBackground, patch.change.width, bench),
      await cropFace(plain, toBackground, patch.change.width, bench),
    ];
    const data = patch.change.data.map((value, i) => value - (made.data[i]! - shown.data[i]!));
    result.push({ ...patch, change: { ...patch.change, data } });
    bench.context.report((index + 1) / patches.length);
  }
  return result;
}

/** What the parameters and decisions of a use ask for. */
export function faceWishes(values: Params, edits: FaceEdits | undefined): FaceWishes {
  const { detector, model, faceAlpha, smallestEyesPx, guard } = values;
  return { detector, model, alpha: faceAlpha, smallestEyesPx, guard, edits };
}

/** Where one run works: what it opens for a face stays open for the next. */
export function faceBench({
  models,
  store,
  remember = forgetful,
}: Pick<StepTools, 'models' | 'store' | 'remember'>): FaceBench {
  return { models, store, remember, recognizer: faceRecognizer(models) };
}

async function restoreAll(
  image: Image,
  values: Params,
  tools: StepTools,
  context: Context,
): Promise<FacePatch[]> {
  const wishes = faceWishes(values, tools.faces);
  const bench = faceBench(tools);
  const located = await locateFaces(image, wishes, bench, context.part(0, 0.3));
  const wanted = located.filter((face) => face.wanted !== 'no' && face.edit?.strength !== 0);
  const mending = mendingOf(image, tools.damage ?? [], tools.store);
  const patches: FacePatch[] = [];
  for (const [index, face] of wanted.entries()) {
    const part = context.part(0.3 + (0.7 * index) / wanted.length, 0.3 + (0.7 * (index + 1)) / wanted.length);
    part.report(0, `Face ${index + 1} of ${wanted.length}`);
    const restored = await restoreLocated(image, face, wishes, bench, part, mending);
    const isOther = restored.warning !== undefined && wishes.guard;
    if (face.wanted === 'yes' || !isOther) patches.push(patchOf(face, restored, tools.strength));
  }
  return patches;
}
