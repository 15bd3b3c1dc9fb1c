import type { DamageKind } from '../../shared/damage.ts';
import type { ModelInfo } from '../architectures/architecture.ts';
import type { Context } from '../context.ts';
import type { Image, Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import type { Network } from '../models/network.ts';
import { type DamageMap, emptyMap, logOdds, toEvidence } from './damage-map.ts';
import { raiseMap } from './raise-map.ts';

interface Output {
  readonly kind: DamageKind;
  /** The probability from which damage is marked at the middle sensitivity, as log-odds. */
  readonly even: number;
}

function outputOf(kind: DamageKind, even: number): Output {
  return { kind, even: logOdds(even) };
}

const tableEnd = 4095;
/** Log-odds of probabilities from 0 to 1 in steps of 1 / 4095; none is surer than half a step. */
const oddsTable = Float32Array.from({ length: tableEnd + 1 }, (_, i) =>
  logOdds(Math.min(tableEnd - 0.5, Math.max(0.5, i)) / tableEnd),
);

function oddsOf(probability: number): number {
  return oddsTable[Math.round(tableEnd * Math.min(1, Math.max(0, probability)))]!;
}

/**
 * What the outputs of a network stand for, by how many there are. One: the old-photo U-Net, with the threshold of its authors. Four:
 * Heirloom's own, with thresholds at which clean photographs stay clean.
 */
const outputsByCount: Readonly<Record<number, readonly Output[]>> = {
  1: [outputOf('scratch', 0.4)],
  4: [outputOf('scratch', 0.9), outputOf('dust', 0.9), outputOf('stain', 0.97), outputOf('fold', 0.9)],
};

function outputsOf({ inputChannels, outputChannels }: ModelInfo): readonly Output[] {
  return inputChannels === 1 ? (outputsByCount[outputChannels] ?? []) : [];
}

/** Kinds of damage a network tells apart, in the order of its outputs; undefined for one that is no detector of damage. */
export function kindsOf(info: ModelInfo): readonly DamageKind[] | undefined {
  const outputs = outputsOf(info);
  return outputs.length === 0 ? undefined : outputs.map(({ kind }) => kind);
}

export interface SearchOptions {
  readonly store: ImageStore;
  readonly context: Context;
}

/** The coarsest level has at least this many pixels on its short side (the old-photo U-Net was made for 256). */
const coarsestShortPx = 256;
const mostLevels = 4;
/** What a search may take: about two minutes on two cores. The finest level is made smaller when it would take more. */
const flopBudget = 1.5e13;
/** Up to this work a picture is shown turned as well: about twenty seconds on two cores. */
const turnsFlopBudget = 3e12;
const corePx = 448;
/** Context around a core; networks of this family see farther, but hardly use it. */
const marginPx = 64;

/** How a tile is shown: as it is, mirrored at its diagonal, and either of them upside down as well. */
interface Turn {
  readonly transposed: boolean;
  readonly reversed: boolean;
}

const allTurns: readonly Turn[] = [
  { transposed: false, reversed: false },
  { transposed: false, reversed: true },
  { transposed: true, reversed: false },
  { transposed: true, reversed: true },
];

/**
 * The turns in which a picture of so much work is shown. The mean of what a network says to four of them is better than what it says to one:
 * of laid-on damage Heirloom's own finds 38 instead of 34 % where 0.005 % of clean photographs is marked, 48 instead of 43 where 0.02 % is.
 */
export function turnsFor(flop: number): readonly Turn[] {
  return allTurns.slice(0, [4, 2].find((count) => count * flop <= turnsFlopBudget) ?? 1);
}

/**
 * Runs a detector of damage over a pyramid of the gray picture and keeps, per pixel, the strongest answer. A coarser level sees broad damage
 * that is larger than the network's view on the finer one; it counts less,
 * as its blurred answer covers more than the damage.
 */
export async function searchNetwork(
  gray: Image,
  map: DamageMap,
  network: Network,
  { store, context }: SearchOptions,
): Promise<void> {
  const kinds = kindsOf(network.info) ?? [];
  const sizes = levelSizes(gray, network.info.flopPerPixel);
  const total = sizes.reduce((sum, { width, height }) => sum + width * height, 0);
  const turns = turnsFor(total * network.info.flopPerPixel);
  let done = 0;
  let level = gray;
  try {
    for (const [index, size] of sizes.entries()) {
      const share = (size.width * size.height) / total;
      const part = context.part(done, done + share);
      const next = await resizeImage(level, size.width, size.height, {
        kernel: 'area',
        store,
        context: part.part(0, 0.05),
      });
      if (level !== gray && next !== level) await level.dispose();
      level = next;
      const found = await searchLevel(level, { kinds, network, turns }, part.part(0.05, 1));
      raiseMap(map, found, { doubt: index === 0 ? 0 : coarserDoubt });
      done += share;
    }
  } finally {
    if (level !== gray) await level.dispose();
  }
}

/** By how much a coarser level counts less, in log-odds. */
const coarserDoubt = 0.8;

/** From the finest to the coarsest, each half of the one before. */
export function levelSizes(
  picture: { readonly width: number; readonly height: number },
  flopPerPixel: number,
): { readonly width: number; readonly height: number }[] {
  const pixels = picture.width * picture.height;
  // The pyramid has 4/3 of the pixels of its finest level.
  const finest = Math.min(1, Math.sqrt(flopBudget / ((4 / 3) * pixels * Math.max(1, flopPerPixel))));
  const sizes: { width: number; height: number }[] = [];
  for (let scale = finest; sizes.length < mostLevels; scale /= 2) {
    const width = Math.max(1, Math.round(picture.width * scale));
    const height = Math.max(1, Math.round(picture.height * scale));
    if (sizes.length > 0 && Math.min(width, height) < coarsestShortPx) break;
    sizes.push({ width, height });
  }
  return sizes;
}

interface Searcher {
  readonly network: Network;
  readonly kinds: readonly DamageKind[];
  readonly turns: readonly Turn[];
}

async function searchLevel(level: Image, searcher: Searcher, context: Context): Promise<DamageMap> {
  const { kinds } = searcher;
  const map = emptyMap(level, level, kinds);
  const columns = Math.ceil(level.width / corePx);
  const rows = Math.ceil(level.height / corePx);
  for (let index = 0; index < columns * rows; index++) {
    const [column, row] = [index % columns, Math.floor(index / columns)];
    const x = column * corePx;
    const y = row * corePx;
    const core = {
      x,
      y,
      width: Math.min(corePx, level.width - x),
      height: Math.min(corePx, level.height - y),
    };
    context.report(index / (columns * rows));
    await searchTile(level, core, map, searcher);
  }
  context.report(1);
  return map;
}

async function searchTile(
  level: Image,
  core: Rect,
  map: DamageMap,
  { network, turns }: Searcher,
): Promise<void> {
  const around = grown(core, level);
  const pixels = await level.read(around);
  const { sizeMultiple, inputRange, outputRange } = network.info;
  // A mirrored edge of one pixel on the coarsest level of the network needs two pixels there.
  const up = (length: number): number => Math.max(2, Math.ceil(length / sizeMultiple)) * sizeMultiple;
  const width = up(around.width);
  const height = up(around.height);
  const [lowest, highest] = inputRange;
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = mirror(y, around.height) * around.width;
    for (let x = 0; x < width; x++)
      data[y * width + x] = lowest + (highest - lowest) * pixels[from + mirror(x, around.width)]!;
  }
  const outputs = outputsOf(network.info);
  const area = width * height;
  const [none, certain] = outputRange;
  // Of each pixel of the core, the mean over the turns.
  const odds = new Float32Array(core.width * core.height * outputs.length);
  for (const turn of turns) {
    // A pixel's index in the turned tile.
    const at = (x: number, y: number): number => {
      const index = turn.transposed ? x * height + y : y * width + x;
      return turn.reversed ? area - 1 - index : index;
    };
    const shown = new Float32Array(area);
    for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) shown[at(x, y)] = data[i]!;
    const dims = turn.transposed ? [1, 1, width, height] : [1, 1, height, width];
    const { output } = await network.run({ input: { data: shown, dims } });
    const found = output!.data as Float32Array;
    for (let y = 0, i = 0; y < core.height; y++) {
      for (let x = 0; x < core.width; x++) {
        const from = at(core.x - around.x + x, core.y - around.y + y);
        for (let kind = 0; kind < outputs.length; kind++, i++)
          odds[i]! += oddsOf((found[kind * area + from]! - none) / (certain - none)) / turns.length;
      }
    }
  }
  for (let y = 0, i = 0; y < core.height; y++) {
    for (let x = 0; x < core.width; x++) {
      const to = (core.y + y) * map.width + core.x + x;
      for (let kind = 0; kind < outputs.length; kind++, i++) {
        const evidence = toEvidence(odds[i]! - outputs[kind]!.even);
        if (evidence <= map.evidence[to]!) continue;
        map.evidence[to] = evidence;
        map.kind[to] = kind;
      }
    }
  }
}

function grown(
  { x, y, width, height }: Rect,
  size: { readonly width: number; readonly height: number },
): Rect {
  const left = Math.max(0, x - marginPx);
  const top = Math.max(0, y - marginPx);
  return {
    x: left,
    y: top,
    width: Math.min(size.width, x + width + marginPx) - left,
    height: Math.min(size.height, y + height + marginPx) - top,
  };
}

/** The index inside 0 to length − 1 that a mirror at both ends shows, the end itself not repeated. */
function mirror(index: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * length - 2;
  const folded = index % period;
  return folded < length ? folded : period - folded;
}
