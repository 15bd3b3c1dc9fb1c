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
  union,
} from './schema.ts';

const coordinatePx = number(-1e6, 1e6);
const corner = object({ x: coordinatePx, y: coordinatePx });

/** A brush stroke: a line through points, as wide as the pen was pressed. */
const strokeSchema = object({
  kind: oneOf('stroke'),
  points: array(object({ x: coordinatePx, y: coordinatePx, pressure: number(0, 1) }), 50_000),
  /** Of the brush at full pressure; the pressure scales it. */
  radiusPx: number(0.1, 20_000),
  /** 1 = hard edge, 0 = falls off from the middle of the stroke. */
  hardness: number(0, 1),
  /** Takes away from what earlier shapes selected. */
  erase: boolean(),
});

const rectangleSchema = object({
  kind: oneOf('rectangle'),
  x: coordinatePx,
  y: coordinatePx,
  width: number(0, 1e6),
  height: number(0, 1e6),
  erase: boolean(),
});

/** A closed outline; what it goes around more than once stays selected. */
const lassoSchema = object({ kind: oneOf('lasso'), points: array(corner, 50_000), erase: boolean() });

/**
 * A selection that came as a picture (from a file or a detector): row by row from the top left of the mask, the lengths of runs that are
 * out, in, out, in ... The first may be 0; what is missing at the end is out.
 */
const bitmapSchema = object({ kind: oneOf('bitmap'), runs: array(integer(0), 4_000_000), erase: boolean() });

const pxSize = integer(1, 1_000_000);

const maskFields = object({
  /** Size of the picture the coordinates speak of; a picture of other size but the same proportions is served by scaling. */
  width: pxSize,
  height: pxSize,
  /** The part of it that is shown, for previews; all of it if left out. */
  window: optional(
    object({ x: coordinatePx, y: coordinatePx, width: number(1e-3, 1e6), height: number(1e-3, 1e6) }),
  ),
  /** 'act': the step acts only where something is selected; 'protect': only where nothing is. */
  mode: oneOf('act', 'protect'),
  /** In the order of painting; later ones act on what earlier ones left. */
  shapes: array(union(strokeSchema, rectangleSchema, lassoSchema, bitmapSchema), 20_000),
  /** The selection is what the shapes leave out. */
  invert: boolean(),
  /** Moves the edge of the selection outwards; negative: inwards. */
  growPx: number(-2000, 2000),
  /** Width of the soft edge outside of the selection. */
  featherPx: number(0, 2000),
});

export type Mask = Infer<typeof maskFields>;
export type MaskShape = Mask['shapes'][number];

const mostPoints = 1_000_000;
/** Pixels visited by all strokes together; a day of painting stays far below. */
const mostBrushPixels = 4e10;

/**
 * Where a step acts, as data: shapes in the coordinates of the picture it was painted on. Bounded, so that no mask takes forever to draw.
 */
export const maskSchema: Schema<Mask> = {
  parse(value, path = '') {
    const mask = maskFields.parse(value, path);
    let points = 0;
    let brushPixels = 0;
    for (const shape of mask.shapes) {
      if (shape.kind === 'bitmap' || shape.kind === 'rectangle') continue;
      points += shape.points.length;
      if (shape.kind === 'stroke') {
        const side = Math.min(2 * shape.radiusPx, Math.max(mask.width, mask.height));
        brushPixels += shape.points.length * side * side;
      }
    }
    if (points > mostPoints || brushPixels > mostBrushPixels) {
      throw new HeirloomError(
        'bad-input',
        `${path || 'The mask'} has more and larger strokes than Heirloom draws.`,
        'Split it over several steps, or use a mask picture.',
      );
    }
    return mask;
  },
};

/** A mask that selects nothing yet, for a picture of this size. */
export function emptyMask(size: { readonly width: number; readonly height: number }): Mask {
  return {
    width: size.width,
    height: size.height,
    mode: 'act',
    shapes: [],
    invert: false,
    growPx: 0,
    featherPx: 0,
  };
}

/** The same mask for a part of its picture: `part` in pixels of the whole of size `whole`. */
export function maskForPart(
  mask: Mask,
  part: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  whole: { readonly width: number; readonly height: number },
): Mask {
  const shown = mask.window ?? { x: 0, y: 0, width: mask.width, height: mask.height };
  const across = shown.width / whole.width;
  const down = shown.height / whole.height;
  return {
    ...mask,
    window: {
      x: shown.x + part.x * across,
      y: shown.y + part.y * down,
      width: part.width * across,
      height: part.height * down,
    },
  };
}
