import type { FileHandle } from 'node:fs/promises';
import { HeirloomError } from '../../shared/failure.ts';
import { writeFailure, type FileOperations } from './files.ts';
import type { ImageLayout } from './image-store.ts';
import type { Image, ImageWriter, Rect } from './image.ts';
import { checkRect, countRows } from './memory-image.ts';
import { bytesOf, bytesPerSample, fromFloats, newSamples, samplesOf, toFloats } from './samples.ts';
import { vipsHeader, vipsHeaderBytes } from './vips-file.ts';

/** Rows of one batch of reads, so that a tall narrow rectangle does not queue thousands of them. */
const rowsPerBatch = 64;

/** A picture over an open `.v` file, which belongs to it from now on; `dispose` deletes the file. */
export function scratchImage(
  layout: ImageLayout,
  path: string,
  handle: FileHandle,
  files: FileOperations,
): Image {
  const { width, height, channels, sampleType } = layout;
  const pixelBytes = channels * bytesPerSample(sampleType);
  let open = true;

  const readBytes = async (position: number, sizeBytes: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(sizeBytes);
    for (let at = 0; at < sizeBytes;) {
      const { bytesRead } = await handle.read(bytes, at, sizeBytes - at, vipsHeaderBytes + position + at);
      if (bytesRead === 0) throw new HeirloomError('internal', 'A scratch picture ends too early.');
      at += bytesRead;
    }
    return bytes;
  };

  /** Whole rows in one read where most of them is wanted, else row by row. */
  const read = async (rect: Rect): Promise<Float32Array> => {
    checkRect(layout, rect);
    if (!open) throw new HeirloomError('internal', 'A picture was read after it was disposed of.');
    const rowLength = rect.width * channels;
    const result = new Float32Array(rowLength * rect.height);
    if (rect.width * 2 > width) {
      for (let row = 0; row < rect.height; row += rowsPerBatch) {
        const count = Math.min(rowsPerBatch, rect.height - row);
        const samples = samplesOf(
          sampleType,
          await readBytes((rect.y + row) * width * pixelBytes, count * width * pixelBytes),
        );
        for (let i = 0; i < count; i++)
          toFloats(samples, (i * width + rect.x) * channels, rowLength, result, (row + i) * rowLength);
      }
      return result;
    }
    for (let from = 0; from < rect.height; from += rowsPerBatch) {
      const batch = Array.from({ length: Math.min(rowsPerBatch, rect.height - from) }, async (_, index) => {
        const row = from + index;
        const bytes = await readBytes(
          ((rect.y + row) * width + rect.x) * pixelBytes,
          rect.width * pixelBytes,
        );
        toFloats(samplesOf(sampleType, bytes), 0, rowLength, result, row * rowLength);
      });
      await Promise.all(batch);
    }
    return result;
  };

  return {
    width,
    height,
    channels,
    sampleType,
    read,
    dispose: async () => {
      if (!open) return;
      open = false;
      await handle.close();
      await files.rm(path, { force: true });
    },
  };
}

/** Writes a `.v` file from top to bottom; `finished` wraps the image. */
export async function createScratchWriter(
  layout: ImageLayout,
  path: string,
  files: FileOperations,
  finished: (image: Image) => Image,
): Promise<ImageWriter> {
  const writer = await createVipsWriter(layout, path, files, {});
  return {
    width: layout.width,
    height: layout.height,
    channels: layout.channels,
    append: writer.append,
    finish: async () => finished(scratchImage(layout, path, await writer.finish(), files)),
    abort: writer.abort,
  };
}

export interface VipsWriter {
  append(rows: Float32Array): Promise<void>;
  /** Samples as stored, for copies without rounding. */
  appendSamples(samples: Uint8Array, rowCount: number): Promise<void>;
  /** Writes `trailer` and gives the file handle, open for reading. */
  finish(): Promise<FileHandle>;
  abort(): Promise<void>;
}

/** @throws HeirloomError `file` (also from the writer) when the disk is full or may not be written. */
export async function createVipsWriter(
  layout: ImageLayout,
  path: string,
  files: FileOperations,
  { dpi, trailer }: { readonly dpi?: number | undefined; readonly trailer?: Uint8Array },
): Promise<VipsWriter> {
  const rowLength = layout.width * layout.channels;
  const rowBytes = rowLength * bytesPerSample(layout.sampleType);
  let row = 0;
  let handle: FileHandle | undefined;

  const abort = async (): Promise<void> => {
    const closing = handle;
    handle = undefined;
    await closing?.close();
    await files.rm(path, { force: true });
  };
  const write = async (bytes: Uint8Array, position: number): Promise<void> => {
    if (handle === undefined)
      throw new HeirloomError('internal', 'A picture was written after it was finished.');
    try {
      for (let at = 0; at < bytes.length;)
        at += (await handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
    } catch (error) {
      await abort();
      throw writeFailure(error, 'the scratch file of a picture');
    }
  };

  try {
    handle = await files.open(path, 'wx+', 0o600);
  } catch (error) {
    throw writeFailure(error, 'the scratch file of a picture');
  }
  await write(vipsHeader({ ...layout, bands: layout.channels }, dpi), 0);

  return {
    append: async (rows) => {
      const count = countRows(layout, row, rows);
      const samples = newSamples(layout.sampleType, rows.length);
      fromFloats(rows, samples, 0);
      const at = row;
      row += count;
      await write(bytesOf(samples), vipsHeaderBytes + at * rowBytes);
    },
    appendSamples: async (bytes, rowCount) => {
      if (bytes.length !== rowCount * rowBytes || row + rowCount > layout.height)
        throw new HeirloomError('internal', 'Rows do not fit the picture.');
      const at = row;
      row += rowCount;
      await write(bytes, vipsHeaderBytes + at * rowBytes);
    },
    finish: async () => {
      if (row !== layout.height)
        throw new HeirloomError('internal', `A picture has ${row} of ${layout.height} rows.`);
      if (trailer !== undefined) await write(trailer, vipsHeaderBytes + row * rowBytes);
      if (handle === undefined) throw new HeirloomError('internal', 'A picture was finished twice.');
      const finished = handle;
      handle = undefined;
      return finished;
    },
    abort,
  };
}
