import type { DamageKind } from '../../shared/damage.ts';
import type { ModelInfo } from '../architectures/architecture.ts';
import type { Context } from '../context.ts';
import type { Image, Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resampleArray } from '../image/resample.ts';
import { resizeImage } from '../image/resize.ts';
import type { Network } from '../models/network.ts';
import { type DamageMap, emptyMap, logOdds, toEvidence } from './damage-map.ts';
import { placesOf, raiseMap } from './raise-map.ts';

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

interface Detector {
  readonly outputs: readonly Output[];
  /** Whether it does better on the mean with a picture shown larger; measured for Heirloom's own alone. */
  readonly enlarges: boolean;
}

/**
 * What the outputs of a network stand for, by how many there are. One: the old-photo U-Net, with the threshold of its authors. Four:
 * Heirloom's own, with thresholds at which clean photographs stay clean.
 */
const detectorByCount: Readonly<Record<number, Detector>> = {
  1: { outputs: [outputOf('scratch', 0.4)], enlarges: false },
  4: {
    outputs: [
      outputOf('scratch', 0.9),
      outputOf('dust', 0.9),
      outputOf('stain', 0.97),
      outputOf('fold', 0.9),
    ],
    enlarges: true,
  },
};

function detectorOf({ inputChannels, outputChannels }: ModelInfo): Detector | undefined {
  return inputChannels === 1 ? detectorByCount[outputChannels] : undefined;
}

