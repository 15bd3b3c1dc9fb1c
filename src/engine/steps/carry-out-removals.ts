import { createHash } from 'node:crypto';
import type { Mask } from '../../shared/mask.ts';
import type { Removal } from '../../shared/removal.ts';
import type { Context } from '../context.ts';
import { clonePatches } from '../fill/clone-patches.ts';
import { type Patch, patchedImage } from '../fill/patched-image.ts';
import type { Image, Rect } from '../image/image.ts';
import { type FilledRemoval, RemovalCache, seenIn } from './removal-cache.ts';

/** How the removals of a use are carried out. */
export interface RemovalWork {
  /** Names the pixels of the picture and everything besides the removal itself that decides how it is filled. */
  readonly key: string;
  /** Without it nothing is remembered. */
  readonly cache?: RemovalCache;
  /** Added to the soft edge of every mask. */
  readonly featherPx: number;
  fill(
    image: Image,
    mask: Mask,
    removal: Removal,
    context: Context,
    onDraft?: (patches: readonly Patch[]) => void,
  ): Promise<readonly Patch[]>;
  /** Hears what the places look like so far: the removals that are done, and the next one as it is now. */
  onDraft?(done: readonly FilledRemoval[], next: Removal, patches: readonly Patch[]): void;
}

/** Done before in other surroundings, it most likely costs nothing. */
const knownCost = 0.01;

/**
 * Carries out removals one after another, each on what those before it left. Only what is not in the cache is computed.
 *
 * @returns one result for each removal, in order. @throws HeirloomError `bad-input` when a mask leaves nothing to fill from; CancelledError.
 */
export async function carryOutRemovals(
  image: Image,
  removals: readonly Removal[],
  work: RemovalWork,
  context: Context,
): Promise<readonly FilledRemoval[]> {
  const cache = work.cache ?? new RemovalCache(0);
  const owns = removals.map((removal) => ownKey(work.key, removal));
  const costs = owns.map((own) => (cache.knows(own) ? knownCost : 1));
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  const filled: FilledRemoval[] = [];
  let done = 0;
  for (const [index, removal] of removals.entries()) {
    const own = owns[index]!;
    const cost = costs[index]!;
    const part = context.part(done / total, (done + cost) / total);
    part.report(0);
    const before = [...filled];
    filled.push(await cache.getOrMake(own, before, () => carryOut(image, removal, own, before, work, part)));
    done += cost;
    part.report(1);
  }
  return filled;
}

async function carryOut(
  image: Image,
  removal: Removal,
  own: string,
  before: readonly FilledRemoval[],
  work: RemovalWork,
  context: Context,
): Promise<FilledRemoval> {
  const reads: Rect[] = [];
  const view = patchedImage(
    image,
    before.flatMap(({ patches }) => patches),
  );
  const watched: Image = {
    ...view,
    read: (rect) => {
      reads.push(rect);
      return view.read(rect);
    },
  };
  const mask = { ...removal.mask, featherPx: removal.mask.featherPx + work.featherPx };
  const { kind, offset } = removal;
  const patches =
    kind === 'fill' || offset === undefined
      ? await work.fill(watched, mask, removal, context, (drawn) => work.onDraft?.(before, removal, drawn))
      : await clonePatches(watched, mask, { offset, heals: kind === 'heal' }, context);
  for (const { pixels } of patches) roundTo(image.sampleType, pixels);
  const seen = seenIn(reads, before);
  return { key: hash([own, seen]), patches, reads, seen };
}

/** Rounds values as the picture would, so that to see through patches and to have them saved is the same. */
function roundTo(sampleType: Image['sampleType'], pixels: Float32Array): void {
  if (sampleType === 'f32') return;
  const most = sampleType === 'u8' ? 255 : 65_535;
  for (let i = 0; i < pixels.length; i++)
    pixels[i] = Math.round(Math.min(1, Math.max(0, pixels[i]!)) * most) / most;
}

function ownKey(inputKey: string, { kind, mask, method, seed, offset }: Removal): string {
  return hash([inputKey, kind, mask, method, seed, offset]);
}

function hash(facts: unknown): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
