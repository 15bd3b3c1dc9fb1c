import { type DamageMap, evenEvidence, evidenceStep } from './damage-map.ts';
import { boxesOf, findPlaces } from './find-places.ts';

/** By how much evidence counts less along the margins, in log-odds. */
const marginDoubt = 3;
/** How far from the picture's edge a print's margin may lie, as a share of the short side, and in pixels of the map at least. */
const marginShare = 0.04;
const marginPx = 3;
/** A margin is at least so long, as a share of the side it lies along, and so many times as long as broad. */
const shortestShare = 0.12;
const slimmest = 8;
/** At which evidence places are looked at, in log-odds: what is one place at the lower may be a margin and a scratch at the higher. */
const levels = [-3.5, -1.5, 0.5];

/**
 * Asks for more certainty of lines that run along the picture's edge, in place: there a scan shows the border of the print, its shadow and its mount.
 * A scratch that only begins there reaches farther into the picture, and a speck or chip is not as long.
 */
export function doubtMargins(map: DamageMap): void {
  const { width, height } = map;
  const reach = Math.max(marginPx, marginShare * Math.min(width, height));
  const telling = map.kinds.map((kind) => kind !== 'stain' && kind !== 'tear');
  const runs: (readonly [start: number, end: number])[] = [];
  for (const level of levels) {
    const found = findPlaces(map, evenEvidence + level * evidenceStep, telling);
    const alongEdge = boxesOf(found).map(({ left, top, right, bottom }) => {
      const [across, down] = [right - left, bottom - top];
      const lies = (from: number, to: number, side: number): boolean => to <= reach || from >= side - reach;
      return (
        (lies(top, bottom, height) && across >= Math.max(shortestShare * width, slimmest * down)) ||
        (lies(left, right, width) && down >= Math.max(shortestShare * height, slimmest * across))
      );
    });
    for (let run = 0; run < found.runCount; run++) {
      const row = found.rows[run]! * width;
      if (alongEdge[found.placeOf[run]!] === true) runs.push([row + found.from[run]!, row + found.to[run]!]);
    }
  }
  const done = new Uint8Array(width * height);
  for (const [start, end] of runs) {
    for (let i = start; i < end; i++) {
      if (done[i] === 1) continue;
      done[i] = 1;
      map.evidence[i] = Math.max(0, map.evidence[i]! - marginDoubt * evidenceStep);
    }
  }
}
