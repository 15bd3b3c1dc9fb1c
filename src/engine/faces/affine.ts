import type { Point } from '../architectures/face-detection.ts';
import type { Similarity } from './geometry.ts';

/** Any affine map in continuous coordinates: (x, y) → (xx·x + xy·y + tx, yx·x + yy·y + ty). */
export interface Affine {
  readonly xx: number;
  readonly xy: number;
  readonly yx: number;
  readonly yy: number;
  readonly tx: number;
  readonly ty: number;
}

/** A point moved. */
export function applyAffine({ xx, xy, yx, yy, tx, ty }: Affine, [x, y]: Point): Point {
  return [xx * x + xy * y + tx, yx * x + yy * y + ty];
}

/** The map that scales by (scaleX, scaleY) after `first` moved by (−offsetX, −offsetY). */
export function thenScaled(first: Affine, offset: Point, scaleX: number, scaleY: number): Affine {
  return {
    xx: first.xx * scaleX,
    xy: first.xy * scaleX,
    tx: (first.tx - offset[0]) * scaleX,
    yx: first.yx * scaleY,
    yy: first.yy * scaleY,
    ty: (first.ty - offset[1]) * scaleY,
  };
}

/** The map that first divides by (scaleX, scaleY): from pixels of an enlarged picture through those of the original. */
export function afterScaling(then: Affine, scaleX: number, scaleY: number): Affine {
  return { ...then, xx: then.xx / scaleX, yx: then.yx / scaleX, xy: then.xy / scaleY, yy: then.yy / scaleY };
}

export function toAffine({ a, b, tx, ty }: Similarity): Affine {
  return { xx: a, xy: -b, yx: b, yy: a, tx, ty };
}
