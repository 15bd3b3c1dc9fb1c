import { HeirloomError } from '../../shared/failure.ts';
import { defaultParams, type ParamValues } from '../../shared/params.ts';
import type { Context } from '../context.ts';
import { thenScaled, toAffine } from '../faces/affine.ts';
import { cropFace } from '../faces/crop-face.ts';
import { detectFaces } from '../faces/detect-faces.ts';
import { invertSimilarity } from '../faces/geometry.ts';
import { chooseFaceDetector, openFaceDetector } from '../faces/open-face-detector.ts';
import { type FacePatch, pasteFaces } from '../faces/paste-faces.ts';
import { restoreFace } from '../faces/restore-face.ts';
import type { Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import type { ModelHub } from '../models/model-hub.ts';
import { enlarge } from './enlarge.ts';
import { defineStep, type StepTools } from './step.ts';

const params = {
  model: {
    kind: 'model',
    label: 'Restorer',
    help: 'The network that restores faces.',
    role: 'face-restore',
    default: '',
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
    help: 'Faces whose eyes are closer together than this stay as they are.',
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
 * Strength acts on what is pasted, so it moves evenly. Without a face, or with none that passes the guard, the result is the input itself (or the enlarged one).
 */
export const faces = defineStep({
  id: 'faces',
  version: 1,
  title: 'Faces',
  summary: 'Restores faces, and leaves those alone that would become somebody else.',
  params,
  strength: 'own',
  models: (values, hub) => {
    const { detector, restorer, parser } = choose(values, hub);
    const keys = [detector, restorer, ...(parser === undefined ? [] : [parser])].map((id) => hub.key({ id }));
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

async function restoreAll(
  image: Image,
  values: Params,
  { models, store, strength }: StepTools,
  context: Context,
): Promise<FacePatch[]> {
  const ids = choose(values, models);
  const detector = await openFaceDetector(models, ids.detector);
  const found = await detectFaces(image, detector, {
    smallestEyesPx: values.smallestEyesPx,
    tryTurned: true,
    store,
    context: context.part(0, 0.3),
  });
  if (found.length === 0) return [];
  const restorer = await models.open({ id: ids.restorer });
  const parser = ids.parser === undefined ? undefined : await models.openNetwork(ids.parser);
  const patches: FacePatch[] = [];
  for (const [index, face] of found.entries()) {
    const part = context.part(0.3 + (0.7 * index) / found.length, 0.3 + (0.7 * (index + 1)) / found.length);
    part.report(0, `Face ${index + 1} of ${found.length}`);
    const { toCrop, change, mask, warning } = await restoreFace(
      image,
      face.points,
      { restorer, parser },
      { store, context: part },
    );
    if (warning === undefined || !values.guard) patches.push({ toCrop, change, mask, strength });
  }
  return patches;
}

/** @throws HeirloomError `missing-model` saying which kind of model there is none of. */
function choose(
  values: Pick<Params, 'model' | 'detector'>,
  hub: ModelHub,
): { detector: string; restorer: string; parser: string | undefined } {
  const detector = chooseFaceDetector(hub, values.detector);
  const restorer = values.model || hub.defaultFor('face-restore');
  if (restorer === undefined) {
    throw new HeirloomError(
      'missing-model',
      'There is no model for restoring faces on this machine.',
      'Add one, such as GFPGAN or RestoreFormer, in the models panel or with "heirloom models add FILE".',
    );
  }
  return { detector, restorer, parser: hub.defaultFor('face-parse') };
}
