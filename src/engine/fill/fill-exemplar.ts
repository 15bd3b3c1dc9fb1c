import { seededNumbers } from '../models/seeded-numbers.ts';
import { doubledField, measureField, type PatchField, searchField } from './patch-field.ts';
import {
  buildPatchLevels,
  type Guide,
  type HoleImage,
  type PatchLevel,
  startSmoothly,
} from './patch-level.ts';
import { peelHole } from './patch-peel.ts';
import { votePixels } from './patch-vote.ts';

export interface ExemplarOptions {
  /** Another seed gives another variant. */
  readonly seed: number;
  /** Half the width of the hole at its widest, in pixels. */
  readonly holeRadiusPx: number;
  readonly guide?: Guide;
  /** Hears the fraction done; may reject to stop. */
  report?(done: number): Promise<void>;
}

export interface ExemplarFill {
  /** The picture with the hole filled, (height, width, channels). */
  readonly pixels: Float32Array;
  /** What the same patches say about the known pixels around the hole; NaN farther away. */
  readonly beside: Float32Array;
}

/** How far the vote listens to patches that are not the best, on the way and for the last time: in the end seams between patches should be narrow. */
const softVote = 2;
const sharpVote = 0.25;

/**
 * Fills a hole with patches of the picture around it, coarse to fine: patches like what is there are found by PatchMatch (Barnes et al.
 * 2009), the pixels are voted by the patches over them (Wexler et al. 2007), again and again. At the coarsest size the hole is filled from
 * its rim inwards. Undefined when the picture holds no whole patch to take.
 */
export async function fillExemplar(
  image: HoleImage,
  options: ExemplarOptions,
): Promise<ExemplarFill | undefined> {
  const { seed, guide, report = () => Promise.resolve() } = options;
  const random = seededNumbers(seed);
  const levels = buildPatchLevels(image, options.holeRadiusPx, guide);
  if (levels[0]!.sources.length === 0) return undefined;
  const start = startOf(levels, guide);
  const work = levels
    .slice(0, start + 1)
    .map((level) => level.targets.length * (level === levels[0] ? 1 : 2));
  const total = work.reduce((sum, value) => sum + value, 0) || 1;
  let done = 0;
  let field: PatchField | undefined;
  for (let index = start; index >= 0; index--) {
    const level = levels[index]!;
    const own = work[index]!;
    const part = (share: number): Promise<void> => report((done + share * own) / total);
    if (field === undefined) {
      startSmoothly(level);
      field = peelHole(level, random);
    } else {
      field = doubledField(levels[index + 1]!, field, level, random);
      writePixels(level, holePixels(level), votePixels(level, field, holePixels(level), softVote));
    }
    await refine(level, field, roundsAt(level, index, index === start), random, index === 0, part);
    done += own;
  }
  const finest = levels[0]!;
  const hole = holePixels(finest);
  writePixels(finest, hole, votePixels(finest, field!, hole, sharpVote));
  return { pixels: colorsOf(finest, image.channels), beside: besideHole(finest, field!, image.channels) };
}

/** The coarsest level; a guide that replaces the coarse ones lets it start where its own detail ends. */
function startOf(levels: readonly PatchLevel[], guide: Guide | undefined): number {
  const last = levels.length - 1;
  return guide?.replacesCoarse === true
    ? Math.min(last, Math.max(2, Math.ceil(Math.log2(guide.detailPx))))
    : last;
}

interface Rounds {
  readonly votes: number;
  readonly turns: number;
  readonly searchPx: number;
}

function roundsAt(level: PatchLevel, index: number, isFirst: boolean): Rounds {
  const sidePx = Math.max(level.width, level.height);
  if (isFirst) return { votes: 12, turns: 3, searchPx: sidePx };
  // After the coarsest level the field is nearly right, and neighbors tell the rest.
  if (index === 0) return { votes: 1, turns: 2, searchPx: 8 };
  if (index === 1) return { votes: 3, turns: 2, searchPx: 64 };
  return { votes: 6, turns: 2, searchPx: Math.max(8, sidePx / 4) };
}

async function refine(
  level: PatchLevel,
  field: PatchField,
  { votes, turns, searchPx }: Rounds,
  random: () => number,
  isFinest: boolean,
  part: (share: number) => Promise<void>,
): Promise<void> {
  const hole = holePixels(level);
  for (let round = 0; round < votes; round++) {
    measureField(level, field);
    searchField(level, field, turns, searchPx, random);
    await part((round + 0.7) / votes);
    // At full size the sharp vote follows.
    if (isFinest && round === votes - 1) return;
    writePixels(level, hole, votePixels(level, field, hole, softVote));
    await part((round + 1) / votes);
  }
  measureField(level, field);
}

/** The hole's pixels, in reading order. */
function holePixels({ hole }: PatchLevel): Int32Array {
  let count = 0;
  for (let i = 0; i < hole.length; i++) count += hole[i]!;
  const pixels = new Int32Array(count);
  for (let i = 0, n = 0; i < hole.length; i++) if (hole[i] !== 0) pixels[n++] = i;
  return pixels;
}

function writePixels({ data, channels, voted }: PatchLevel, which: Int32Array, values: Float32Array): void {
  for (let n = 0; n < which.length; n++) {
    for (let c = 0; c < voted; c++) data[which[n]! * channels + c] = values[n * channels + c]!;
  }
}

function colorsOf({ data, channels, hole }: PatchLevel, colors: number): Float32Array {
  const pixels = new Float32Array(hole.length * colors);
  for (let i = 0; i < hole.length; i++)
    for (let c = 0; c < colors; c++) pixels[i * colors + c] = data[i * channels + c]!;
  return pixels;
}

/** Votes for the known pixels that patches over the hole's edge hold as well. */
function besideHole(level: PatchLevel, field: PatchField, colors: number): Float32Array {
  const { hole, nearHole, channels } = level;
  const beside = new Float32Array(hole.length * colors).fill(NaN);
  let count = 0;
  const ring = new Int32Array(hole.length);
  for (let i = 0; i < hole.length; i++) if (nearHole[i]! > 0.5 && hole[i] === 0) ring[count++] = i;
  const which = ring.slice(0, count);
  const votes = votePixels(level, field, which, sharpVote);
  for (let n = 0; n < which.length; n++) {
    for (let c = 0; c < colors; c++) beside[which[n]! * colors + c] = votes[n * channels + c]!;
  }
  return beside;
}