/** Kinds of damage a network tells apart, in the order of its outputs; undefined for one that is no detector of damage. */
export function kindsOf(info: ModelInfo): readonly DamageKind[] | undefined {
  return detectorOf(info)?.outputs.map(({ kind }) => kind);
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
/** Up to this work a picture is shown in several ways: about twenty seconds on two cores. */
const viewsFlopBudget = 3e12;
const corePx = 448;
/** Of tiles that are shown enlarged as well, so that they take no more memory then. */
const enlargedCorePx = 384;
/**
 * Context around a core; networks of this family see farther, but hardly use it. What Heirloom's own says near the edge of a core changes by 0.1 log-odds
 * in the mean, by 1.2 at most, where it sees 256 pixels instead (three Kodak photographs).
 */
const marginPx = 64;

/** How a tile is shown: as it is, mirrored at its diagonal, and either of them upside down as well. */
interface Turn {
  readonly transposed: boolean;
  readonly reversed: boolean;
}

const asItIs: Turn = { transposed: false, reversed: false };
const upsideDown: Turn = { transposed: false, reversed: true };
const across: Turn = { transposed: true, reversed: false };
const acrossUpsideDown: Turn = { transposed: true, reversed: true };

/** One way to show a tile. */
export interface View {
  readonly turn: Turn;
  /** 1, or by how much it is enlarged. */
  readonly zoom: number;
}

const at = (zoom: number, ...turns: readonly Turn[]): View[] => turns.map((turn) => ({ turn, zoom }));
const turned = [
  at(1, asItIs, upsideDown, across, acrossUpsideDown),
  at(1, asItIs, upsideDown),
  at(1, asItIs),
] as const;
const enlarged = [[...at(1, asItIs, across), ...at(1.5, acrossUpsideDown)], ...turned.slice(1)] as const;

/**
 * The ways in which a picture of so much work is shown. The mean of what a network says to several is better than what it says to one; of real damage on
 * held-out prints Heirloom's own finds 72.5 instead of 68.9 % where 3 % of the scene is marked, once it is shown them enlarged by half as
 * well, and tells one from the other better all over (`python -m training.evaluate_prints --zooms 1 1.5`; twice the size adds nothing to that).
 */
export function viewsFor(flop: number, enlarges: boolean): readonly View[] {
  const sets = enlarges ? enlarged : turned;
  return sets.find((views) => flop * workOf(views) <= viewsFlopBudget) ?? at(1, asItIs);
}

function workOf(views: readonly View[]): number {
  return views.reduce((sum, { zoom }) => sum + zoom * zoom, 0);
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
  const { outputs, enlarges } = detectorOf(network.info) ?? { outputs: [], enlarges: false };
  const sizes = levelSizes(gray, network.info.flopPerPixel);
  const total = sizes.reduce((sum, { width, height }) => sum + width * height, 0);
  const views = viewsFor(total * network.info.flopPerPixel, enlarges);
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
      const found = await searchLevel(level, { outputs, network, views }, part.part(0.05, 1));
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
  readonly outputs: readonly Output[];
  readonly views: readonly View[];
}

async function searchLevel(level: Image, searcher: Searcher, context: Context): Promise<DamageMap> {
  const map = emptyMap(
    level,
    level,
    searcher.outputs.map(({ kind }) => kind),
  );
  const most = searcher.views.some(({ zoom }) => zoom > 1) ? enlargedCorePx : corePx;
  const columns = Math.ceil(level.width / most);
  const rows = Math.ceil(level.height / most);
  const width = Math.ceil(level.width / columns);
  const height = Math.ceil(level.height / rows);
  for (let index = 0; index < columns * rows; index++) {
    const x = (index % columns) * width;
    const y = Math.floor(index / columns) * height;
    const core = {
      x,
      y,
      width: Math.min(width, level.width - x),
      height: Math.min(height, level.height - y),
    };
    context.report(index / (columns * rows));
    await searchTile(level, core, map, searcher);
  }
  context.report(1);
  return map;
}

async function searchTile(level: Image, core: Rect, map: DamageMap, searcher: Searcher): Promise<void> {
  const { outputs, views } = searcher;
  const around = grown(core, level);
  const tile: Tile = { width: around.width, height: around.height, pixels: await level.read(around) };
  const inside = { ...core, x: core.x - around.x, y: core.y - around.y };
  // Of each pixel of the core, the mean over the views.
  const odds = new Float32Array(core.width * core.height * outputs.length);
  for (const view of views) await addView(odds, tile, inside, view, searcher);
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

interface Tile {
  readonly width: number;
  readonly height: number;
  /** Gray, 0..1. */
  readonly pixels: Float32Array;
}

/** Adds what the network says to one view of a tile to the log-odds of the pixels of its core. */
async function addView(
  odds: Float32Array,
  tile: Tile,
  core: Rect,
  { turn, zoom }: View,
  { network, outputs, views }: Searcher,
): Promise<void> {
  const larger = [Math.round(tile.width * zoom), Math.round(tile.height * zoom)] as const;
  const source: Tile = zoom === 1 ? tile : resampleArray({ ...tile, channels: 1 }, ...larger, 'bicubic');
  const { sizeMultiple, inputRange, outputRange } = network.info;
  // A mirrored edge of one pixel on the coarsest level of the network needs two pixels there.
  const up = (length: number): number => Math.max(2, Math.ceil(length / sizeMultiple)) * sizeMultiple;
  const width = up(source.width);
  const height = up(source.height);
  const area = width * height;
  // A pixel's index in the turned tile.
  const indexOf = (x: number, y: number): number => {
    const index = turn.transposed ? x * height + y : y * width + x;
    return turn.reversed ? area - 1 - index : index;
  };
  const [lowest, highest] = inputRange;
  const data = new Float32Array(area);
  for (let y = 0; y < height; y++) {
    const from = mirror(y, source.height) * source.width;
    for (let x = 0; x < width; x++)
      data[indexOf(x, y)] = lowest + (highest - lowest) * source.pixels[from + mirror(x, source.width)]!;
  }
  const dims = turn.transposed ? [1, 1, width, height] : [1, 1, height, width];
  const { output } = await network.run({ input: { data, dims } });
  const found = output!.data as Float32Array;
  const [none, certain] = outputRange;
  const share = 1 / views.length;
  const oddsIn = (index: number): number => oddsOf((found[index]! - none) / (certain - none)) * share;
  const columns = placesOf(tile.width, source.width);
  const rows = placesOf(tile.height, source.height);
  for (let y = core.y, i = 0; y < core.y + core.height; y++) {
    const [top, bottom, down] = [rows.first[y]!, rows.second[y]!, rows.share[y]!];
    for (let x = core.x; x < core.x + core.width; x++) {
      const [left, right, along] = [columns.first[x]!, columns.second[x]!, columns.share[x]!];
      const corner = indexOf(left, top);
      if (zoom === 1) {
        for (let kind = 0; kind < outputs.length; kind++, i++) odds[i]! += oddsIn(kind * area + corner);
        continue;
      }
      const [b, c, d] = [indexOf(right, top), indexOf(left, bottom), indexOf(right, bottom)];
      for (let kind = 0, first = 0; kind < outputs.length; kind++, first += area, i++) {
        const upper = oddsIn(first + corner) * (1 - along) + oddsIn(first + b) * along;
        const lower = oddsIn(first + c) * (1 - along) + oddsIn(first + d) * along;
        odds[i]! += upper + down * (lower - upper);
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
