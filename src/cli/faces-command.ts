import { resolve } from 'node:path';
import { type Context, createContext } from '../engine/context.ts';
import { detectFaces } from '../engine/faces/detect-faces.ts';
import { eyeDistance } from '../engine/faces/geometry.ts';
import type { IdentityVerdict } from '../engine/faces/identity-guard.ts';
import type { FaceBench } from '../engine/faces/locate-faces.ts';
import { type NamedFace, nameFaces } from '../engine/faces/merge-detections.ts';
import { openFaceDetector } from '../engine/faces/open-face-detector.ts';
import { restoreLocated } from '../engine/faces/restore-located.ts';
import { openPhoto } from '../engine/image/decode.ts';
import type { Image } from '../engine/image/image.ts';
import { faceBench } from '../engine/steps/faces.ts';
import { type Command, UsageError } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { describeFlags, type Flag, numberFrom, parseFlags } from './flags.ts';
import { withEngine } from './open-engine.ts';
import { withStore } from './with-store.ts';

/** Of a face 16 pixels wide, the smallest that is told from what only looks like one. */
const defaultEyesPx = 6.4;

const flags: readonly Flag[] = [
  {
    name: 'detector',
    takes: 'ID',
    help: 'The model that finds faces; the first one on this machine if left out.',
  },
  {
    name: 'eyes',
    takes: 'N',
    help: `Leave out faces whose eyes are fewer pixels apart; ${defaultEyesPx} if left out.`,
  },
  { name: 'upright', help: 'Do not look for faces in a print that lies on its side.' },
  {
    name: 'try',
    help: 'Restore each face for a look, and say how far the result is from the person and whether that is too far.',
  },
  { name: 'json', help: 'Print JSON.' },
  { name: 'verbose', help: 'Say what the engine does.' },
];

export const facesCommand: Command = {
  name: 'faces',
  summary: 'list the faces in a photo',
  help: () => `heirloom faces FILE [--try] [--json] [--detector ID]

Lists the faces in a photo: where each is, how sure the detector is, and where the eyes, the nose and the corners of the mouth are,
in pixels from the top left corner. Left and right are as seen in the photo. With --try, also how far each would be from the person once
restored: by its structure (0 to 1) and, where a network that recognizes faces is installed, by its embedding (0 to 2).

${describeFlags(flags)}
`,
  run: async (args, terminal) => {
    const given = parseFlags(args, flags);
    const [file, ...more] = given.positionals;
    if (file === undefined || more.length > 0) throw new UsageError('Use it as: heirloom faces FILE');
    const smallestEyesPx = numberFrom(given.text('eyes') ?? String(defaultEyesPx), 'eyes');
    if (smallestEyesPx < 1) throw new UsageError(`--eyes should be at least 1, but is ${smallestEyesPx}.`);
    return withEngine(terminal, given.has('verbose'), ({ engine }) =>
      withStore(async (store) => {
        const detector = await openFaceDetector(engine.models, given.text('detector'));
        const { image } = await openPhoto(resolve(file), { store, signal: terminal.signal });
        const context = createContext(terminal.signal);
        const found = await detectFaces(image, detector, {
          smallestEyesPx,
          tryTurned: !given.has('upright'),
          store,
          context: context.part(0, 0.5),
        });
        const named = nameFaces(found);
        const faces = given.has('try')
          ? await tryOut(image, named, faceBench({ models: engine.models, store }), context.part(0.5, 1))
          : named;
        terminal.out(
          given.has('json') ? `${JSON.stringify(faces.map(toJson), undefined, 2)}\n` : describe(faces),
        );
        return exitCodes.ok;
      }),
    );
  },
};

/** The fidelity end of the restorer that ships, or of the first on this machine, as the step takes it. */
const asTheStep = { model: '', alpha: 0 };

interface TriedFace extends NamedFace, Partial<IdentityVerdict> {}

async function tryOut(
  image: Image,
  faces: readonly NamedFace[],
  bench: FaceBench,
  context: Context,
): Promise<readonly TriedFace[]> {
  const tried: TriedFace[] = [];
  for (const [index, face] of faces.entries()) {
    const part = context.part(index / faces.length, (index + 1) / faces.length);
    const { identityDistance, embeddingDistance, warning } = await restoreLocated(
      image,
      face,
      asTheStep,
      bench,
      part,
    );
    tried.push({
      ...face,
      identityDistance,
      ...(embeddingDistance === undefined ? {} : { embeddingDistance }),
      ...(warning === undefined ? {} : { warning }),
    });
  }
  return tried;
}

const pointNames = ['leftEye', 'rightEye', 'nose', 'leftMouthCorner', 'rightMouthCorner'] as const;

function toJson(face: TriedFace): unknown {
  const { id, score, left, top, right, bottom, points } = face;
  const { identityDistance, embeddingDistance, warning } = face;
  const rounded = (value: number): number => Math.round(value * 100) / 100;
  const precise = (value: number): number => Math.round(value * 1000) / 1000;
  return {
    id,
    score: precise(score),
    box: { x: rounded(left), y: rounded(top), width: rounded(right - left), height: rounded(bottom - top) },
    points: Object.fromEntries(
      points.map(([x, y], i) => [pointNames[i] ?? `point${i}`, { x: rounded(x), y: rounded(y) }] as const),
    ),
    eyeDistancePx: rounded(eyeDistance(points)),
    ...(identityDistance === undefined ? {} : { identityDistance: precise(identityDistance) }),
    ...(embeddingDistance === undefined ? {} : { embeddingDistance: precise(embeddingDistance) }),
    ...(warning === undefined ? {} : { warning }),
  };
}

function describe(faces: readonly TriedFace[]): string {
  if (faces.length === 0) return 'No face was found.\n';
  const distances = ({ identityDistance, embeddingDistance }: TriedFace): string[] =>
    identityDistance === undefined
      ? []
      : [[identityDistance, embeddingDistance].flatMap((value) => value?.toFixed(2) ?? []).join(' ')];
  const rows = faces.map((face) => [
    face.id,
    `${Math.round(face.right - face.left)}×${Math.round(face.bottom - face.top)}`,
    `${Math.round(face.left)},${Math.round(face.top)}`,
    face.score.toFixed(2),
    eyeDistance(face.points).toFixed(0),
    ...distances(face),
    face.points.map(([x, y]) => `${Math.round(x)},${Math.round(y)}`).join(' '),
  ]);
  const table = [
    [
      'face',
      'size',
      'at',
      'score',
      'eyes px',
      ...(faces[0]?.identityDistance === undefined ? [] : ['distance']),
      'left eye, right eye, nose, left and right corner of the mouth',
    ],
    ...rows,
  ];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  const warnings = faces.flatMap(({ id, warning }) => (warning === undefined ? [] : [`${id}: ${warning}`]));
  return [...lines, ...warnings].map((line) => `${line}\n`).join('');
}
