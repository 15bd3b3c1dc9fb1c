import type { Context } from '../context.ts';
import type { Image } from '../image/image.ts';
import { castOf, toneParams, type Cast, type ToneValues, type Triple } from './tone-levels.ts';
import { makeToneThumbnail, type ToneThumbnail } from './tone-thumbnail.ts';

/** What the tones of a picture look like, and what follows from it. Levels are 0..1, casts differences of channels on that scale. */
export interface ToneAnalysis {
  /** 'gray': no color at all; 'tinted': one color all over, like sepia, which is meant; 'color': everything else. */
  readonly kind: 'gray' | 'tinted' | 'color';
  /** Luma that 0.5 % of the picture is below, that half of it is below, and that 0.5 % is above. */
  readonly blackLuma: number;
  /** The same limit for single pixels; above, blocks of them are averaged. */
  readonly finestBlackLuma: number;
  readonly medianLuma: number;
  readonly whiteLuma: number;
  /** The same 0.5 % limits of each channel. */
  readonly black: Triple;
  readonly white: Triple;
  /** Mean of the darkest and of the lightest 2 %, and of everything. */
  readonly darkCast: Cast;
  readonly lightCast: Cast;
  readonly meanCast: Cast;
  /** How much colors scatter about the one that is usual for their luma: a tinted print stays below 0.025. */
  readonly chromaSpread: number;
  /** Mean length of the chroma. */
  readonly chromaMean: number;
  /** Distance of the mean color from gray over the scatter of colors, minus 1 (Gasparini and Schettini 2004); in a faded print, above 0.25 a cast lies over everything. */
  readonly castRatio: number;
  /** The print has lost its black, or its whole range has shrunk. */
  readonly faded: boolean;
  /** A cast lies over a faded color print. A warm or green scene with good blacks is taken to be meant so. */
  readonly cast: boolean;
}

/** Limits that decide; tuned on photographs with and without fading, see the tests. */
const limits = {
  tintedSpread: 0.025,
  tintedRatio: 0.6,
  liftedBlack: 0.215,
  finestBlack: 0.06,
  shrunkRange: 0.62,
  shrunkBlack: 0.1,
  castRatio: 0.25,
  castMean: 0.3,
} as const;

/**
 * Looks at a reduced copy of the picture and says whether it is a faded print and whether a cast lies over it; reads the picture once.
 *
 * @throws CancelledError.
 */
export async function analyzeTone(image: Image, context?: Context): Promise<ToneAnalysis> {
  return analyzeThumbnail(await makeToneThumbnail(image, context));
}

function analyzeThumbnail({ colors, hasColor, finestBlackLuma }: ToneThumbnail): ToneAnalysis {
  const lumas = Float64Array.from(colors, lumaOf);
  const sorted = lumas.toSorted();
  const [blackLuma, medianLuma, whiteLuma] = [0.005, 0.5, 0.995].map((share) => quantile(sorted, share)) as unknown as Triple;
  const channel = (c: number): Float64Array => Float64Array.from(colors, (color) => color[c]!).sort();
  const sortedChannels = [channel(0), channel(1), channel(2)];
  const meanWhere = (keep: (luma: number) => boolean): Triple => meanColor(colors.filter((_, i) => keep(lumas[i]!)));
  const [darkLimit, lightLimit] = [quantile(sorted, 0.02), quantile(sorted, 0.98)];
  const chroma = chromaStatistics(colors, lumas);
  const kind = !hasColor ? 'gray' : isTinted(chroma) ? 'tinted' : 'color';
  const range = whiteLuma - blackLuma;
  const enough = colors.length >= 256 && range > 0.08;
  const faded = enough && finestBlackLuma > limits.finestBlack && (blackLuma > limits.liftedBlack || (range < limits.shrunkRange && blackLuma > limits.shrunkBlack));
  const overall = chroma.castRatio > limits.castRatio && chroma.mean < limits.castMean;
  return {
    kind,
    blackLuma,
    finestBlackLuma,
    medianLuma,
    whiteLuma,
    black: sortedChannels.map((values) => quantile(values, 0.005)) as unknown as Triple,
    white: sortedChannels.map((values) => quantile(values, 0.995)) as unknown as Triple,
    darkCast: castOf(meanWhere((luma) => luma <= darkLimit)),
    lightCast: castOf(meanWhere((luma) => luma >= lightLimit)),
    meanCast: castOf(meanColor(colors)),
    chromaSpread: chroma.spread,
    chromaMean: chroma.mean,
    castRatio: chroma.castRatio,
    faded,
    cast: faded && kind === 'color' && overall,
  };
}

function lumaOf([red, green, blue]: Triple): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

function meanColor(colors: readonly Triple[]): Triple {
  const sum = [0, 0, 0];
  for (const color of colors) color.forEach((value, c) => (sum[c]! += value));
  return sum.map((value) => value / Math.max(1, colors.length)) as unknown as Triple;
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted.length === 0 ? 0 : sorted[Math.round(share * (sorted.length - 1))]!;
}

