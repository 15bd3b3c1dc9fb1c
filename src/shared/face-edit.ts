import { HeirloomError } from './failure.ts';
import {
  array,
  boolean,
  type Infer,
  integer,
  number,
  object,
  oneOf,
  optional,
  type Schema,
  string,
} from './schema.ts';

const coordinatePx = number(-1e6, 1e6);
const lengthPx = number(1e-3, 1e6);
const pointSchema = object({ x: coordinatePx, y: coordinatePx });
const boxSchema = object({ x: coordinatePx, y: coordinatePx, width: lengthPx, height: lengthPx });

/** Left eye, right eye, nose, left and right corner of the mouth, as seen in the photo. */
const fivePoints: Schema<readonly Infer<typeof pointSchema>[]> = {
  parse(value, path = '') {
    const points = array(pointSchema, 5).parse(value, path);
    if (points.length !== 5)
      throw new HeirloomError(
        'bad-input',
        `${path || 'A face'} should have five points, but has ${points.length}.`,
      );
    return points;
  },
};

/** What somebody decided about one face. */
const faceEditSchema = object({
  /** Stays with the face when it is searched again. */
  id: string(100),
  /** 'found': by the detector; 'corrected': found, but its points were put right by hand; 'drawn': marked by hand where the detector saw nothing. */
  source: oneOf('found', 'corrected', 'drawn'),
  /** Where the face is: what recognizes it when it is searched again. */
  box: boxSchema,
  /** The five points; of a drawn box they may be missing, then they are looked for in it. */
  points: optional(fivePoints),
  /** 'auto': restored unless it is small or would become somebody else. */
  state: oneOf('auto', 'accepted', 'rejected'),
  /** Its own strength in place of the step's, 0 to 1. */
  strength: optional(number(0, 1)),
  /** Its own network in place of the step's. */
  model: optional(string(100)),
  /** Its own place between the two ends of the pair. */
  alpha: optional(number(0, 1)),
  /** The eyes stay as they are in the photo. */
  protectEyes: boolean(),
  /** The mouth stays as it is in the photo. */
  protectMouth: boolean(),
});

export type FaceEdit = Infer<typeof faceEditSchema>;
export type FaceBox = FaceEdit['box'];

const pxSize = integer(1, 1_000_000);

const editsFields = object({
  /** Size of the picture the coordinates speak of; a picture of other size but the same proportions is served by scaling. */
  width: pxSize,
  height: pxSize,
  /** The part of it that is shown, for previews; all of it if left out. */
  window: optional(boxSchema),
  faces: array(faceEditSchema, 2000),
});

/** The decisions about the faces of one photo; faces that are not named are left to the step. */
export type FaceEdits = Infer<typeof editsFields>;

export const faceEditsSchema: Schema<FaceEdits> = {
  parse(value, path = '') {
    const edits = editsFields.parse(value, path);
    if (new Set(edits.faces.map(({ id }) => id)).size !== edits.faces.length)
      throw new HeirloomError('bad-input', `${path || 'The list of faces'} names one face twice.`);
    return edits;
  },
};

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The same decisions for a part of their picture: `part` in pixels of the whole of size `whole`. */
export function faceEditsForPart(edits: FaceEdits, part: FaceBox, whole: Size): FaceEdits {
  const shown = edits.window ?? { x: 0, y: 0, width: edits.width, height: edits.height };
  const across = shown.width / whole.width;
  const down = shown.height / whole.height;
  const window = {
    x: shown.x + part.x * across,
    y: shown.y + part.y * down,
    width: part.width * across,
    height: part.height * down,
  };
  return { ...edits, window };
}

/** The edits in pixels of a picture of size `size`. */
export function faceEditsAt(edits: FaceEdits, size: Size): readonly FaceEdit[] {
  const shown = edits.window ?? { x: 0, y: 0, width: edits.width, height: edits.height };
  const across = size.width / shown.width;
  const down = size.height / shown.height;
  return edits.faces.map((face) => ({
    ...face,
    box: {
      x: (face.box.x - shown.x) * across,
      y: (face.box.y - shown.y) * down,
      width: face.box.width * across,
      height: face.box.height * down,
    },
    ...(face.points === undefined
      ? {}
      : { points: face.points.map(({ x, y }) => ({ x: (x - shown.x) * across, y: (y - shown.y) * down })) }),
  }));
}
