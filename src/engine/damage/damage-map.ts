import type { DamageKind } from '../../shared/damage.ts';

/** How likely each pixel is damaged, and by what: two bytes a pixel, so that a large scan can be kept. */
export interface DamageMap {
  readonly width: number;
  readonly height: number;
  /** Size of the picture it speaks of: the map of a very large one is smaller by a factor. */
  readonly picture: { readonly width: number; readonly height: number };
  /** What `kind` counts into. */
  readonly kinds: readonly DamageKind[];
  /** 0 to 255 for 0 to 1, row by row. */
  readonly probability: Uint8Array;
  /** Index in `kinds` of what is likeliest there. */
  readonly kind: Uint8Array;
}

/** A map that knows of no damage. */
export function emptyMap(
  size: { readonly width: number; readonly height: number },
  picture: { readonly width: number; readonly height: number },
  kinds: readonly DamageKind[],
): DamageMap {
  const { width, height } = size;
  const pixels = width * height;
  return {
    width,
    height,
    picture: { width: picture.width, height: picture.height },
    kinds,
    probability: new Uint8Array(pixels),
    kind: new Uint8Array(pixels),
  };
}

/** The largest map: beyond this it is made smaller than the picture. */
const mostMapPixels = 64e6;

/** Size of the map of a picture. */
export function mapSizeOf(picture: { readonly width: number; readonly height: number }): {
  width: number;
  height: number;
} {
  const factor = Math.min(1, Math.sqrt(mostMapPixels / (picture.width * picture.height)));
  const scaled = (length: number): number => Math.max(1, Math.round(length * factor));
  return { width: scaled(picture.width), height: scaled(picture.height) };
}
