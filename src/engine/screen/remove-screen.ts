import { setImmediate } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { colorChannels, hasAlpha, type Image } from '../image/image.ts';
import { type ImageStore, resultSampleType } from '../image/image-store.ts';
import { createFourier } from './fourier.ts';
import type { Screen } from './measure-screen.ts';
import { createScreenGain } from './screen-gain.ts';

export interface RemoveScreenOptions {
  /** 0 to 1: how much of what is finer than the dots, and no clear edge, goes as well. */
  readonly smooth: number;
  /** Where the picture lies in the whole it is a part of; blocks are cut alike, so that a part comes out as the whole does. */
  readonly origin: { readonly x: number; readonly y: number };
  readonly store: ImageStore;
  readonly context: Context;
}

/** A block holds at least so many rows of dots, so that their frequency is sharp. */
const dotsPerBlock = 14;
const smallestBlockPx = 32;
const largestBlockPx = 256;

/** Side of the blocks in which a screen of this period is taken away: a power of two. */
export function blockSide(periodPx: number): number {
  let side = smallestBlockPx;
  while (side < largestBlockPx && side < dotsPerBlock * periodPx) side *= 2;
  return side;
}

/**
 * A new picture without the screen: in overlapping blocks, each transformed, held back where only the screen is, and added up again
 * (weighted overlap-add with sine windows, whose squares sum to 1, so nothing shows where blocks meet). Alpha is kept. Memory is a few rows
 * of blocks, whatever the size.
 */
export async function removeScreen(
  image: Image,
  screen: Pick<Screen, 'periodPx' | 'angleDeg'>,
  { smooth, origin, store, context }: RemoveScreenOptions,
): Promise<Image> {
  const { width, height, channels } = image;
  const side = blockSide(screen.periodPx);
  const hop = side / 2;
  const fourier = createFourier(side);
  const gain = createScreenGain(side, screen, smooth);
  const sine = Float64Array.from({ length: side }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / side));
  const colors = colorChannels(image);
  const writer = await store.create({
    width,
    height,
    channels,
    sampleType: resultSampleType(store, image, image, channels),
  });
  const real = new Float64Array(side * side);
  const imaginary = new Float64Array(side * side);
  const [firstX, firstY] = [-(origin.x % hop) - hop, -(origin.y % hop) - hop];
  let sums = new Float64Array(side * width * colors);
  try {
    for (let y = firstY; y < height; y += hop) {
      const rows = await readRows(image, y, side);
      for (let x = firstX; x < width; x += hop) {
        for (let c = 0; c < colors; c += 2) {
          // Two channels at once, as the real and the imaginary part.
          const both = c + 1 < colors;
          const mean = takeBlock(rows, image, x, c, sine, real);
          const otherMean = both ? takeBlock(rows, image, x, c + 1, sine, imaginary) : 0;
          if (!both) imaginary.fill(0);
          fourier.forwardPlane(real, imaginary);
          gain(real, imaginary);
          fourier.inversePlane(real, imaginary);
          addBlock(sums, real, mean, width, colors, x, c, sine);
          if (both) addBlock(sums, imaginary, otherMean, width, colors, x, c + 1, sine);
        }
      }
      await append(image, writer, sums, y, hop);
      const next = new Float64Array(sums.length);
      next.set(sums.subarray(hop * width * colors));
      sums = next;
      await setImmediate();
      context.report(Math.min(1, (y + hop - firstY) / (height - firstY)));
    }
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Rows `y` to `y + count`, mirrored beyond the picture, each as read. */
async function readRows(image: Image, y: number, count: number): Promise<Float32Array[]> {
  const wanted = Array.from({ length: count }, (_, row) => mirror(y + row, image.height));
  const [first, last] = [Math.min(...wanted), Math.max(...wanted)];
  const pixels = await image.read({ x: 0, y: first, width: image.width, height: last - first + 1 });
  const length = image.width * image.channels;
  return wanted.map((row) => pixels.subarray((row - first) * length, (row - first + 1) * length));
}

/** Fills a block under its window, less its mean, which would leak into other frequencies; returns that. */
function takeBlock(
  rows: readonly Float32Array[],
  { width, channels }: Image,
  x0: number,
  channel: number,
  sine: Float64Array,
  block: Float64Array,
): number {
  const side = sine.length;
  let sum = 0;
  for (let x = 0; x < side; x++) {
    const at = mirror(x0 + x, width) * channels + channel;
    for (let y = 0; y < side; y++) {
      block[y * side + x] = rows[y]![at]!;
      sum += rows[y]![at]!;
    }
  }
  const mean = sum / block.length;
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) block[y * side + x] = (block[y * side + x]! - mean) * sine[x]! * sine[y]!;
  return mean;
}

function addBlock(
  sums: Float64Array,
  block: Float64Array,
  mean: number,
  width: number,
  colors: number,
  x0: number,
  channel: number,
  sine: Float64Array,
): void {
  const side = sine.length;
  const [from, to] = [Math.max(0, -x0), Math.min(side, width - x0)];
  for (let y = 0; y < side; y++)
    for (let x = from; x < to; x++)
      sums[(y * width + x0 + x) * colors + channel]! +=
        (block[y * side + x]! + mean * sine[x]! * sine[y]!) * sine[x]! * sine[y]!;
}

/** Writes the finished upper half of a row of blocks, as far as it lies in the picture, with the picture's own alpha. */
async function append(
  image: Image,
  writer: { append(rows: Float32Array): Promise<void> },
  sums: Float64Array,
  y: number,
  hop: number,
): Promise<void> {
  const { width, height, channels } = image;
  const colors = colorChannels(image);
  const [from, to] = [Math.max(0, y), Math.min(height, y + hop)];
  if (from >= to) return;
  const rows = hasAlpha(image)
    ? await image.read({ x: 0, y: from, width, height: to - from })
    : new Float32Array((to - from) * width * channels);
  const start = (from - y) * width;
  for (let i = 0; i < (to - from) * width; i++)
    for (let c = 0; c < colors; c++) rows[i * channels + c] = limit(sums[(start + i) * colors + c]!, image);
  await writer.append(rows);
}

function limit(value: number, { sampleType }: Image): number {
  return sampleType === 'f32' ? value : Math.min(1, Math.max(0, value));
}

/** Mirrors an index at both ends, the end itself repeated. */
function mirror(index: number, length: number): number {
  const period = 2 * length;
  const folded = ((index % period) + period) % period;
  return folded < length ? folded : period - 1 - folded;
}
