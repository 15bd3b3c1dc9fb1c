import { setImmediate as breathe } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { blurPlane } from '../image/blur-plane.ts';
import { colorChannels, fullRect, type Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import { resampleArray } from '../image/resample.ts';
import { type DamageMap, emptyMap, evenEvidence, evidenceStep, toEvidence } from './damage-map.ts';
import { boxesOf, findPlaces } from './find-places.ts';
import {
  blurPx,
  type Chroma,
  chromaOf,
  isGray,
  lengthOf,
  medianOf,
  offBy,
  type PrintTone,
  toneOf,
} from './print-tone.ts';
import { placesOf, raiseMap } from './raise-map.ts';

/** Black and white, a print in one tone, or a photograph in color. */
export type PictureColor = 'none' | 'one' | 'many';

/** Colors are compared at most at this size: finer than that, scans are noisy in color, and files keep less of it. */
const longestPx = 1600;
/** Smaller pictures are too small to tell noise from tone. */
const shortestPx = 32;
/** What is looked for: a speck or scratch, or a stain. Colors are compared so much blurred, and what is broader than so many blocks is the tone's slow change. */
interface Scale {
  readonly blurPx: number;
  readonly broadBlocks: number;
}
const speck: Scale = { blurPx, broadBlocks: 1.5 };
const stain: Scale = { blurPx: 2.5, broadBlocks: 8 };
const blockPx = 8;
const noiseBlocks = 2.45;
/** Color deviations that files of 8 bits have anyway, of 255. */
const leastNoise = 0.6;
/** The tone of a steep edge or a fine line is less well known: this share of how much its color should change. */
const steepNoise = 0.1;

/** Each usual deviation that a color is farther off the tone than this is a unit of log-odds for damage, up to a limit; measured on a worn sepia portrait. */
const noneBelow = 2.5;
const mostOdds = 5;

/** So many deviations off the tone are a stain at the middle sensitivity, what each more or less is in log-odds, and where nothing speaks for one. */
const evenStain = 5;
const stainOddsEach = 2;
const noStainBelow = 3;
/** What the network says of another kind from this evidence on is no stain. */
const keepFrom = evenEvidence / 2;

/**
 * Raises what the map knows where the color does not belong to the tone of a print in one tone, in place: where the emulsion is scratched off down to the
 * paper, where dust lies, where something was spilled. What the scene shows has the color of its brightness in such a print, whatever it looks like.
 * The network sees gray alone, so both count together: where it says nothing at all only stains are seen, which are broader.
 *
 * @returns what color the picture has; those that are not in one tone stay as they are.
 * @throws CancelledError.
 */
export async function weighTone(
  image: Image,
  map: DamageMap,
  { store, context }: { readonly store: ImageStore; readonly context: Context },
): Promise<PictureColor> {
  if (colorChannels(image) === 1) return 'none';
  if (Math.min(image.width, image.height) < shortestPx) return 'many';
  const scale = Math.min(1, longestPx / Math.max(image.width, image.height));
  const size = (length: number): number => Math.max(shortestPx, Math.round(length * scale));
  const small = await resizeImage(image, size(image.width), size(image.height), {
    kernel: 'area',
    store,
    context: context.part(0, 0.5),
  });
  const chroma = chromaOf(await small.read(fullRect(small)), small);
  if (small !== image) await small.dispose();
  /** Lets others have their turn, and a cancel act. */
  const pause = async (done: number): Promise<void> => {
    await breathe();
    context.report(done);
  };
  await pause(0.5);
  const tone = toneOf(chroma);
  if (tone === undefined) return isGray(chroma) ? 'none' : 'many';
  await pause(0.6);
  const specks = deviations(chroma, tone, speck);
  await pause(0.75);
  addOdds(map, chroma, (i) => Math.min(mostOdds, Math.max(0, specks[i]! - noneBelow)));
  if (!tone.mayBeTinted && map.kinds.includes('stain')) {
    await pause(0.8);
    const stains = emptyMap(chroma, image, ['stain']);
    deviations(chroma, tone, stain).forEach((value, i) => {
      if (value > noStainBelow) stains.evidence[i] = toEvidence(stainOddsEach * (value - evenStain));
    });
    leaveOutEdges(stains);
    await pause(0.95);
    raiseMap(map, stains, { keepFrom });
  }
  context.report(1);
  return 'one';
}

/** How far each pixel's color is off the tone, in multiples of how far it usually is around there. */
function deviations(chroma: Chroma, { expected }: PrintTone, scale: Scale): Float32Array {
  const blur = (plane: Float32Array): Float32Array => blurPlane(plane, chroma, scale.blurPx);
  const seen = chroma.color.map(blur);
  const toned = expected.map(blur);
  const off = offBy(seen, toned);
  const usual = Math.max(leastNoise, medianOf(off));
  // What is far off is no part of what the tone slowly changes to.
  const trust = off.map((value) => Math.min(1, (3 * usual) / Math.max(value, 1e-6)));
  const fine = (plane: Float32Array): Float32Array => withoutBroad(plane, trust, chroma, scale.broadBlocks);
  const tonedFine = toned.map(fine);
  const strange = strangeness(seen.map(fine), tonedFine);
  const steep = lengthOf(tonedFine);
  const floor = Math.max(leastNoise, medianOf(strange));
  const local = spread(
    strange.map((value) => Math.min(value, 3 * floor)),
    chroma,
    noiseBlocks,
  );
  return strange.map((value, i) => value / (Math.max(floor, local[i]!) + steepNoise * steep[i]!));
}

/** What touches the picture's edge belongs to the mount or to the scanner's lid. */
function leaveOutEdges(map: DamageMap): void {
  const found = findPlaces(map, 1, [true]);
  const { runCount, rows, from, to, placeOf } = found;
  const atEdge = boxesOf(found).map(
    ({ left, top, right, bottom }) => left === 0 || top === 0 || right === map.width || bottom === map.height,
  );
  for (let run = 0; run < runCount; run++)
    if (atEdge[placeOf[run]!] === true)
      map.evidence.fill(0, rows[run]! * map.width + from[run]!, rows[run]! * map.width + to[run]!);
}

/**
 * How far a color is from all that the tone explains. A file may have lost any part of how colors change from pixel to pixel, as JPEG does, so that everything
 * between no change and the change of the tone is explained.
 */
function strangeness(seen: readonly Float32Array[], toned: readonly Float32Array[]): Float32Array {
  const [seenBlue, seenRed] = seen as [Float32Array, Float32Array];
  const [blue, red] = toned as [Float32Array, Float32Array];
  return seenBlue.map((value, i) => {
    const square = blue[i]! * blue[i]! + red[i]! * red[i]!;
    const along = value * blue[i]! + seenRed[i]! * red[i]!;
    const kept = square === 0 ? 0 : Math.min(1, Math.max(0, along / square));
    return Math.hypot(value - kept * blue[i]!, seenRed[i]! - kept * red[i]!);
  });
}

/** The plane less its weighted mean around each pixel. */
function withoutBroad(
  plane: Float32Array,
  trust: Float32Array,
  size: Size,
  broadBlocks: number,
): Float32Array {
  const sums = spread(
    plane.map((value, i) => value * trust[i]!),
    size,
    broadBlocks,
  );
  const weights = spread(trust, size, broadBlocks);
  return plane.map((value, i) => value - sums[i]! / Math.max(weights[i]!, 1e-6));
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Blurred over blocks of 8 by 8 pixels, `blocks` of them as sigma. */
function spread(plane: Float32Array, { width, height }: Size, blocks: number): Float32Array {
  const down = { width: Math.ceil(width / blockPx), height: Math.ceil(height / blockPx) };
  const coarse = resampleArray(
    { width, height, channels: 1, pixels: plane },
    down.width,
    down.height,
    'area',
  );
  const blurred = { ...coarse, pixels: blurPlane(coarse.pixels, down, blocks) };
  return resampleArray(blurred, width, height, 'bicubic').pixels;
}

/** Adds log-odds, bilinear, to all that the map has any evidence of but stains, which are looked for apart. */
function addOdds(map: DamageMap, { width, height }: Size, odds: (index: number) => number): void {
  const across = placesOf(map.width, width);
  const down = placesOf(map.height, height);
  const stains = map.kinds.indexOf('stain');
  for (let y = 0; y < map.height; y++) {
    const top = down.first[y]! * width;
    const bottom = down.second[y]! * width;
    for (let x = 0; x < map.width; x++) {
      const evidence = map.evidence[y * map.width + x]!;
      if (evidence === 0 || map.kind[y * map.width + x] === stains) continue;
      const [left, right, share] = [across.first[x]!, across.second[x]!, across.share[x]!];
      const upper = odds(top + left) + share * (odds(top + right) - odds(top + left));
      const lower = odds(bottom + left) + share * (odds(bottom + right) - odds(bottom + left));
      const more = evidenceStep * (upper + down.share[y]! * (lower - upper));
      map.evidence[y * map.width + x] = Math.min(255, evidence + Math.round(more));
    }
  }
}
