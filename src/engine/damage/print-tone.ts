import { blurPlane } from '../image/blur-plane.ts';
import { hasAlpha, type ChannelCount } from '../image/image.ts';
import { lumaAt } from './gray-picture.ts';

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
    const y = 255 * lumaAt(pixels, at, channels);
    luma[i] = y;
    blue[i] = 0.564 * (onWhite(2) - y);
    red[i] = 0.713 * (onWhite(0) - y);
  }
  return { width, height, luma, color: [blue, red] };
}

/**
 * A print in one tone: its median chroma is strong enough to be told from gray and not as strong as a sunset, three quarters of the pixels have the color
 * that belongs to their brightness, and so have nearly all places broader than a scratch: of these only so many may be that far off, in absolute
 * terms and as a share of the tone's strength. Sepia prints have 5 to 30. Of 279 photographs in color two pass, of B100 two, of Kodak24 none.
 */
const strongestTone = 40;
interface Limit {
  /** Of all pixels, how many must be less far off. */
  readonly share: number;
  readonly absolute: number;
  readonly ofTone: number;
}
const mostOff: readonly Limit[] = [{ share: 0.75, absolute: 3, ofTone: 0.22 }];
const mostOffBroadly: readonly Limit[] = [
  { share: 0.9, absolute: 3, ofTone: 0.15 },
  { share: 0.97, absolute: 6, ofTone: 0.3 },
  { share: 0.99, absolute: 9, ofTone: 0.4 },
];
/** The outer part of the short side, where mounts and the scanner's lid show, does not tell. */
const outerShare = 0.05;
/** Half the side of a place broader than a scratch. */
const broadReachPx = 4;

/** Where this share of the tone's strength is exceeded by more than three in a hundred broad places, cheeks and lips may be colored by hand. */
const tinted = 0.2;
/** JPEG keeps one color for 2×2 pixels, so colors are compared a little blurred. */
export const blurPx = 1.41;

/** The tone of a print. */
export interface PrintTone {
  /** The color it has at the brightness of each pixel. */
  readonly expected: Chroma['color'];
  /** Whether cheeks and lips may be colored by hand. */
  readonly mayBeTinted: boolean;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * What a picture in one tone looks like; undefined when it is not in one. The tone step asks the same of a thumbnail (`steps/tone-analysis.ts`) and may err to
 * either side; here damage must not hide the tone, nor a photograph in few colors pass for a print.
 */
export function toneOf(chroma: Chroma): PrintTone | undefined {
  const strength = medianOf(lengthOf(chroma.color));
  const expected = strength < strongestTone ? expectedColor(chroma) : undefined;
  if (expected === undefined) return undefined;
  const withinLimits = (values: Float32Array, limits: readonly Limit[]): boolean =>
    limits.every(
      ({ share, absolute, ofTone }) => quantileOf(values, share) < Math.min(absolute, ofTone * strength),
    );
  const blur = (plane: Float32Array): Float32Array => blurPlane(plane, chroma, blurPx);
  const off = offBy(chroma.color.map(blur), expected.map(blur));
  // Most photographs in color end here, before the slower look at broad places.
  if (!withinLimits(innerOf(off, chroma), mostOff)) return undefined;
  const broadOff = innerOf(leastAround(off, chroma, broadReachPx), chroma);
  if (!withinLimits(broadOff, mostOffBroadly)) return undefined;
  return { expected, mayBeTinted: quantileOf(broadOff, 0.97) > tinted * strength };
}

/** JPEG and scanners leave a little color in a gray picture; photographs in color have more even in fog. */
const grayest = 3;
const grayShare = 0.99;

/** Whether a picture is in black and white, but for marks on it and for its margins. */
export function isGray(chroma: Chroma): boolean {
  const blurred = chroma.color.map((plane) => blurPlane(plane, chroma, blurPx));
  return quantileOf(innerOf(lengthOf(blurred), chroma), grayShare) < grayest;
}

function innerOf(plane: Float32Array, { width, height }: Size): Float32Array {
  const border = Math.floor(outerShare * Math.min(width, height));
  const inner = new Float32Array((width - 2 * border) * (height - 2 * border));
  for (let y = border, to = 0; y < height - border; y++, to += width - 2 * border)
    inner.set(plane.subarray(y * width + border, (y + 1) * width - border), to);
  return inner;
}

/** The least of the square around each pixel. */
function leastAround(plane: Float32Array, { width, height }: Size, reach: number): Float32Array {
  const least = (
    from: Float32Array,
    length: number,
    step: number,
    start: (line: number) => number,
    lines: number,
  ): Float32Array => {
    const out = new Float32Array(from.length);
    for (let line = 0; line < lines; line++)
      for (let i = 0; i < length; i++) {
        let value = Infinity;
        for (let k = Math.max(0, i - reach); k <= Math.min(length - 1, i + reach); k++)
          value = Math.min(value, from[start(line) + k * step]!);
        out[start(line) + i * step] = value;
      }
    return out;
  };
  const across = least(plane, width, 1, (line) => line * width, height);
  return least(across, height, width, (line) => line, width);
}

export function medianOf(values: Float32Array): number {
  return quantileOf(values, 0.5);
}

export function offBy(seen: readonly Float32Array[], toned: readonly Float32Array[]): Float32Array {
  return lengthOf(seen.map((plane, c) => plane.map((value, i) => value - toned[c]![i]!)));
}

export function lengthOf(planes: readonly Float32Array[]): Float32Array {
  const [blue, red] = planes as [Float32Array, Float32Array];
  return blue.map((value, i) => Math.hypot(value, red[i]!));
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
function expectedColor({ luma, color }: Chroma): Chroma['color'] | undefined {
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

/** The quantile of numbers from 0 to 256, to a twentieth. */
function quantileOf(values: Float32Array, share: number): number {
  const perUnit = 20;
  const counts = new Int32Array(256 * perUnit);
  for (const value of values) counts[clampIndex(value * perUnit, counts.length)]!++;
  return (quantileBin(counts, share) + 0.5) / perUnit;
}
