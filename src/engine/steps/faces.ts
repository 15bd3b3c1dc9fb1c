import type { FaceEdits } from '../../shared/face-edit.ts';
import { defaultParams, type ParamValues } from '../../shared/params.ts';
import type { Context } from '../context.ts';
import { thenScaled, toAffine } from '../faces/affine.ts';
import { cropFace } from '../faces/crop-face.ts';
import { invertSimilarity } from '../faces/geometry.ts';
import { type FaceBench, type FaceWishes, locateFaces } from '../faces/locate-faces.ts';
import { chooseFaceDetector } from '../faces/open-face-detector.ts';
import { type FacePatch, pasteFaces } from '../faces/paste-faces.ts';
import { faceModelKeys, patchOf, restoreLocated } from '../faces/restore-located.ts';
import type { Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import { forgetful } from '../memo.ts';
import { enlarge } from './enlarge.ts';
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
    label: 'Faces: fidelity ↔ perception',
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
  together: {
    kind: 'flag',
    label: 'Enlarge the background here',
    help: 'Enlarges the photo in this step: the background by its own network, the faces from the photo as it was. Turn the step Enlarge off then.',
    default: false,
  },
  factor: {
    kind: 'number',
    label: 'Factor',
    help: 'How many times wider and higher the result is.',
    min: 1,
    max: 8,
    step: 0.1,
    default: 2,
    unit: '×',
    shownWhen: { param: 'together', is: true },
  },
  background: {
    kind: 'model',
    label: 'Background',
    help: 'The network that enlarges everything but the faces.',
    role: 'enlarge',
    default: '',
    shownWhen: { param: 'together', is: true },
  },
  alpha: {
    kind: 'number',
    label: 'Fidelity ↔ perception',
    help: 'Of the background: 0 keeps to what the photo shows; 1 invents plausible texture.',
    min: 0,
    max: 1,
    step: 0.01,
    default: 0.3,
    shownWhen: { param: 'together', is: true },
  },
} as const;

type Params = ParamValues<typeof params>;

/**
 * Finds the faces and restores each from the picture as it reaches this step. At its size, so that a following enlargement sees the restored faces; or `together` with
 * an enlargement, as Real-ESRGAN does it: faces from the picture as it was, the background by its own network, faces pasted last and as sharp as their crops are.
 *
 * Strength acts on what is pasted, so it moves evenly; every face may have its own. Without a face, or with none that passes the guard, the result is the input
 * itself (or the enlarged one).
 */
export const faces = defineStep({
  id: 'faces',
  version: 2,
  title: 'Faces',
  summary: 'Restores faces, and leaves those alone that would become somebody else.',
  params,
  strength: 'own',
  perFace: true,
  models: (values, hub, edits) => {
    const own = edits?.faces.filter(({ model, alpha }) => model !== undefined || alpha !== undefined) ?? [];
    const keys = [
      hub.key({ id: chooseFaceDetector(hub, values.detector) }),
      ...faceModelKeys({ model: values.model, alpha: values.faceAlpha }, { models: hub }),
      ...own.flatMap(({ model = values.model, alpha = values.faceAlpha }) =>
        faceModelKeys({ model, alpha }, { models: hub }),
      ),
    ];
    return values.together ? [...keys, ...enlarge.models(behind(values), hub)] : keys;
  },
  outputSize: (input, values, photo) =>
    values.together
      ? enlarge.outputSize(input, behind(values), photo)
      : { width: input.width, height: input.height },
  // A face that reaches into a part must be seen whole; most of those that fill a part are.
  contextPx: async () => 256,
  run: async (image, values, tools, context) => {
    if (tools.strength === 0) return image;
    if (values.together) return runTogether(image, values, tools, context);
    const patches = await restoreAll(image, values, tools, context.part(0, 0.9));
    if (patches.length === 0) return image;
    return pasteFaces(image, image, patches, { store: tools.store, context: context.part(0.9, 1) });
  },
});

/** What the step Enlarge does for the background. */
function behind({ factor, background, alpha }: Params): ParamValues<typeof enlarge.params> {
  return { ...defaultParams(enlarge.params), factor, model: background, alpha };
}

async function runTogether(image: Image, values: Params, tools: StepTools, context: Context): Promise<Image> {
  const { store } = tools;
  const patches = await restoreAll(image, values, tools, context.part(0, 0.4));
  const background = await enlarge.run(image, behind(values), tools, context.part(0.4, 0.85));
  if (patches.length === 0) return background;
  try {
    const clean = await withoutInvention(image, background, patches, {
      store,
      context: context.part(0.85, 0.95),
    });
    return await pasteFaces(background, image, clean, { store, context: context.part(0.95, 1) });
  } finally {
    if (background !== image) await background.dispose();
  }
}

/**
 * The patches, less what the background's network made of the same faces: what it added in comparison with a plain enlargement, as the crop sees it. Otherwise
 * a face would be sharpened by both networks. Over a plain enlargement nothing is taken away, exactly.
 */
async function withoutInvention(
  image: Image,
  background: Image,
  patches: readonly FacePatch[],
  bench: { readonly store: ImageStore; readonly context: Context },
): Promise<FacePatch[]> {
  const plain = await resizeImage(image, background.width, background.height, {
    kernel: 'lanczos3',
    ...bench,
  });
  try {
    const result: FacePatch[] = [];
    for (const patch of patches) {
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
      const data = patch.change.data.map(
        (value, i) => value - ((made.data[i] as number) - (shown.data[i] as number)),
      );
      result.push({ ...patch, change: { ...patch.change, data } });
    }
    return result;
  } finally {
    if (plain !== image) await plain.dispose();
  }
}

/** What the parameters and decisions of a use ask for. */
export function faceWishes(values: Params, edits: FaceEdits | undefined): FaceWishes {
  const { detector, model, faceAlpha, smallestEyesPx, guard } = values;
  return { detector, model, alpha: faceAlpha, smallestEyesPx, guard, edits };
}

export function faceBench({ models, store, remember = forgetful }: StepTools): FaceBench {
  return { models, store, remember };
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
