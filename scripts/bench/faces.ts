import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { quietContext } from '../../src/engine/context.ts';
import { detectFaces } from '../../src/engine/faces/detect-faces.ts';
import { openFaceDetector } from '../../src/engine/faces/open-face-detector.ts';
import { cropImage } from '../../src/engine/image/crop-image.ts';
import { openPhoto } from '../../src/engine/image/decode.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { createImageStore } from '../../src/engine/image/image-store.ts';
import { openModelFiles } from '../../src/engine/models/model-files.ts';
import type { ModelHub } from '../../src/engine/models/model-hub.ts';
import { enlarge } from '../../src/engine/steps/enlarge.ts';
import { faces } from '../../src/engine/steps/faces.ts';
import type { FaceEdit, FaceEdits } from '../../src/shared/face-edit.ts';
import { defaultParams } from '../../src/shared/params.ts';
import { cpuHub } from './cpu-hub.ts';
import { type Measurement, timed } from './measurement.ts';
import { inBenchFolder, writeTestPhoto } from './test-photo.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Where no detector ships yet. */
const publicDetector = join(root, '../shared/data/weights/face_yunet/weights/yunet_n.pth');
/** Of the right shapes, with random weights: what there is without an installed restorer; it is much smaller than a real one. */
const tinyRestorer = join(root, 'tests/fixtures/golden/gfpgan-v1-clean.pth');
const facesInPhoto = 4;

/** Looking for faces in a 24-megapixel photo, and what the step Faces takes beside the enlargement of the background. */
export function measureFaces(): Promise<readonly Measurement[]> {
  return inBenchFolder(async (folder) => {
    const files = openModelFiles([join(root, 'resources/models')], join(folder, 'models'));
    const missing = (role: string): boolean =>
      !files.entries.some((entry) => entry.role === role && files.path(entry.id) !== undefined);
    if (missing('face-detect') && existsSync(publicDetector))
      await files.add(publicDetector, { title: basename(publicDetector), role: 'face-detect' });
    if (missing('face-restore'))
      await files.add(tinyRestorer, { title: 'a tiny restorer of random weights', role: 'face-restore' });
    if (missing('face-detect')) return [];
    const hub = cpuHub(files);
    const store = createImageStore({ directory: join(folder, 'scratch'), memoryBudgetBytes: 2 ** 30 });
    try {
      const open = async (width: number, height: number): Promise<Image> => {
        const path = join(folder, `${width}.jpg`);
        await writeTestPhoto(path, width, height);
        return (await openPhoto(path, { store })).image;
      };
      return [
        ...(await measureSearch(await open(6000, 4000), hub, store)),
        ...(await measureStep(await open(1152, 864), hub, store)),
      ];
    } finally {
      await hub.close();
      await store.close();
    }
  });
}

type Store = ReturnType<typeof createImageStore>;

async function measureSearch(image: Image, hub: ModelHub, store: Store): Promise<Measurement[]> {
  const id = hub.defaultFor('face-detect') ?? '';
  const detector = await openFaceDetector(hub, id);
  const search = (smallestEyesPx: number, tryTurned: boolean): Promise<number> =>
    timed(() => detectFaces(image, detector, { smallestEyesPx, tryTurned, store, context: quietContext() }));
  await search(300, false);
  return [
    {
      what: `${hub.entry(id).title}: faces of at least 12 px between the eyes in 24 megapixels`,
      value: (await search(12, false)) / 1000,
      unit: 's',
    },
    {
      what: 'the same, and lying on its sides and upside down: as the step and the studio look',
      value: (await search(12, true)) / 1000,
      unit: 's',
    },
  ];
}

/** The step is timed alone, on a background that was enlarged once: what it adds is what it takes. */
async function measureStep(image: Image, hub: ModelHub, store: Store): Promise<Measurement[]> {
  const tools = { store, models: hub, strength: 1, photo: { dpi: undefined } };
  const enlarging = { ...defaultParams(enlarge.params), factor: 2 };
  const warmUp = cropImage(image, { x: 0, y: 0, width: 128, height: 128 });
  await (await enlarge.run(warmUp, enlarging, tools, quietContext())).dispose();
  let background = image;
  const alone = await timed(async () => {
    background = await enlarge.run(image, enlarging, tools, quietContext());
  });
  const runFaces = async (edits?: FaceEdits): Promise<void> => {
    const own = { ...tools, facesFrom: image, ...(edits === undefined ? {} : { faces: edits }) };
    const result = await faces.run(background, defaultParams(faces.params), own, quietContext());
    if (result !== background) await result.dispose();
  };
  const fastest = async (work: () => Promise<void>): Promise<number> =>
    Math.min(await timed(work), await timed(work));
  const none = await fastest(() => runFaces());
  const some = await fastest(() => runFaces(drawnFaces(image)));
  await background.dispose();
  const restorer = hub.entry(
    hub.defaultFor('face-restore', 'fidelity') ?? hub.defaultFor('face-restore') ?? '',
  ).title;
  return [
    { what: 'enlarge ×2, 1 megapixel: the background alone', value: alone / 1000, unit: 's' },
    {
      what: 'with the step Faces, no face in the photo: time over the background alone',
      value: (alone + none) / alone,
      unit: '×',
    },
    {
      what: `with the step Faces, ${facesInPhoto} faces (${restorer}): time over the background alone`,
      value: (alone + some) / alone,
      unit: '×',
    },
    { what: 'the same, per face', value: (some - none) / facesInPhoto / 1000, unit: 's' },
  ];
}

/** Marked by hand, so that it does not depend on what a detector sees in a made-up photo. */
function drawnFaces({ width, height }: Image): FaceEdits {
  const list = Array.from({ length: facesInPhoto }, (_, i): FaceEdit => {
    const box = { x: 60 + (i * width) / facesInPhoto, y: height / 3, width: 150, height: 190 };
    return {
      id: `drawn-${i + 1}`,
      source: 'drawn',
      box,
      state: 'accepted',
      protectEyes: false,
      protectMouth: false,
    };
  });
  return { width, height, faces: list };
}
