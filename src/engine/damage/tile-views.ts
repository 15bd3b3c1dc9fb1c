import type { DamageKind } from '../../shared/damage.ts';
import type { Rect } from '../image/image.ts';
import { resampleArray } from '../image/resample.ts';
import type { Network } from '../models/network.ts';
import { logOdds } from './damage-map.ts';
import { placesOf } from './raise-map.ts';

/** What one output of a network stands for. */
export interface Output {
  readonly kind: DamageKind;
  /** The probability from which damage is marked at the middle sensitivity, as log-odds. */
  readonly even: number;
}

/** Up to this work a picture is shown in several ways: about forty seconds on two cores, for 1.5 megapixels and Heirloom's own. */
const viewsFlopBudget = 3e12;

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

const tableEnd = 4095;
/** Log-odds of probabilities from 0 to 1 in steps of 1 / 4095; none is surer than half a step. */
const oddsTable = Float32Array.from({ length: tableEnd + 1 }, (_, i) =>
  logOdds(Math.min(tableEnd - 0.5, Math.max(0.5, i)) / tableEnd),
);

function oddsOf(probability: number): number {
  return oddsTable[Math.round(tableEnd * Math.min(1, Math.max(0, probability)))]!;
}

/** A part of a picture. */
export interface Tile {
  readonly width: number;
  readonly height: number;
  /** Gray, 0..1. */
  readonly pixels: Float32Array;
}

/** A network, what its outputs stand for, and all views whose mean is taken. */
export interface Searcher {
  readonly network: Network;
  readonly outputs: readonly Output[];
  readonly views: readonly View[];
}

/** Adds what the network says to one view of a tile to the log-odds of the pixels of its core. */
export async function addView(
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

/** The index inside 0 to length − 1 that a mirror at both ends shows, the end itself not repeated. */
function mirror(index: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * length - 2;
  const folded = index % period;
  return folded < length ? folded : period - folded;
}