interface ChromaStatistics {
  readonly spread: number;
  readonly mean: number;
  readonly castRatio: number;
}

function isTinted({ spread, mean }: ChromaStatistics): boolean {
  return spread < limits.tintedSpread && (spread < limits.tintedRatio * mean || mean < 0.02) && mean < limits.castMean;
}

/** Color differences of ITU-R BT.601; scatter about the mean chroma of each of 24 luma classes, and about the mean of all. */
function chromaStatistics(colors: readonly Triple[], lumas: Float64Array): ChromaStatistics {
  const classes = Array.from({ length: 24 }, () => ({ count: 0, blue: 0, red: 0, squares: 0 }));
  let length = 0;
  colors.forEach((color, i) => {
    const blue = 0.564 * (color[2] - lumas[i]!);
    const red = 0.713 * (color[0] - lumas[i]!);
    const group = classes[Math.min(23, Math.max(0, Math.floor(24 * lumas[i]!)))]!;
    group.count++;
    group.blue += blue;
    group.red += red;
    group.squares += blue * blue + red * red;
    length += Math.hypot(blue, red);
  });
  const count = Math.max(1, colors.length);
  const total = (pick: (group: (typeof classes)[number]) => number): number => classes.reduce((sum, group) => sum + pick(group), 0);
  const within = total((group) => (group.count === 0 ? 0 : group.squares - (group.blue ** 2 + group.red ** 2) / group.count));
  const center = Math.hypot(total((group) => group.blue), total((group) => group.red)) / count;
  const scatter = Math.sqrt(Math.max(0, total((group) => group.squares) / count - center ** 2));
  return { spread: Math.sqrt(Math.max(0, within) / count), mean: length / count, castRatio: center / Math.max(1e-4, scatter) - 1 };
}

/** What to set the tone step to, and whether to switch it on: `enabled` is false for pictures that need nothing. */
export interface ToneSuggestion {
  readonly enabled: boolean;
  readonly params: ToneValues;
}

/** How much of an estimated cast is taken away: all of it would often be too much. */
const castShare = 0.8;
/** What a good print's black and white lie at, and how far the points may move. */
const goodBlack = 0.035;
const goodWhite = 0.97;

/** Params that bring a faded print's range back and take a dye's cast away, carefully; the defaults when it needs nothing. */
export function suggestTone(analysis: ToneAnalysis): ToneSuggestion {
  const defaults = Object.fromEntries(Object.entries(toneParams).map(([name, spec]) => [name, spec.default])) as ToneValues;
  if (!analysis.faded) return { enabled: false, params: defaults };
  const { kind } = analysis;
  const low = Math.max(0, (kind === 'color' ? mean(analysis.black) : analysis.blackLuma) - goodBlack);
  // A tint pulls the lightest channel up: stretching to that one keeps the tint of the paper.
  const top = kind === 'color' ? mean(analysis.white) : Math.max(...analysis.white);
  const high = Math.min(1, top + (1 - goodWhite));
  const values: ToneValues = { ...defaults, black: percent(low), white: percent(Math.max(high, low + 0.3)), gamma: midtones(analysis.medianLuma, low, high) };
  if (kind !== 'gray') Object.assign(values, { saturation: Math.round(100 * (kind === 'tinted' ? high - low : 1)) });
  return { enabled: true, params: kind === 'color' ? { ...values, ...castValues(analysis) } : values };
}

/** Moving the black point darkens the midtones of a dark picture: half of that is given back. */
function midtones(median: number, low: number, high: number): number {
  const moved = Math.max(0.02, (median - low) / (high - low));
  const wanted = Math.min(0.4, (moved + median) / 2);
  return moved >= wanted ? 1 : Math.round(100 * Math.min(1.35, Math.log(moved) / Math.log(wanted))) / 100;
}

function mean(color: Triple): number {
  return (color[0] + color[1] + color[2]) / 3;
}

function percent(value: number): number {
  return Math.round(1000 * value) / 10;
}

/**
 * The veil over faded shadows has the color of what is left of the dyes, so there the limits of the channels count. Lights may be colored by the scene: their
 * cast counts as far as they and the whole picture agree about it.
 */
function castValues({ black, lightCast, meanCast, cast }: ToneAnalysis): Partial<ToneValues> {
  const agreed = (a: number, b: number): number => (a * b <= 0 ? 0 : Math.sign(a) * Math.min(Math.abs(a), Math.abs(b)));
  const taken = (value: number, share: number): number => percent(share * Math.sign(value) * Math.min(Math.abs(value), 0.35));
  const shadows = castOf(black);
  const lights = { warmth: agreed(lightCast.warmth, meanCast.warmth), tint: agreed(lightCast.tint, meanCast.tint) };
  return {
    shadowsWarmth: taken(shadows.warmth, castShare),
    shadowsTint: taken(shadows.tint, castShare),
    lightsWarmth: taken(lights.warmth, cast ? castShare : castShare / 2),
    lightsTint: taken(lights.tint, cast ? castShare : castShare / 2),
  };
}
