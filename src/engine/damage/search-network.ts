import type { DamageKind } from '../../shared/damage.ts';
import type { ModelInfo } from '../architectures/architecture.ts';
import type { Context } from '../context.ts';
import type { Image, Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import type { Network } from '../models/network.ts';
import { type DamageMap, emptyMap, logOdds, toEvidence } from './damage-map.ts';
import { raiseMap } from './raise-map.ts';
import { addView, type Output, type Searcher, type Tile, viewsFor } from './tile-views.ts';

function outputOf(kind: DamageKind, even: number): Output {
  return { kind, even: logOdds(even) };
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
const corePx = 448;
/** Of tiles that are shown enlarged as well, which takes memory; with what is around it and enlarged by half at most 768 pixels a side. */
const enlargedCorePx = 384;
/**
 * Context around a core; networks of this family see farther, but hardly use it. What Heirloom's own says near the edge of a core changes by 0.1 log-odds
 * in the mean, by 1.2 at most, where it sees 256 pixels instead (three Kodak photographs).
 */
const marginPx = 64;

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
