import { hasAlpha, type ChannelCount } from '../image/image.ts';

/** A picture's brightness and color apart (Rec. 601, as in JPEG): Y' from 0 to 255, Cb and Cr around 0. */
export interface Chroma {
  readonly width: number;
  readonly height: number;
  readonly luma: Float32Array;
  readonly color: readonly [blue: Float32Array, red: Float32Array];
}

/** Of interleaved RGB or RGBA from 0 to 1; what is transparent lies on white. */
export function chromaOf(
  pixels: Float32Array,
  {
    width,
    height,
    channels,
  }: { readonly width: number; readonly height: number; readonly channels: ChannelCount },
): Chroma {
  const area = width * height;
  const [luma, blue, red] = [0, 1, 2].map(() => new Float32Array(area)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const transparent = hasAlpha({ channels });
  for (let i = 0, at = 0; i < area; i++, at += channels) {
    const alpha = transparent ? pixels[at + channels - 1]! : 1;
    const onWhite = (channel: number): number => 255 * (1 + alpha * (pixels[at + channel]! - 1));
    const [r, g, b] = [onWhite(0), onWhite(1), onWhite(2)];
    const y = 0.299 * r + 0.587 * g + 0.114 * b;
    luma[i] = y;
    blue[i] = 0.564 * (b - y);
    red[i] = 0.713 * (r - y);
  }
  return { width, height, luma, color: [blue, red] };
}

const lumaBins = 64;
/** Finer than what 8 bits tell apart. */
const colorStep = 0.25;
const colorBins = 256 / colorStep;
/** A brightness that fewer pixels have tells nothing of the tone. */
const fewestPixels = 50;
const leastShare = 0.0005;

/**
 * The color that the picture's tone has at the brightness of each pixel: the median of all pixels as bright, as a toned, faded or yellowed print in black and
 * white has one color for each. Undefined when too few pixels tell.
 */
export function expectedColor({ luma, color }: Chroma): Chroma['color'] | undefined {
  const least = Math.max(fewestPixels, leastShare * luma.length);
  const curves = color.map((plane) => medianCurve(luma, plane, least));
  if (curves.some((curve) => curve === undefined)) return undefined;
  return curves.map((curve) => luma.map((value) => onCurve(curve!, value))) as [Float32Array, Float32Array];
}

/** The median of `plane` in each of `lumaBins` bins of brightness with its neighbors; what has too few is interpolated. */
function medianCurve(luma: Float32Array, plane: Float32Array, least: number): Float32Array | undefined {
  const counts = new Int32Array(lumaBins * colorBins);
  for (let i = 0; i < luma.length; i++) {
    const row = clampIndex(luma[i]! * (lumaBins / 256), lumaBins);
    counts[row * colorBins + clampIndex((plane[i]! + 128) / colorStep, colorBins)]!++;
  }
  const known: { readonly bin: number; readonly value: number }[] = [];
  for (let bin = 0; bin < lumaBins; bin++) {
    const sum = new Int32Array(colorBins);
    for (let near = Math.max(0, bin - 1); near <= Math.min(lumaBins - 1, bin + 1); near++)
      for (let i = 0; i < colorBins; i++) sum[i]! += counts[near * colorBins + i]!;
    if (sum.reduce((a, b) => a + b, 0) >= least)
      known.push({ bin, value: (quantileBin(sum, 0.5) + 0.5) * colorStep - 128 });
  }
  const first = known[0];
  if (first === undefined) return undefined;
  const curve = new Float32Array(lumaBins).fill(known.at(-1)!.value);
  curve.fill(first.value, 0, first.bin + 1);
  for (let k = 1; k < known.length; k++) {
    const [from, to] = [known[k - 1]!, known[k]!];
    for (let bin = from.bin; bin <= to.bin; bin++)
      curve[bin] = from.value + ((bin - from.bin) / (to.bin - from.bin)) * (to.value - from.value);
  }
  return curve;
}

function onCurve(curve: Float32Array, luma: number): number {
  const at = Math.min(lumaBins - 1, Math.max(0, luma * (lumaBins / 256) - 0.5));
  const low = Math.floor(at);
  const high = Math.min(lumaBins - 1, low + 1);
  return curve[low]! + (at - low) * (curve[high]! - curve[low]!);
}

function clampIndex(value: number, count: number): number {
  return Math.min(count - 1, Math.max(0, Math.floor(value)));
}

function quantileBin(counts: Int32Array, share: number): number {
  const total = counts.reduce((a, b) => a + b, 0);
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i]!;
    if (seen >= share * total) return i;
  }
  return counts.length - 1;
}

/** The quantiles of numbers from 0 to 256, to a twentieth. */
export function quantilesOf(values: Float32Array, shares: readonly number[]): number[] {
  const perUnit = 20;
  const counts = new Int32Array(256 * perUnit);
  for (const value of values) counts[clampIndex(value * perUnit, counts.length)]!++;
  return shares.map((share) => (quantileBin(counts, share) + 0.5) / perUnit);
}
