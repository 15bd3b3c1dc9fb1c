import { HeirloomError } from '../../shared/failure.ts';
import type { ParamValues } from '../../shared/params.ts';
import type { Context } from '../context.ts';
import { detectFaces } from '../faces/detect-faces.ts';
import { chooseFaceDetector, openFaceDetector } from '../faces/open-face-detector.ts';
import { type FacePatch, pasteFaces } from '../faces/paste-faces.ts';
import { restoreFace } from '../faces/restore-face.ts';
import type { Image } from '../image/image.ts';
import type { ModelHub } from '../models/model-hub.ts';
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
} as const;

type Params = ParamValues<typeof params>;

/**
 * Finds the faces and restores each from the picture as it reaches this step, at its size; a following enlargement sees the restored faces.
 *
 * Strength acts on what is pasted, so it moves evenly. Without a face, or with none that passes the guard, the result is the input itself.
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
    return [detector, restorer, ...(parser === undefined ? [] : [parser])].map((id) => hub.key({ id }));
  },
  outputSize: (input) => ({ width: input.width, height: input.height }),
  // A face that reaches into a part must be seen whole; most of those that fill a part are.
  contextPx: async () => 256,
  run: async (image, values, tools, context) => {
    if (tools.strength === 0) return image;
    const patches = await restoreAll(image, values, tools, context.part(0, 0.9));
    if (patches.length === 0) return image;
    return pasteFaces(image, image, patches, { store: tools.store, context: context.part(0.9, 1) });
  },
});

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
