import sharp from 'sharp';
import type { FaceInspection, FaceReport } from '../../src/shared/contract.ts';
import { type FaceBox, type FaceEdits, faceEditsAt } from '../../src/shared/face-edit.ts';
import type { FakeEngine, Stored } from './fake-engine.ts';

const cropPx = 128;

/** Two faces in every picture (one of them would become somebody else) and those that were drawn: real crops, scripted findings. */
export async function fakeInspection(
  engine: FakeEngine,
  { info, pixels }: Stored,
  edits: FaceEdits | undefined,
): Promise<FaceInspection> {
  const { width, height } = info;
  const known = edits === undefined ? [] : faceEditsAt(edits, info);
  const found = [
    {
      id: 'face-1',
      box: at(width, height, 0.2, 0.25),
      startsOn: true,
      identityDistance: 0.08,
      embeddingDistance: 0.27,
    },
    {
      id: 'face-2',
      box: at(width, height, 0.6, 0.3),
      startsOn: false,
      identityDistance: 0.41,
      warning:
        'The restored face differs too much from the photo to be surely the same person (0.41; the limit is 0.3).',
    },
  ];
  const drawn = known
    .filter(({ id }) => !found.some((face) => face.id === id))
    .map(({ id, box }) => ({ id, box, startsOn: true, identityDistance: 0.1 }));
  const faces = await Promise.all(
    [...found, ...drawn].map(async (face): Promise<FaceReport> => {
      const edit = known.find(({ id }) => id === face.id);
      const crop = sharp(pixels)
        .extract(whole(face.box, width, height))
        .resize(cropPx, cropPx, { fit: 'fill' });
      const before = await crop.png().toBuffer();
      return {
        ...face,
        source: edit?.source ?? 'found',
        points: edit?.points ?? pointsIn(face.box),
        eyeDistancePx: 0.4 * face.box.width,
        ...(drawn.some(({ id }) => id === face.id) ? {} : { score: 0.93 }),
        before: await engine.store(before),
        after: await engine.store(await sharp(before).negate().png().toBuffer()),
      };
    }),
  );
  return { width, height, faces };
}

function at(width: number, height: number, x: number, y: number): FaceBox {
  return { x: x * width, y: y * height, width: 0.15 * width, height: 0.2 * width };
}

function whole(box: FaceBox, width: number, height: number) {
  const left = Math.max(0, Math.floor(box.x));
  const top = Math.max(0, Math.floor(box.y));
  return {
    left,
    top,
    width: Math.max(1, Math.min(width - left, Math.round(box.width))),
    height: Math.max(1, Math.min(height - top, Math.round(box.height))),
  };
}

function pointsIn({ x, y, width, height }: FaceBox) {
  const shares = [
    [0.3, 0.4],
    [0.7, 0.4],
    [0.5, 0.6],
    [0.33, 0.75],
    [0.67, 0.75],
  ] as const;
  return shares.map(([across, down]) => ({ x: x + across * width, y: y + down * height }));
}
