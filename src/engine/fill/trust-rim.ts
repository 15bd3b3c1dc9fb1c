/** Offsets of the rim are counted in bins of this width; one tone is three bins wide. */
const binWidth = 0.08;
/** Of so much of the rim one tone is what heal goes by, however far it is from the source. */
const nearlyAll = 0.85;
/** A tone that less of the rim shows is no tone of the place. */
const leastShare = 0.15;
/** What lies this near to the tone belongs to it. */
const sameTone = 0.1;
/** From pixel to pixel of the rim, tones that belong together change by less than this, and by less than that in all. */
const largestStep = 0.04;
const largestChange = 0.3;

/**
 * Leaves of a rim only what differs from the source by a matter of tones: where the rim crosses a strong edge (a torn sleeve, the paper
 * under it), one side of it shows another thing, and its tone must not be spread over the place. What is left agrees with itself, smooth
 * changes included; of several sides, it is the one most like the source. In what is left nothing may remain: then the source stays as it is.
 *
 * @param beside what the source would be at the rim, (height, width, channels); NaN away from it, and after this also where the rim is of no use.
 * @param known the picture, (height, width, channels).
 */
export function trustRim(
  beside: Float32Array,
  known: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  channels: number,
): void {
  const rim: number[] = [];
  for (let i = 0; i < width * height; i++) if (!Number.isNaN(beside[i * channels]!)) rim.push(i);
  if (rim.length === 0) return;
  const offset = (i: number, c: number): number => known[i * channels + c]! - beside[i * channels + c]!;
  const tone = toneOf(rim, offset, channels);
  const differs = (i: number, from: (c: number) => number): number => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += Math.abs(offset(i, c) - from(c));
    return sum / channels;
  };
  const isRim = new Uint8Array(width * height);
  for (const i of rim) isRim[i] = 1;
  const trusted = new Uint8Array(width * height);
  const open = rim.filter((i) => differs(i, (c) => tone[c]!) < sameTone);
  for (const i of open) trusted[i] = 1;
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    const from = i;
    for (const next of neighbors(from, width, height)) {
      if (isRim[next] === 0 || trusted[next] === 1) continue;
      if (
        differs(next, (c) => offset(from, c)) > largestStep ||
        differs(next, (c) => tone[c]!) > largestChange
      )
        continue;
      trusted[next] = 1;
      open.push(next);
    }
  }
  for (const i of rim) if (trusted[i] === 0) beside.fill(NaN, i * channels, (i + 1) * channels);
}

/** What the rim is off by, a number a channel: nearly all of it, or of its tones the one that is least away from the source. */
function toneOf(
  rim: readonly number[],
  offset: (i: number, c: number) => number,
  channels: number,
): readonly number[] {
  const bins = new Map<number, number[]>();
  for (const i of rim) {
    let mean = 0;
    for (let c = 0; c < channels; c++) mean += offset(i, c) / channels;
    const bin = Math.round(mean / binWidth);
    const there = bins.get(bin);
    if (there === undefined) bins.set(bin, [i]);
    else there.push(i);
  }
  const tones = [...bins.keys()].map((bin) => ({
    bin,
    pixels: [bin - 1, bin, bin + 1].flatMap((each) => bins.get(each) ?? []),
  }));
  const fullest = tones.reduce((best, each) => (each.pixels.length > best.pixels.length ? each : best));
  const likely = tones.filter(({ pixels }) => pixels.length >= leastShare * rim.length);
  const chosen =
    fullest.pixels.length >= nearlyAll * rim.length || likely.length === 0
      ? fullest
      : likely.reduce((best, each) => (distance(each) < distance(best) ? each : best));
  return Array.from({ length: channels }, (_, c) => {
    const values = chosen.pixels.map((i) => offset(i, c)).sort((a, b) => a - b);
    return values[values.length >> 1]!;
  });
}

/** From the source; of two equally far away, the one that more of the rim shows. */
function distance({ bin, pixels }: { readonly bin: number; readonly pixels: readonly number[] }): number {
  return Math.abs(bin) + 1 / (1 + pixels.length);
}

function neighbors(i: number, width: number, height: number): number[] {
  const [x, y] = [i % width, Math.floor(i / width)];
  const result: number[] = [];
  for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
    for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++)
      if (v !== y || u !== x) result.push(v * width + u);
  return result;
}
