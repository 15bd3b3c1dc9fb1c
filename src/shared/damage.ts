import type { Mask } from './mask.ts';

/**
 * What damage is told apart: scratches and hairs, dust and spots, stains, folds and cracks (what the network knows, in the order of its
 * outputs), and parts of the print that are torn off.
 */
export const damageKinds = ['scratch', 'dust', 'stain', 'fold', 'tear'] as const;
export type DamageKind = (typeof damageKinds)[number];

/** Each kind as the user reads it: one, and several. */
export const damageNames: Readonly<Record<DamageKind, readonly [one: string, several: string]>> = {
  scratch: ['scratch', 'scratches'],
  dust: ['speck', 'specks'],
  stain: ['stain', 'stains'],
  fold: ['fold', 'folds'],
  tear: ['missing part', 'missing parts'],
};

/** The parameters by which a step that looks for damage leaves each kind out. */
export const damageParams = {
  scratch: 'scratches',
  dust: 'dust',
  stain: 'stains',
  fold: 'folds',
  tear: 'tears',
} as const satisfies Readonly<Record<DamageKind, string>>;

/** Kinds that are easily mistaken for what belongs to the photo: only looked for when asked. */
const onlyWhenAsked: readonly DamageKind[] = ['stain'];

/** The kinds that such parameters ask for, where one that is not mentioned has its default. */
export function kindsWanted(params: Readonly<Record<string, unknown>>): readonly DamageKind[] {
  return damageKinds.filter((kind) => params[damageParams[kind]] ?? !onlyWhenAsked.includes(kind));
}

/** A finished search for damage. How likely each pixel is damaged stays with the engine, under `id`. */
export interface DamageSearch {
  readonly id: string;
  /** Size of the picture that was searched. */
  readonly width: number;
  readonly height: number;
  /** What this search tells apart. */
  readonly kinds: readonly DamageKind[];
  /** Sentences the user should know, such as that faces are treated with more care. */
  readonly notices: readonly string[];
}

/** How much there is of one kind. */
export interface DamageCount {
  readonly kind: DamageKind;
  /** Connected places. */
  readonly places: number;
  /** Share of the picture's area, 0 to 1. */
  readonly share: number;
}

/** What a search found at one sensitivity: shown first, applied when accepted. */
export interface DamageProposal {
  /** One bitmap, on the picture that was searched; it has no shape when nothing was found. */
  readonly mask: Mask;
  /** Share of the picture's area, 0 to 1, before the mask is grown. */
  readonly share: number;
  /** Only kinds of which something was found. */
  readonly found: readonly DamageCount[];
  /** What was found, in words; nothing is an answer too. */
  readonly sentence: string;
}
