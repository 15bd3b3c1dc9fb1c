import { HeirloomError } from '../../shared/failure.ts';
import type { Context } from '../context.ts';
import { resultSampleType, type ImageStore } from './image-store.ts';
import type { Image } from './image.ts';
import { rowsPerStripOf } from './map-rows.ts';
import {
  addWeighted,
  premultiply,
  resampleRow,
  resampleTaps,
  unpremultiply,
  type Kernel,
} from './resample.ts';

export interface ResizeOptions {
  readonly kernel: Kernel;
  readonly store: ImageStore;
  readonly context: Context;
}

/**
 * Resamples a picture of any size with memory bounded by a few rows: antialiased when shrinking, symmetric at the edges, alpha
 * premultiplied. The same size returns `image` itself.
 *
 * What rings beyond 0..1 is clamped, unless the input is f32 and may hold colors outside sRGB.
 *
 * @throws HeirloomError `bad-input` for sizes that are no positive whole numbers; CancelledError.
 */
export async function resizeImage(
  image: Image,
  width: number,
  height: number,
  options: ResizeOptions,
): Promise<Image> {
  if (![width, height].every((value) => Number.isInteger(value) && value >= 1 && value <= 1_000_000)) {
    throw new HeirloomError(
      'bad-input',
      `A picture cannot be resized to ${width} × ${height} pixels.`,
      'Choose a size of at least 1 × 1 pixels.',
    );
  }
  if (width === image.width && height === image.height) return image;
  const { kernel, store, context } = options;
  const { channels } = image;
  const sampleType = resultSampleType(store, image, { width, height }, channels);
  const writer = await store.create({ width, height, channels, sampleType });
  const rowLength = width * channels;
  const down = resampleTaps(image.height, height, kernel);
  const source = wideRows(image, width, kernel);
  const rowsPerStrip = rowsPerStripOf(rowLength);
  try {
    for (let y = 0; y < height; y += rowsPerStrip) {
      const count = Math.min(rowsPerStrip, height - y);
      const strip = new Float32Array(rowLength * count);
      for (let row = 0; row < count; row++) {
        const target = strip.subarray(row * rowLength, (row + 1) * rowLength);
        const taps = down.indices.subarray((y + row) * down.taps, (y + row + 1) * down.taps);
        const rows = await source.rows(Math.min(...taps), Math.max(...taps));
        taps.forEach((index, tap) =>
          addWeighted(target, rows(index), down.weights[(y + row) * down.taps + tap]!),
        );
      }
      unpremultiply(strip, channels);
      if (image.sampleType !== 'f32') clamp01(strip);
      await writer.append(strip);
      context.report((y + count) / height);
    }
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

function clamp01(pixels: Float32Array): void {
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.min(1, Math.max(0, pixels[i]!));
}

/** The rows of `image`, resampled across to `width` and premultiplied, kept only as long as they may be asked for again. */
function wideRows(image: Image, width: number, kernel: Kernel) {
  const { channels } = image;
  const across = resampleTaps(image.width, width, kernel);
  const inputLength = image.width * channels;
  const inputRows = rowsPerStripOf(inputLength);
  const kept = new Map<number, Float32Array>();
  let nextRow = 0;
  const row = (index: number): Float32Array => kept.get(index)!;
  return {
    /** Makes the rows `first` to `last` available. `first` rises, but for the mirror at the bottom edge, where all rows stay. */
    async rows(first: number, last: number): Promise<(index: number) => Float32Array> {
      if (last < image.height - 1) for (const index of kept.keys()) if (index < first) kept.delete(index);
      while (nextRow <= last) {
        const count = Math.min(inputRows, image.height - nextRow, Math.max(8, last + 1 - nextRow));
        const strip = await image.read({ x: 0, y: nextRow, width: image.width, height: count });
        premultiply(strip, channels);
        for (let i = 0; i < count; i++) {
          const wide = new Float32Array(width * channels);
          resampleRow(strip, i * inputLength, channels, across, wide);
          kept.set(nextRow + i, wide);
        }
        nextRow += count;
      }
      return row;
    },
  };
}
