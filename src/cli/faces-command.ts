import { resolve } from 'node:path';
import { createContext } from '../engine/context.ts';
import { detectFaces } from '../engine/faces/detect-faces.ts';
import { eyeDistance } from '../engine/faces/geometry.ts';
import { type NamedFace, nameFaces } from '../engine/faces/merge-detections.ts';
import { openFaceDetector } from '../engine/faces/open-face-detector.ts';
import { openPhoto } from '../engine/image/decode.ts';
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
  { name: 'json', help: 'Print JSON.' },
  { name: 'verbose', help: 'Say what the engine does.' },
];

export const facesCommand: Command = {
  name: 'faces',
  summary: 'list the faces in a photo',
  help: () => `heirloom faces FILE [--json] [--detector ID]

Lists the faces in a photo: where each is, how sure the detector is, and where the eyes, the nose and the corners of the mouth are,
in pixels from the top left corner. Left and right are as seen in the photo.

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
        const found = await detectFaces(image, detector, {
          smallestEyesPx,
          tryTurned: !given.has('upright'),
          store,
          context: createContext(terminal.signal),
        });
        const faces = nameFaces(found);
        terminal.out(
          given.has('json') ? `${JSON.stringify(faces.map(toJson), undefined, 2)}\n` : describe(faces),
        );
        return exitCodes.ok;
      }),
    );
  },
};

const pointNames = ['leftEye', 'rightEye', 'nose', 'leftMouthCorner', 'rightMouthCorner'] as const;

function toJson({ id, score, left, top, right, bottom, points }: NamedFace): unknown {
  const rounded = (value: number): number => Math.round(value * 100) / 100;
  return {
    id,
    score: Math.round(score * 1000) / 1000,
    box: { x: rounded(left), y: rounded(top), width: rounded(right - left), height: rounded(bottom - top) },
    points: Object.fromEntries(
      points.map(([x, y], i) => [pointNames[i] ?? `point${i}`, { x: rounded(x), y: rounded(y) }] as const),
    ),
    eyeDistancePx: rounded(eyeDistance(points)),
  };
}

function describe(faces: readonly NamedFace[]): string {
  if (faces.length === 0) return 'No face was found.\n';
  const rows = faces.map(({ id, score, left, top, right, bottom, points }) => [
    id,
    `${Math.round(right - left)}×${Math.round(bottom - top)}`,
    `${Math.round(left)},${Math.round(top)}`,
    score.toFixed(2),
    eyeDistance(points).toFixed(0),
    points.map(([x, y]) => `${Math.round(x)},${Math.round(y)}`).join(' '),
  ]);
  const table = [
    [
      'face',
      'size',
      'at',
      'score',
      'eyes px',
      'left eye, right eye, nose, left and right corner of the mouth',
    ],
    ...rows,
  ];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
