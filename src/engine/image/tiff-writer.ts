import type { FileHandle } from 'node:fs/promises';
import { rowsPerMebibyte, stripCutter, type RowSink, type StreamLayout } from './stream-format.ts';
import { createStripCompressor } from './strip-compressor.ts';
import { exifDirectories, placeDirectories } from './tiff-metadata.ts';
import type { TiffField } from './tiff-structure.ts';

/** Compression may make a file larger than its pixels, and 32-bit offsets end at 4 GiB. */
const bigTiffBytes = 3.8e9;

/**
 * Writes a TIFF row by row with memory of a few strips, whatever the size of the picture: deflate with horizontal differences, and
 * BigTIFF where 4 GiB might not do (Adobe, TIFF 6.0 and its Photoshop technical notes; libtiff, BigTIFF design).
 */
export async function createTiffWriter(
  handle: FileHandle,
  layout: StreamLayout,
  bigFromBytes = bigTiffBytes,
): Promise<RowSink> {
  const { width, height, channels, bitDepth } = layout;
  const rowLength = width * channels;
  const rowBytes = (rowLength * bitDepth) / 8;
  const big = rowBytes * height > bigFromBytes;
  const rowsPerStrip = rowsPerMebibyte(rowBytes, height);
  const offsets: number[] = [];
  const sizes: number[] = [];
  let at = 16;
  const write = async (bytes: Uint8Array, position: number): Promise<void> => {
    for (let from = 0; from < bytes.length;)
      from += (await handle.write(bytes, from, bytes.length - from, position + from)).bytesWritten;
  };
  const compressor = createStripCompressor('zlib', async (compressed) => {
    await write(compressed, at);
    offsets.push(at);
    sizes.push(compressed.length);
    at += compressed.length;
  });
  const cutter = stripCutter<Uint8Array | Uint16Array>(rowLength, rowsPerStrip, async (strip) => {
    differ(strip, rowLength, channels);
    await compressor.add(new Uint8Array(strip.buffer, strip.byteOffset, strip.byteLength));
  });
  return {
    append: (rows) => cutter.append(rows),
    finish: async () => {
      await cutter.finish();
      await compressor.flush();
      at = Math.ceil(at / 8) * 8;
      const fields = [...pixelFields(layout, rowsPerStrip, offsets, sizes, big), ...sayingFields(layout)];
      const inner = layout.exif === undefined ? undefined : await exifDirectories(layout.exif);
      await write(placeDirectories(fields, inner, at, 0, big), at);
      await write(tiffHeader(at, big), 0);
    },
  };
}

function tiffHeader(directoryAt: number, big: boolean): Buffer {
  const header = Buffer.alloc(16);
  header.write('II', 0, 'latin1');
  header.writeUInt16LE(big ? 43 : 42, 2);
  if (big) {
    header.writeUInt16LE(8, 4);
    header.writeBigUInt64LE(BigInt(directoryAt), 8);
  } else {
    header.writeUInt32LE(directoryAt, 4);
  }
  return header;
}

/** In place: each sample less the one to its left. */
function differ(strip: Uint8Array | Uint16Array, rowLength: number, channels: number): void {
  for (let row = 0; row < strip.length; row += rowLength) {
    for (let i = row + rowLength - 1; i >= row + channels; i--) strip[i]! -= strip[i - channels]!;
  }
}

const shorts = (tag: number, ...values: number[]): TiffField => {
  const value = Buffer.alloc(values.length * 2);
  values.forEach((entry, i) => value.writeUInt16LE(entry, i * 2));
  return { tag, type: 3, count: values.length, value };
};

const longs = (tag: number, values: readonly number[], big = false): TiffField => {
  const value = Buffer.alloc(values.length * (big ? 8 : 4));
  values.forEach((entry, i) =>
    big ? value.writeBigUInt64LE(BigInt(entry), i * 8) : value.writeUInt32LE(entry, i * 4),
  );
  return { tag, type: big ? 16 : 4, count: values.length, value };
};

const opaque = (tag: number, bytes: Uint8Array): TiffField => ({
  tag,
  type: 7,
  count: bytes.length,
  value: Buffer.from(bytes),
});

function pixelFields(
  layout: StreamLayout,
  rowsPerStrip: number,
  offsets: number[],
  sizes: number[],
  big: boolean,
): TiffField[] {
  const { width, height, channels, bitDepth } = layout;
  const each = (value: number) => Array.from({ length: channels }, () => value);
  return [
    longs(256, [width]),
    longs(257, [height]),
    shorts(258, ...each(bitDepth)),
    shorts(259, 8),
    shorts(262, channels <= 2 ? 1 : 2),
    longs(273, offsets, big),
    shorts(274, 1),
    shorts(277, channels),
    longs(278, [rowsPerStrip]),
    longs(279, sizes, big),
    shorts(284, 1),
    shorts(317, 2),
    // Alpha that is not multiplied in.
    ...(channels % 2 === 0 ? [shorts(338, 2)] : []),
    shorts(339, ...each(1)),
  ];
}

function sayingFields({ dpi, icc, iptc, xmp }: StreamLayout): TiffField[] {
  const resolution = Buffer.alloc(8);
  if (dpi !== undefined) {
    resolution.writeUInt32LE(Math.min(0xffffffff, Math.round(dpi * 1000)), 0);
    resolution.writeUInt32LE(1000, 4);
  }
  return [
    ...(dpi === undefined
      ? []
      : [
          { tag: 282, type: 5, count: 1, value: resolution },
          { tag: 283, type: 5, count: 1, value: resolution },
          shorts(296, 2),
        ]),
    ...(xmp === undefined ? [] : [{ ...opaque(700, xmp), type: 1 }]),
    ...(iptc === undefined ? [] : [opaque(33723, iptc)]),
    ...(icc === undefined ? [] : [opaque(34675, icc)]),
  ];
}
