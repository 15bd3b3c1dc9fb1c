import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A box around a place, in pixels: left, top, and the first column and row beyond it. */
type Box = readonly [left: number, top: number, right: number, bottom: number];

/** Places of a real print that were looked at; what could not be told is in neither. */
export interface LookedAt {
  readonly damage: readonly Box[];
  readonly scene: readonly Box[];
  readonly unsure: readonly Box[];
}

/** How many of them a mask covers, and how much it marks where nothing was looked at, in pixels. */
export interface PlaceCounts {
  readonly pixels: number;
  readonly marked: number;
  readonly damage: number;
  readonly damageMarked: number;
  readonly scene: number;
  readonly sceneMarked: number;
  readonly elsewhere: number;
}

/** A mark so near a place belongs to it. */
const nearPx = 3;
/**
 * Of the longer side of a place's box: the box of a lapel that runs aslant is mostly background, and a speck that was rightly marked in it is not a mark
 * of the lapel.
 */
const leastCovered = 0.25;

/** What `training/print-labels.json` says of a print; undefined where it says nothing of damage or scene. */
export function lookedAt(labels: Readonly<Record<string, Partial<LookedAt>>>, file: string): LookedAt | undefined {
  const { damage = [], scene = [], unsure = [] } = labels[path.parse(file).name] ?? {};
  return damage.length + scene.length === 0 ? undefined : { damage, scene, unsure };
}

export function readLabels(file: string): Readonly<Record<string, Partial<LookedAt>>> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, Partial<LookedAt>>;
}

/** @param marked (height, width), 1 where the mask is. */
export function countPlaces(marked: Uint8Array, places: LookedAt, width: number): PlaceCounts {
  const height = marked.length / width;
  const rest = Uint8Array.from(marked);
  const covered = (boxes: readonly Box[]): number =>
    boxes.filter(([left, top, right, bottom]) => {
      const wide = right - left >= bottom - top;
      const along = new Set<number>();
      for (let y = Math.max(0, top - nearPx); y < Math.min(height, bottom + nearPx); y++)
        for (let x = Math.max(0, left - nearPx); x < Math.min(width, right + nearPx); x++) {
          const i = y * width + x;
          const inside = x >= left && x < right && y >= top && y < bottom;
          if (inside && marked[i] === 1) along.add(wide ? x : y);
          rest[i] = 0;
        }
      return along.size >= leastCovered * Math.max(right - left, bottom - top);
    }).length;
  const [damageMarked, sceneMarked] = [covered(places.damage), covered(places.scene)];
  covered(places.unsure);
  const sum = (values: Uint8Array): number => values.reduce((total, value) => total + value, 0);
  return {
    pixels: marked.length,
    marked: sum(marked),
    damage: places.damage.length,
    damageMarked,
    scene: places.scene.length,
    sceneMarked,
    elsewhere: sum(rest),
  };
}
