import { asRgb, type Pixels } from './pixels.ts';

/** How far apart two pictures look, in parts; every part is 0 for equal pictures and grows with the difference. */
export interface FeatureParts {
  /** Edges and lines in other places or of another sign. */
  readonly structure: number;
  /** Another amount of texture, whatever its exact place: blur takes it away, noise adds it. */
  readonly texture: number;
  /** Another mix of directions. */
  readonly direction: number;
  readonly color: number;
}

/** One channel, row by row. */
interface Field {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

const scaleCount = 4;
/** Contrast below which the eye sees little, in units of the responses below. */
const threshold = 0.01;
/** Parts are raised to this power before they are weighted: between the difference and its square. */
export const partPower = 0.75;
/**
 * Weights of structure, texture, direction and color at each of the four scales, finest first. Fitted by `scripts/fit-feature-distance.ts` without negative
 * weights (structure at least 0.1) to the squeeze distances of training photographs after blur, noise, JPEG and reduction: where structure is
 * normalized by the local contrast, texture and direction added nothing. On held-out photographs the rank correlation with the squeeze distance is
 * 0.91; that of PSNR is 0.65, that of SSIM 0.83.
 */
const weights: readonly (readonly [number, number, number, number])[] = [
  [1.778, 0, 0, 0.1753],
  [0.1, 0, 0, 0.0458],
  [0.1, 0, 0, 0],
  [0.1, 0, 0, 0],
];

/**
 * Heirloom's own perceptual distance: oriented band-pass responses of the luma at four scales, normalized by the local contrast and compared as LPIPS
 * compares network features; 0 for equal pictures, about 1 for strangers. Not LPIPS, and its numbers are not comparable to it.
 *
 * The filters are fixed (first and second derivatives of a Gaussian, which steer to any direction: Freeman and Adelson 1991; division by pooled local energy:
 * Heeger 1992), so no network under test is its own judge. Gray counts as RGB. Undefined below 32 pixels a side.
 */
export function featureDistance(a: Pixels, b: Pixels): number | undefined {
  return featureDistanceFrom(featuresOf(a), featuresOf(b));
}

/** The same for pictures whose features are known: one that many are compared with is looked at once. */
export function featureDistanceFrom(a: Features, b: Features): number | undefined {
  return partsBetween(a, b)?.reduce((sum, parts, scale) => {
    const [structure, texture, direction, color] = weights[scale]!;
    return (
      sum +
      structure * parts.structure ** partPower +
      texture * parts.texture ** partPower +
      direction * parts.direction ** partPower +
      color * parts.color ** partPower
    );
  }, 0);
}

/** The unweighted parts of `featureDistance` at each scale, finest first; directions, which take half of the time, only where they are asked for. */
export function featureScales(a: Pixels, b: Pixels, withDirections = true): readonly FeatureParts[] | undefined {
  return partsBetween(featuresOf(a, withDirections), featuresOf(b, withDirections));
}

/** What is seen in a picture at each scale; nothing in one below 32 pixels a side. */
export type Features = readonly {
  readonly fields: readonly Field[];
  readonly responses: ReturnType<typeof responsesOf>;
}[];

const usesDirections = weights.some(([, , direction]) => direction > 0);

/** What `featureDistance` sees in a picture; directions only where they count unless told otherwise. */
export function featuresOf(pixels: Pixels, withDirections = usesDirections): Features {
  if (Math.min(pixels.width, pixels.height) < 2 ** (scaleCount + 1)) return [];
  let fields = opponentFields(pixels);
  return Array.from({ length: scaleCount }, (_, scale) => {
    if (scale > 0) fields = fields.map(halveField);
    return { fields, responses: responsesOf(fields[0]!, withDirections) };
  });
}

function partsBetween(a: Features, b: Features): readonly FeatureParts[] | undefined {
  if (a.length === 0 || b.length === 0) return undefined;
  return a.map((left, scale) => {
    const right = b[scale]!;
    return { ...lumaParts(left.responses, right.responses), color: colorPart(left.fields, right.fields) };
  });
}

/** Luma and two color differences (ITU-R BT.601), 0..1 and about ±0.5. */
function opponentFields(pixels: Pixels): Field[] {
  const { width, height, data } = asRgb(pixels);
  const fields = [0, 1, 2].map(() => ({ width, height, data: new Float32Array(width * height) }));
  const [light, blue, red] = fields.map((field) => field.data) as [Float32Array, Float32Array, Float32Array];
  for (let i = 0, p = 0; i < light.length; i++, p += 3) {
    const y = 0.299 * data[p]! + 0.587 * data[p + 1]! + 0.114 * data[p + 2]!;
    light[i] = y;
    blue[i] = 0.564 * (data[p + 2]! - y);
    red[i] = 0.713 * (data[p]! - y);
  }
  return fields;
}

const binomial = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16];

/** Blurred with the binomial 1 4 6 4 1 and every second pixel kept. */
function halveField(field: Field): Field {
  const soft = filterField(field, binomial, binomial);
  const width = field.width >> 1;
  const height = field.height >> 1;
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * width + x] = soft.data[2 * y * field.width + 2 * x]!;
  return { width, height, data };
}

