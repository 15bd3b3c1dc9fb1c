import type { DamageMap } from './damage-map.ts';

/** A connected place (8 neighbors). */
export interface Place {
  readonly pixels: number;
  /** Highest evidence in it. */
  readonly peak: number;
  /** Index in the map's kinds of most of its pixels. */
  readonly kind: number;
}

/** Places and the parts of rows they are made of, from the top left, row by row. */
export interface Places {
  readonly places: readonly Place[];
  readonly runCount: number;
  readonly rows: Int32Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Index in `places` of each run's place. */
  readonly placeOf: Int32Array;
}

/**
 * The connected places where the map is at least `low` (1 to 255), of the kinds asked for. Runs are kept in typed arrays: a busy map may
 * have millions.
 */
export function findPlaces(map: DamageMap, low: number, wanted: readonly boolean[]): Places {
  const { width, height, evidence, kind } = map;
  /** Of each kind, what a pixel must reach; beyond 255 for one that is not asked for. */
  const least = Uint16Array.from(wanted, (is) => (is ? low : 256));
  let [rows, from, to, parent] = [1, 2, 3, 4].map(() => new Int32Array(1 << 14)) as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  let count = 0;
  const rootOf = (run: number): number => {
    let root = run;
    while (parent[root] !== root) root = parent[root]!;
    for (let at = run; parent[at] !== root;) {
      const next = parent[at]!;
      parent[at] = root;
      at = next;
    }
    return root;
  };
  let [aboveStart, aboveEnd] = [0, 0];
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const start = count;
    let candidate = aboveStart;
    for (let x = 0; x < width; x++) {
      const i = row + x;
      if (evidence[i]! < low || evidence[i]! < least[kind[i]!]!) continue;
      const left = x;
      while (x < width && evidence[row + x]! >= least[kind[row + x]!]!) x++;
      if (count === rows.length)
        [rows, from, to, parent] = [grown(rows), grown(from), grown(to), grown(parent)];
      rows[count] = y;
      from[count] = left;
      to[count] = x;
      parent[count] = count;
      while (candidate < aboveEnd && to[candidate]! < left) candidate++;
      for (let i = candidate; i < aboveEnd && from[i]! <= x; i++) {
        const [one, other] = [rootOf(i), rootOf(count)];
        // The earlier run is the root, so that roots come before what belongs to them.
        if (one !== other) parent[Math.max(one, other)] = Math.min(one, other);
      }
      count++;
    }
    [aboveStart, aboveEnd] = [start, count];
  }
  const placeOf = new Int32Array(count);
  let placeCount = 0;
  for (let run = 0; run < count; run++) {
    const root = rootOf(run);
    placeOf[run] = root === run ? placeCount++ : placeOf[root]!;
  }
  const runs = { runCount: count, rows, from, to, placeOf };
  return { places: measure(map, placeCount, runs), ...runs };
}

/** Of columns and rows; `right` and `bottom` are the first beyond it. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** What each place spans. */
export function boxesOf({ places, runCount, rows, from, to, placeOf }: Places): readonly Box[] {
  const boxes = places.map(() => ({ left: Infinity, top: Infinity, right: 0, bottom: 0 }));
  for (let run = 0; run < runCount; run++) {
    const box = boxes[placeOf[run]!]!;
    box.left = Math.min(box.left, from[run]!);
    box.right = Math.max(box.right, to[run]!);
    box.top = Math.min(box.top, rows[run]!);
    box.bottom = rows[run]! + 1;
  }
  return boxes;
}

function grown(array: Int32Array): Int32Array {
  const larger = new Int32Array(2 * array.length);
  larger.set(array);
  return larger;
}

function measure(map: DamageMap, placeCount: number, runs: Omit<Places, 'places'>): Place[] {
  const kindCount = map.kinds.length;
  const pixels = new Int32Array(placeCount * kindCount);
  const peaks = new Uint8Array(placeCount);
  for (let run = 0; run < runs.runCount; run++) {
    const place = runs.placeOf[run]!;
    const row = runs.rows[run]! * map.width;
    for (let i = row + runs.from[run]!; i < row + runs.to[run]!; i++) {
      pixels[place * kindCount + map.kind[i]!]!++;
      if (map.evidence[i]! > peaks[place]!) peaks[place] = map.evidence[i]!;
    }
  }
  return Array.from({ length: placeCount }, (_, place) => {
    let [sum, kind] = [0, 0];
    for (let each = 0; each < kindCount; each++) {
      const own = pixels[place * kindCount + each]!;
      sum += own;
      if (own > pixels[place * kindCount + kind]!) kind = each;
    }
    return { pixels: sum, peak: peaks[place]!, kind };
  });
}
