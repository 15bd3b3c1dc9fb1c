import { colorChannels, type Image, type Rect } from '../image/image.ts';
import { createFourier, type Fourier } from './fourier.ts';

/** A printing screen: dots on a square grid. */
export interface Screen {
  /** Distance between rows of dots, in pixels. */
  readonly periodPx: number;
  /** Direction of the rows, 0 to 90 degrees. */
  readonly angleDeg: number;
  /** How much its two strongest frequencies stand out of what is around them, as a ratio of amplitudes; the weaker of the two. */
  readonly prominence: number;
}

const windowPx = 256;
const smallestWindowPx = 64;
const windowsPerSide = 5;
/** Windows without any tone, such as margins, say nothing. */
const flattest = 0.012;
const shortestPeriodPx = 2.4;
const longestPeriodPx = 20;
/** Both frequencies of a grid must stand out by this ratio in the geometric mean over all windows, so that a texture in one place is not enough. */
const smallestProminence = 4;
/** Along rows and columns weave, tiles, blocks and scanners leave grids too, and printers avoid them: there it must stand out more. */
const straightDeg = 4;
const straightProminence = 8;
/** They are as long as each other and at a right angle, within this. */
const lengthTolerance = 0.05;
const angleToleranceDeg = 3;
const mostPeaks = 24;

interface Peak {
  /** Frequency in periods over the window. */
  readonly u: number;
  readonly v: number;
  /** Logarithm of amplitude over that of its surroundings. */
  readonly height: number;
}

/**
 * Looks for the screen of a halftone print: two frequencies of one length at a right angle that stand out in the amplitude spectrum of the
 * whole picture. Takes well under a second whatever the size.
 *
 * @returns undefined when there is none; never a guess.
 */
export async function measureScreen(image: Image): Promise<Screen | undefined> {
  const side = windowSide(image);
  if (side === undefined) return undefined;
  const fourier = createFourier(side);
  const sum = new Float64Array(side * side);
  let count = 0;
  for (const rect of windows(image, side)) {
    const light = lightOf(await image.read(rect), image);
    if (deviation(light) < flattest) continue;
    addLogAmplitude(light, fourier, sum);
    count++;
  }
  if (count === 0) return undefined;
  const spectrum = sum.map((value) => value / count);
  return bestGrid(findPeaks(spectrum, side), side);
}

function windowSide(image: Image): number | undefined {
  const shortest = Math.min(image.width, image.height);
  for (let side = windowPx; side >= smallestWindowPx; side /= 2) if (side <= shortest) return side;
  return undefined;
}

function windows(image: Image, side: number): Rect[] {
  const starts = (length: number): number[] => {
    const count = Math.min(windowsPerSide, Math.max(1, Math.ceil(length / side)));
    return Array.from({ length: count }, (_, i) =>
      count === 1 ? Math.floor((length - side) / 2) : Math.floor((i * (length - side)) / (count - 1)),
    );
  };
  return starts(image.height).flatMap((y) =>
    starts(image.width).map((x) => ({ x, y, width: side, height: side })),
  );
}

function lightOf(pixels: Float32Array, image: Image): Float64Array {
  const colors = colorChannels(image);
  const { channels } = image;
  const light = new Float64Array(pixels.length / channels);
  for (let i = 0; i < light.length; i++)
    for (let c = 0; c < colors; c++) light[i]! += pixels[i * channels + c]! / colors;
  return light;
}

function deviation(values: Float64Array): number {
  let [sum, squares] = [0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  return Math.sqrt(Math.max(0, squares / values.length - mean * mean));
}

/** Under a Hann window; the mean is taken off before. */
function addLogAmplitude(light: Float64Array, fourier: Fourier, sum: Float64Array): void {
  const side = fourier.length;
  const hann = Float64Array.from(
    { length: side },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / side),
  );
  const mean = light.reduce((total, value) => total + value, 0) / light.length;
  const real = light.map((value, i) => (value - mean) * hann[i % side]! * hann[Math.floor(i / side)]!);
  const imaginary = new Float64Array(real.length);
  fourier.forwardPlane(real, imaginary);
  for (let i = 0; i < sum.length; i++) sum[i]! += Math.log(Math.hypot(real[i]!, imaginary[i]!) + 1e-3);
}

