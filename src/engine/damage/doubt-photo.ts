import type { DamageKind } from '../../shared/damage.ts';
import { type DamageMap, evenEvidence, evidenceStep, type PictureSort } from './damage-map.ts';
import { findPlaces, type Place } from './find-places.ts';

/** What tells a damaged photo from a clean one: stains are mistaken too easily, and a tear is found in another way. */
const telling: readonly DamageKind[] = ['scratch', 'dust', 'fold'];
/** Damage comes in company: places at the middle sensitivity count so much each, more the surer they are, and this is enough. */
const eachCounts = 0.5;
const surestCounts = 3;
const enough = 8;
/** Or it is large: this share of the picture is enough where a place is so sure, in log-odds above the middle sensitivity; no network is of the seams of a sail. */
const enoughShare = 0.003;
const sureOfLarge = 2.6;
/**
 * A clean photo of twigs, lace or driftwood has a few places that look much like damage among far more that look a little like it: less in log-odds, and the
 * share. In the clean photographs in color with many places it is 0.286 at most, with an overlay of dirt on them mostly more; worn prints have less by nature.
 */
const littleOdds = 2.4;
const leastShare: Readonly<Record<PictureSort, number>> = { color: 0.287, screened: 0.287, monochrome: 0.2 };
/** How far the surer places reach below the threshold, in log-odds, and the fewest pixels of one. */
const reachOdds = 1.5;
const fewestPixels = 6;
/** What a photo that seems clean is doubted by, in log-odds. A picture without color is most often an old print, on which a place is most often damage. */
const cleanDoubt: Readonly<Record<PictureSort, number>> = { color: 4, screened: 4, monochrome: 1.5 };
/** Where most of what looks a little like damage looks much like it, the rest is damage as well: how far above the least share that is taken for sure, and what it counts. */
const trustSpan = 0.13;
const trust = 2;

/**
 * How much more certainty, in log-odds, the places of this map need because the photo as a whole does not look damaged; less than 0, down to
 * -2, by how much less they need because it surely is. On each of most clean photos a detector finds a place or two; in a damaged one there are many, or
 * large or very sure ones, and what it is less sure of is damage too. Dots of a printing screen are many as well and never count so.
 */
export function doubtPhoto(map: DamageMap): number {
  const seemsClean = cleanDoubt[map.sort];
  if (map.sort === 'screened') return seemsClean;
  const sure = placesAt(map, evenEvidence);
  if (sure.length === 0) return seemsClean;
  const counts = sure.reduce(
    (sum, { peak }) => sum + Math.min(surestCounts, eachCounts + (peak - evenEvidence) / evidenceStep),
    0,
  );
  const area = areaOf(sure);
  const large =
    area >= enoughShare * map.width * map.height &&
    sure.some(({ peak }) => peak >= evenEvidence + sureOfLarge * evidenceStep);
  if (counts < enough && !large) return seemsClean;
  const share = area / areaOf(placesAt(map, evenEvidence - Math.round(littleOdds * evidenceStep)));
  const least = leastShare[map.sort];
  return share < least ? seemsClean : -trust * Math.min(1, (share - least) / trustSpan);
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
