import type { DamageKind } from '../../shared/damage.ts';
import { type DamageMap, evenEvidence, evidenceStep } from './damage-map.ts';
import { findPlaces, type Place } from './find-places.ts';

/** What tells a damaged photo from a clean one: stains are mistaken too easily, and a tear is found in another way. */
const telling: readonly DamageKind[] = ['scratch', 'dust', 'fold'];
/** Damage comes in company: places at the middle sensitivity count so much each, more the surer they are, and this is enough. */
const eachCounts = 0.5;
const surestCounts = 3;
const enough = 8;
/** A clean photo of twigs or lace has a few places that look much like damage among far more that look a little like it: less in log-odds, and the share. */
const littleOdds = 2.4;
const leastShare = 0.14;
/** How far the surer places reach below the threshold, in log-odds, and the fewest pixels of one. */
const reachOdds = 1.5;
const fewestPixels = 6;
/** What a photo that seems clean is doubted by, in log-odds. */
const cleanDoubt = 3;

/**
 * How much more certainty, in log-odds, the places of this map need because the photo as a whole does not look damaged; 0 when it does.
 * On each of most clean photos a detector finds a place or two; in a damaged one there are many, or very sure ones.
 */
export function doubtPhoto(map: DamageMap): number {
  const sure = placesAt(map, evenEvidence);
  if (sure.length === 0) return cleanDoubt;
  const counts = sure.reduce(
    (sum, { peak }) => sum + Math.min(surestCounts, eachCounts + (peak - evenEvidence) / evidenceStep),
    0,
  );
  if (counts < enough) return cleanDoubt;
  const like = placesAt(map, evenEvidence - Math.round(littleOdds * evidenceStep));
  return areaOf(sure) < leastShare * areaOf(like) ? cleanDoubt : 0;
}

function placesAt(map: DamageMap, threshold: number): readonly Place[] {
  const low = Math.max(1, threshold - reachOdds * evidenceStep);
  const { places } = findPlaces(
    map,
    low,
    map.kinds.map((kind) => telling.includes(kind)),
  );
  return places.filter(({ peak, pixels }) => peak >= threshold && pixels >= fewestPixels);
}

function areaOf(places: readonly Place[]): number {
  return places.reduce((sum, { pixels }) => sum + pixels, 0);
}