/** The highest local maxima of the half plane of frequencies where screens lie. */
function findPeaks(spectrum: Float64Array, side: number): Peak[] {
  const half = side / 2;
  const at = (u: number, v: number): number => spectrum[((v + side) % side) * side + ((u + side) % side)]!;
  const peaks: Peak[] = [];
  for (let v = 0; v < half - 1; v++) {
    for (let u = v === 0 ? 1 : 2 - half; u < half - 1; u++) {
      const length = Math.hypot(u, v);
      if (length < side / longestPeriodPx || length > side / shortestPeriodPx) continue;
      const value = at(u, v);
      let isPeak = true;
      for (let dv = -2; isPeak && dv <= 2; dv++)
        for (let du = -2; isPeak && du <= 2; du++)
          isPeak = (du === 0 && dv === 0) || value > at(u + du, v + dv);
      if (!isPeak) continue;
      const height = value - surroundings(at, u, v, length, half);
      if (height >= Math.log(smallestProminence))
        peaks.push({
          u: u + vertex(at(u - 1, v), value, at(u + 1, v)),
          v: v + vertex(at(u, v - 1), value, at(u, v + 1)),
          height,
        });
    }
  }
  return peaks.sort((a, b) => b.height - a.height).slice(0, mostPeaks);
}

/** The median around a frequency, at a distance beyond the peak's own width, of what is about as far from the middle. */
function surroundings(
  at: (u: number, v: number) => number,
  u: number,
  v: number,
  length: number,
  half: number,
): number {
  const values: number[] = [];
  const reach = 9;
  for (let dv = -reach; dv <= reach; dv++) {
    for (let du = -reach; du <= reach; du++) {
      if (Math.max(Math.abs(du), Math.abs(dv)) < 4) continue;
      const [x, y] = [u + du, v + dv];
      if (Math.abs(x) >= half || Math.abs(y) >= half || Math.abs(Math.hypot(x, y) - length) > 4) continue;
      values.push(at(x, y));
    }
  }
  values.sort((a, b) => a - b);
  return values.length === 0 ? Infinity : values[values.length >> 1]!;
}

/** Where the parabola through three values has its top, from the middle one. */
function vertex(before: number, middle: number, after: number): number {
  const bend = before - 2 * middle + after;
  return bend === 0 ? 0 : Math.max(-0.5, Math.min(0.5, (0.5 * (before - after)) / bend));
}

function bestGrid(peaks: readonly Peak[], side: number): Screen | undefined {
  let best: Screen | undefined;
  let bestHeight = 0;
  for (const [index, a] of peaks.entries()) {
    for (const b of peaks.slice(index + 1)) {
      const [lengthA, lengthB] = [Math.hypot(a.u, a.v), Math.hypot(b.u, b.v)];
      if (Math.abs(lengthA / lengthB - 1) > lengthTolerance) continue;
      const cosine = (a.u * b.u + a.v * b.v) / (lengthA * lengthB);
      if (Math.abs(cosine) > Math.sin((angleToleranceDeg * Math.PI) / 180)) continue;
      const height = a.height + b.height;
      if (height <= bestHeight) continue;
      const angleDeg = ((((Math.atan2(a.v, a.u) * 180) / Math.PI) % 90) + 90) % 90;
      const prominence = Math.exp(Math.min(a.height, b.height));
      if (Math.min(angleDeg, 90 - angleDeg) < straightDeg && prominence < straightProminence) continue;
      bestHeight = height;
      best = { periodPx: (2 * side) / (lengthA + lengthB), angleDeg, prominence };
    }
  }
  return best;
}
