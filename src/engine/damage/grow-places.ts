import { type DamageMap, evidenceStep } from './damage-map.ts';
import { findPlaces, type Places } from './find-places.ts';

/** How far places reach below the threshold, in log-odds: the first of these at which a place has not grown too much. */
const reaches = [1.5, 1, 0.5, 0] as const;
/** So many times what reaches the threshold. The fine ends of a scratch are a few times its plain part; what is more is mostly the thing that a spot lies on. */
const mostGrown = 8;

/**
 * The connected places where the map is at least `threshold` (1 to 255), each extended as far as its evidence is at most 1.5 log-odds below
 * (hysteresis, as Canny 1986), so that a scratch does not break into pieces; less far, where that would make it more than eight times as large.
 * Places that do not reach the threshold at all are among them, as far as they reach into the 1.5 below.
 */
export function growPlaces(map: DamageMap, threshold: number, wanted: readonly boolean[]): Places {
  const lowest = (reach: number): number => Math.max(1, threshold - reach * evidenceStep);
  let found = findPlaces(map, lowest(reaches[0]), wanted);
  let within = map;
  for (const reach of reaches.slice(1)) {
    const overgrown = tooLarge(within, found, threshold);
    if (!overgrown.includes(true)) break;
    if (within === map) within = { ...map, evidence: Uint8Array.from(map.evidence) };
    cut(within, found, overgrown, lowest(reach));
    found = findPlaces(within, lowest(reaches[0]), wanted);
  }
  return found;
}

function tooLarge(map: DamageMap, found: Places, threshold: number): boolean[] {
  const plain = new Int32Array(found.places.length);
  for (let run = 0; run < found.runCount; run++) {
    const row = found.rows[run]! * map.width;
    for (let i = row + found.from[run]!; i < row + found.to[run]!; i++)
      if (map.evidence[i]! >= threshold) plain[found.placeOf[run]!]!++;
  }
  return found.places.map(({ pixels }, place) => plain[place]! > 0 && pixels > mostGrown * plain[place]!);
}

/** Takes what is below `low` out of these places. */
function cut(map: DamageMap, found: Places, places: readonly boolean[], low: number): void {
  for (let run = 0; run < found.runCount; run++) {
    if (places[found.placeOf[run]!] !== true) continue;
    const row = found.rows[run]! * map.width;
    for (let i = row + found.from[run]!; i < row + found.to[run]!; i++)
      if (map.evidence[i]! < low) map.evidence[i] = 0;
  }
}
