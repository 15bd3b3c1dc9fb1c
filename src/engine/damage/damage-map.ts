import type { DamageKind } from '../../shared/damage.ts';

/**
 * How much speaks for damage at each pixel, and of what kind: two bytes a pixel, so that a large scan can be kept.
 *
 * Evidence is the logarithm of the odds, so that more or less certainty is asked for by adding: 128 is where damage is marked at the middle
 * sensitivity, and 16 steps are one unit.
 */
export interface DamageMap {
  readonly width: number;
  readonly height: number;
  /** Size of the picture it speaks of: the map of a very large one is smaller by a factor. */
  readonly picture: { readonly width: number; readonly height: number };
  /** What `kind` counts into. */
  readonly kinds: readonly DamageKind[];
  /** Row by row; 0 where nothing speaks for damage. */
  readonly evidence: Uint8Array;
  /** Index in `kinds` of what is likeliest there. */
  readonly kind: Uint8Array;
  readonly sort: PictureSort;
  /** How much more certainty its places need at the middle sensitivity, in log-odds, as the photo as a whole seems clean; negative where it is surely damaged. See `doubtPhoto`. */
  readonly doubt: number;
}

/**
 * What is known of a picture whatever is found on it: most of what has no color, or one tone, is an old print or film, and on these damage is far likelier
 * than on a photograph in color; the dots of a printing screen look like dust.
 */
export type PictureSort = 'color' | 'monochrome' | 'screened';

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
    evidence: new Uint8Array(pixels),
    kind: new Uint8Array(pixels),
    sort: 'color',
    doubt: 0,
  };
}

/** Evidence where damage is marked at the middle sensitivity, and what one unit of log-odds counts. */
export const evenEvidence = 128;
export const evidenceStep = 16;

/** The evidence of a probability from 0 to 1, where `even` is the probability at which damage is marked at the middle sensitivity. */
export function evidenceOf(probability: number, even = 0.5): number {
  return toEvidence(logOdds(probability) - logOdds(even));
}

/** From log-odds to what a map holds. */
export function toEvidence(odds: number): number {
  return Math.round(Math.min(255, Math.max(0, evenEvidence + evidenceStep * odds)));
}

export function logOdds(probability: number): number {
  return Math.log(Math.max(1e-6, probability) / Math.max(1e-6, 1 - probability));
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