/** Correlation with two odd lines of equal length, edges repeated. */
function filterField(field: Field, across: readonly number[], down: readonly number[]): Field {
  const { width, height } = field;
  const radius = (across.length - 1) / 2;
  const middle = new Float32Array(width * height);
  const row = new Float32Array(width + 2 * radius);
  for (let y = 0; y < height; y++) {
    const line = field.data.subarray(y * width, (y + 1) * width);
    row.set(line, radius);
    row.fill(line[0]!, 0, radius);
    row.fill(line[width - 1]!, radius + width);
    for (let k = 0; k < across.length; k++) {
      const tap = across[k]!;
      if (tap !== 0) for (let x = 0; x < width; x++) middle[y * width + x]! += tap * row[x + k]!;
    }
  }
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let k = 0; k < down.length; k++) {
      const from = Math.min(height - 1, Math.max(0, y + k - radius)) * width;
      const tap = down[k]!;
      if (tap !== 0) for (let x = 0; x < width; x++) data[y * width + x]! += tap * middle[from + x]!;
    }
  }
  return { width, height, data };
}

/** A Gaussian of sigma 1 and its first two derivatives over seven taps; gains so that edges and lines answer alike. */
const positions = [-3, -2, -1, 0, 1, 2, 3];
const bell = positions.map((x) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI));
const slope = bell.map((g, i) => -positions[i]! * g);
const bendRaw = bell.map((g, i) => (positions[i]! ** 2 - 1) * g);
const bendMean = bendRaw.reduce((a, b) => a + b, 0) / bendRaw.length;
const bend = bendRaw.map((value) => value - bendMean);
const poolLine = gaussianLine(2);

function gaussianLine(sigma: number): number[] {
  const radius = Math.ceil(3 * sigma);
  const line = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const sum = line.reduce((a, b) => a + b, 0);
  return line.map((value) => value / sum);
}

interface Responses {
  /** Horizontal and vertical slope; horizontal, diagonal and vertical bend. */
  readonly signed: readonly Float32Array[];
  /** Pooled magnitude in four directions, or nothing. */
  readonly energies: readonly Float32Array[];
  /** Root of the pooled squared responses: the local contrast. */
  readonly contrast: Float32Array;
}

function responsesOf(light: Field, withDirections: boolean): Responses {
  const pairs = [[slope, bell], [bell, slope], [bend, bell], [slope, slope], [bell, bend]] as const;
  const signed = pairs.map(([across, down]) => filterField(light, across, down).data);
  const [sx, sy, bxx, bxy, byy] = signed as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  // The squares of all four directions add up to this: the cosines cancel.
  const squares = sx.map((x, i) => 2 * (x * x + sy[i]! ** 2) + 1.5 * (bxx[i]! ** 2 + byy[i]! ** 2) + bxx[i]! * byy[i]! + 2 * bxy[i]! ** 2);
  const energies = (withDirections ? [0, 1, 2, 3] : []).map((quarter) => {
    const [c, s] = [Math.cos((quarter * Math.PI) / 4), Math.sin((quarter * Math.PI) / 4)];
    const energy = new Float32Array(light.data.length);
    for (let i = 0; i < energy.length; i++) {
      const odd = c * sx[i]! + s * sy[i]!;
      const even = c * c * bxx[i]! + 2 * c * s * bxy[i]! + s * s * byy[i]!;
      energy[i] = Math.sqrt(odd * odd + even * even);
    }
    return pool(light, energy);
  });
  return { signed, energies, contrast: pool(light, squares).map((value) => Math.sqrt(Math.max(0, value))) };
}

function pool(like: Field, data: Float32Array): Float32Array {
  return filterField({ ...like, data }, poolLine, poolLine).data;
}

function lumaParts(a: Responses, b: Responses): Omit<FeatureParts, 'color'> {
  let [structure, texture, direction] = [0, 0, 0];
  const count = a.contrast.length;
  for (let i = 0; i < count; i++) {
    const p = a.contrast[i]! + threshold;
    const q = b.contrast[i]! + threshold;
    for (let k = 0; k < a.signed.length; k++) structure += (a.signed[k]![i]! / p - b.signed[k]![i]! / q) ** 2;
    texture += Math.log(p / q) ** 2;
    for (let k = 0; k < a.energies.length; k++) direction += (a.energies[k]![i]! / p - b.energies[k]![i]! / q) ** 2;
  }
  return { structure: structure / count, texture: texture / count, direction: direction / count };
}

/** Mean squared difference of the color fields, in units of a tenth. */
function colorPart(a: readonly Field[], b: readonly Field[]): number {
  let sum = 0;
  for (const k of [1, 2]) {
    const [p, q] = [a[k]!.data, b[k]!.data];
    for (let i = 0; i < p.length; i++) sum += (10 * (p[i]! - q[i]!)) ** 2;
  }
  return sum / a[1]!.data.length;
}
