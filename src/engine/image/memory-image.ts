import { HeirloomError } from '../../shared/failure.ts';
import type { ImageLayout } from './image-store.ts';
import type { Image, ImageWriter, Rect } from './image.ts';
import { fromFloats, toFloats, type Samples } from './samples.ts';

/** @throws RangeError when `rect` leaves the picture or is not in whole pixels. */
export function checkRect(image: { readonly width: number; readonly height: number }, rect: Rect): void {
  const { x, y, width, height } = rect;
  const whole = [x, y, width, height].every((value) => Number.isInteger(value) && value >= 0);
  if (!whole || x + width > image.width || y + height > image.height) {
    throw new RangeError(
      `The rectangle ${x},${y} ${width}×${height} leaves the picture of ${image.width}×${image.height}.`,
    );
  }
}

/** A picture over samples in memory, which belong to it from now on. */
export function memoryImage(layout: ImageLayout, samples: Samples): Image {
  const { width, height, channels, sampleType } = layout;
  let kept: Samples | undefined = samples;
  return {
    width,
    height,
    channels,
    sampleType,
    read: async (rect) => {
      checkRect(layout, rect);
      if (kept === undefined)
        throw new HeirloomError('internal', 'A picture was read after it was disposed of.');
      const rowLength = rect.width * channels;
      const result = new Float32Array(rowLength * rect.height);
      for (let row = 0; row < rect.height; row++) {
        toFloats(kept, ((rect.y + row) * width + rect.x) * channels, rowLength, result, row * rowLength);
      }
      return result;
    },
    dispose: async () => void (kept = undefined),
  };
}

/** A picture in memory from float32 pixels outside any store: for tests and small intermediate results. */
export function floatImage(
  width: number,
  height: number,
  channels: Image['channels'],
  pixels: Float32Array,
): Image {
  if (pixels.length !== width * height * channels)
    throw new RangeError('The number of samples does not fit the size.');
  return memoryImage({ width, height, channels, sampleType: 'f32' }, pixels);
}

/** How many rows `rows` holds. @throws HeirloomError `internal` when that is no whole number or more than are missing. */
export function countRows(layout: ImageLayout, rowsSoFar: number, rows: Float32Array): number {
  const count = rows.length / (layout.width * layout.channels);
  if (!Number.isInteger(count) || rowsSoFar + count > layout.height) {
    throw new HeirloomError(
      'internal',
      `${rows.length} samples do not fit a picture of ${layout.width}×${layout.height} after ${rowsSoFar} rows.`,
    );
  }
  return count;
}

/** Fills `samples`; `finished` wraps the image, `aborted` gives the memory back. */
export function createMemoryWriter(
  layout: ImageLayout,
  samples: Samples,
  aborted: () => void,
  finished: (image: Image) => Image,
): ImageWriter {
  let row = 0;
  let open = true;
  return {
    width: layout.width,
    height: layout.height,
    channels: layout.channels,
    append: async (rows) => {
      if (!open) throw new HeirloomError('internal', 'A picture was written after it was finished.');
      const count = countRows(layout, row, rows);
      fromFloats(rows, samples, row * layout.width * layout.channels);
      row += count;
    },
    finish: async () => {
      if (!open || row !== layout.height)
        throw new HeirloomError('internal', `A picture has ${row} of ${layout.height} rows.`);
      open = false;
      return finished(memoryImage(layout, samples));
    },
    abort: async () => {
      if (open) aborted();
      open = false;
    },
  };
}
