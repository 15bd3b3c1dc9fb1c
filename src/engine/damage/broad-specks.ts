import { type DamageMap, evenEvidence, evidenceStep } from './damage-map.ts';
import { findPlaces } from './find-places.ts';

/** How far below the middle threshold a place still counts as one, in log-odds. */
const reachOdds = 3.94;
/** A speck takes at most a square of this share of the short side, and is never judged below so many pixels of the map. */
const mostSide = 0.03;
const mostPixels = 64;

/**
 * Calls dust that is too broad for a speck a stain, in place: woven cloth and foliage look like a field of dust to a detector, and a stain is only filled
 * where it is asked for. A map without stains stays as it is.
 */
export function broadSpecksAreStains(map: DamageMap): void {
  const stain = map.kinds.indexOf('stain');
  if (stain < 0) return;
  const most = Math.max(mostPixels, (mostSide * Math.min(map.width, map.height)) ** 2);
  const { places, runCount, rows, from, to, placeOf } = findPlaces(
    map,
    evenEvidence - reachOdds * evidenceStep,
    map.kinds.map((kind) => kind === 'dust'),
  );
  for (let run = 0; run < runCount; run++) {
    if (places[placeOf[run]!]!.pixels <= most) continue;
    const row = rows[run]! * map.width;
    map.kind.fill(stain, row + from[run]!, row + to[run]!);
  }
}
