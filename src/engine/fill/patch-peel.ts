import { measureField, type PatchField, randomField } from './patch-field.ts';
import { type PatchLevel, patchRadius } from './patch-level.ts';

/** Sources times target pixels that are compared at most; beyond it only some of the sources are. */
const mostComparisons = 1_500_000;
/** How much chance may prefer one source to another. */
const whim = 0.3;

/**
 * Fills the hole of a small level from its rim inwards, writing into its data: each pixel of a layer becomes the center of the known patch
 * that is most like what is known or filled around it, all sources being tried (Newson et al. 2014, onion peel), and like the guide, which
 * is known everywhere.
 *
 * @returns the field that follows; patches around the hole that were not sought start at random.
 */
export function peelHole(level: PatchLevel, random: () => number): PatchField {
  const field = randomField(level, random);
  const { hole, data, channels, voted, width } = level;
  const open = hole.slice();
  let left = 0;
  for (let i = 0; i < open.length; i++) left += open[i]!;
  const stride = Math.max(1, Math.ceil((level.sources.length * left) / mostComparisons));
  while (left > 0) {
    const layer = rimOf(open, width, level.height);
    if (layer.length === 0) break;
    const found = layer.map((pixel) =>
      bestSource(level, open, pixel, Math.floor(random() * stride), stride, random),
    );
    for (const [n, pixel] of layer.entries()) {
      const source = found[n]!;
      for (let c = 0; c < voted; c++) data[pixel * channels + c] = data[source * channels + c]!;
      if (field.nearest[pixel]! >= 0) field.nearest[pixel] = source;
      open[pixel] = 0;
    }
    left -= layer.length;
  }
  measureField(level, field);
  return field;
}

/** Open pixels beside one that is not. */
function rimOf(open: Uint8Array, width: number, height: number): number[] {
  const rim: number[] = [];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (open[i] === 0) continue;
      const isRim =
        (x > 0 && open[i - 1] === 0) ||
        (x < width - 1 && open[i + 1] === 0) ||
        (y > 0 && open[i - width] === 0) ||
        (y < height - 1 && open[i + width] === 0);
      if (isRim) rim.push(i);
    }
  }
  return rim;
}

function bestSource(
  level: PatchLevel,
  open: Uint8Array,
  pixel: number,
  first: number,
  stride: number,
  random: () => number,
): number {
  const { width, height, channels, voted, data, sources } = level;
  const x = pixel % width;
  const y = (pixel - x) / width;
  const offsets: number[] = [];
  // Of pixels that are open the guide alone.
  const firsts: number[] = [];
  for (let dy = -patchRadius; dy <= patchRadius; dy++) {
    for (let dx = -patchRadius; dx <= patchRadius; dx++) {
      const inside = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height;
      if (!inside) continue;
      const first = open[pixel + dy * width + dx] === 0 ? 0 : voted;
      if (first === channels) continue;
      offsets.push(dy * width + dx);
      firsts.push(first);
    }
  }
  let best = sources[0]!;
  let bestCost = Infinity;
  for (let n = first % stride; n < sources.length; n += stride) {
    const source = sources[n]!;
    const favor = 1 + whim * random();
    let cost = 0;
    for (let k = 0; k < offsets.length && cost * favor < bestCost; k++) {
      const a = (pixel + offsets[k]!) * channels;
      const b = (source + offsets[k]!) * channels;
      for (let c = firsts[k]!; c < channels; c++) {
        const difference = data[a + c]! - data[b + c]!;
        cost += difference * difference;
      }
    }
    if (cost * favor >= bestCost) continue;
    best = source;
    bestCost = cost * favor;
  }
  return best;
}
