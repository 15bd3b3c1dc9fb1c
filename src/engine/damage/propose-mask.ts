import { type DamageCount, type DamageKind, damageNames, type DamageProposal } from '../../shared/damage.ts';
import { emptyMask } from '../../shared/mask.ts';
import { type DamageMap, evidenceStep, toEvidence } from './damage-map.ts';
import { type Places } from './find-places.ts';
import { growPlaces } from './grow-places.ts';

/** What the user sets. */
export interface ProposeOptions {
  /** 0 = only what is beyond doubt, 1 = whatever looks like damage. */
  readonly sensitivity: number;
  readonly kinds: readonly DamageKind[];
  /** Of the mask. */
  readonly growPx: number;
}

/** Log-odds by which the threshold falls from the lowest to the highest sensitivity. */
const sensitivityRange = 8;
/** Smaller places are noise of the network; in pixels of the map. */
const fewestPixels = 6;
/** As many as a mask takes, with room for strokes. */
const mostRuns = 3_900_000;

/** From the middle to this sensitivity, doubt about the whole photo ends: who asks for whatever looks like damage shall see it. */
const doubtless = 0.8;

/** Trust in a photo that is surely damaged counts most in the middle, and nothing at either end: there the user says how much is enough. */
function doubtAt({ doubt }: DamageMap, sensitivity: number): number {
  if (doubt < 0) return doubt * (1 - Math.abs(2 * sensitivity - 1));
  return doubt * Math.min(1, Math.max(0, (doubtless - sensitivity) / (doubtless - 0.5)));
}

/** The evidence a place must reach somewhere, in a photo that is not doubted. */
export function thresholdOf(sensitivity: number): number {
  return Math.max(1, toEvidence(sensitivityRange * (0.5 - sensitivity)));
}

/** The mask of all places that are damaged at this sensitivity: each must reach the threshold somewhere and then extends as far as its evidence is not much below. */
export function proposeMask(map: DamageMap, { sensitivity, kinds, growPx }: ProposeOptions): DamageProposal {
  const usual = thresholdOf(sensitivity);
  const wary = Math.max(1, usual + doubtAt(map, sensitivity) * evidenceStep);
  const found = growPlaces(
    map,
    Math.min(usual, wary),
    map.kinds.map((kind) => kinds.includes(kind)),
  );
  const kept = found.places.map(({ peak, pixels, kind }) => {
    // What is torn off is found by other signs.
    const threshold = map.kinds[kind] === 'tear' ? usual : wary;
    return peak >= threshold && pixels >= fewestPixels;
  });
  const runs = toBitmap(found, kept, map);
  const counts = count(found, kept, map);
  const share = counts.reduce((sum, part) => sum + part.share, 0);
  const shapes = runs.length === 0 ? [] : [{ kind: 'bitmap' as const, runs, erase: false }];
  return {
    mask: { ...emptyMask(map.picture), shapes, growPx },
    share,
    found: counts,
    sentence: describe(counts, share),
  };
}

/** Runs of out and in over the picture, whose rows and columns each take what the map says at their middle. */
function toBitmap(
  { runCount, rows, from, to, placeOf }: Places,
  kept: readonly boolean[],
  map: DamageMap,
): number[] {
  const { picture } = map;
  const across = picture.width / map.width;
  const down = picture.height / map.height;
  const result: number[] = [];
  let end = 0;
  const add = (start: number, stop: number): void => {
    if (start === end && result.length > 0) result[result.length - 1]! += stop - start;
    else result.push(start - end, stop - start);
    end = stop;
  };
  let first = 0;
  for (let y = 0; y < picture.height; y++) {
    const mapRow = Math.min(map.height - 1, Math.floor((y + 0.5) / down));
    while (first < runCount && rows[first]! < mapRow) first++;
    for (let i = first; i < runCount && rows[i] === mapRow && result.length < mostRuns; i++) {
      if (kept[placeOf[i]!] !== true) continue;
      const [x0, x1] = [Math.round(from[i]! * across), Math.round(to[i]! * across)];
      if (x0 < x1) add(y * picture.width + x0, y * picture.width + x1);
    }
  }
  return result;
}

function count({ places }: Places, kept: readonly boolean[], map: DamageMap): DamageCount[] {
  const area = map.width * map.height;
  const counts = map.kinds.map((kind) => ({ kind, places: 0, pixels: 0 }));
  for (const [index, { kind, pixels }] of places.entries()) {
    if (kept[index] !== true) continue;
    counts[kind]!.places++;
    counts[kind]!.pixels += pixels;
  }
  return counts
    .filter((each) => each.places > 0)
    .map(({ kind, places: many, pixels }) => ({ kind, places: many, share: pixels / area }));
}

function describe(found: readonly DamageCount[], share: number): string {
  if (found.length === 0) return 'Nothing that needs repair was found at this sensitivity.';
  const parts = found.map(({ kind, places }) => `${places} ${damageNames[kind][places === 1 ? 0 : 1]}`);
  const list = parts.length === 1 ? parts[0]! : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)!}`;
  const percent = share < 0.0001 ? 'less than 0.01' : (100 * share).toFixed(share < 0.01 ? 2 : 1);
  return `Found ${list}: ${percent} % of the picture.`;
}
