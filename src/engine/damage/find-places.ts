import type { DamageMap } from './damage-map.ts';

/** Part of a row, all of one connected place. */
export interface PlaceRun {
  readonly y: number;
  readonly from: number;
  readonly to: number;
  readonly place: number;
}

/** A connected place (8 neighbors). */
export interface Place {
  readonly pixels: number;
  /** Highest probability in it, 0 to 255. */
  readonly peak: number;
  /** Index in the map's kinds of most of its pixels. */
  readonly kind: number;
}

export interface Places {
  readonly places: readonly Place[];
  /** From the top left, row by row. */
  readonly runs: readonly PlaceRun[];
}

interface Found {
  parent: number;
  pixels: number;
  peak: number;
  readonly perKind: number[];
}

/** The connected places where the map is at least `low` (1 to 255), of the kinds asked for. */
export function findPlaces(map: DamageMap, low: number, wanted: readonly boolean[]): Places {
  const { width, height, probability, kind } = map;
  const found: Found[] = [];
  const rootOf = (index: number): number => {
    let root = index;
    while (found[root]!.parent !== root) root = found[root]!.parent;
    for (let at = index; found[at]!.parent !== root;) {
      const next = found[at]!.parent;
      found[at]!.parent = root;
      at = next;
    }
    return root;
  };
  const isIn = wanted.every(Boolean)
    ? (i: number): boolean => probability[i]! >= low
    : (i: number): boolean => probability[i]! >= low && wanted[kind[i]!] === true;
  const runs: PlaceRun[] = [];
  let [aboveFrom, aboveTo] = [0, 0];
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const start = runs.length;
    let candidate = aboveFrom;
    for (let x = 0; x < width; x++) {
      if (!isIn(row + x)) continue;
      const from = x;
      const own: Found = { parent: found.length, pixels: 0, peak: 0, perKind: map.kinds.map(() => 0) };
      for (; x < width && isIn(row + x); x++) {
        own.peak = Math.max(own.peak, probability[row + x]!);
        own.perKind[kind[row + x]!]!++;
      }
      own.pixels = x - from;
      found.push(own);
      let place = own.parent;
      while (candidate < aboveTo && runs[candidate]!.to < from) candidate++;
      for (let i = candidate; i < aboveTo && runs[i]!.from <= x; i++)
        place = unite(found, rootOf(runs[i]!.place), rootOf(place));
      runs.push({ y, from, to: x, place });
    }
    [aboveFrom, aboveTo] = [start, runs.length];
  }
  return numberPlaces(found, runs, rootOf);
}

/** Joins two roots into the first. */
function unite(found: Found[], into: number, from: number): number {
  if (into === from) return into;
  const [a, b] = [found[into]!, found[from]!];
  b.parent = into;
  a.pixels += b.pixels;
  a.peak = Math.max(a.peak, b.peak);
  b.perKind.forEach((pixels, kind) => (a.perKind[kind]! += pixels));
  return into;
}

function numberPlaces(
  found: readonly Found[],
  runs: readonly PlaceRun[],
  rootOf: (index: number) => number,
): Places {
  const numbers = new Map<number, number>();
  const places: Place[] = [];
  for (const [index, { parent, pixels, peak, perKind }] of found.entries()) {
    if (parent !== index) continue;
    numbers.set(index, places.length);
    places.push({ pixels, peak, kind: perKind.indexOf(Math.max(...perKind)) });
  }
  return { places, runs: runs.map((run) => ({ ...run, place: numbers.get(rootOf(run.place))! })) };
}
