import type { FileHandle } from 'node:fs/promises';
import { crc32, deflateSync } from 'node:zlib';
import { rowsPerMebibyte, stripCutter, type RowSink, type StreamLayout } from './stream-format.ts';
import { createStripCompressor } from './strip-compressor.ts';

const colorTypes = { 1: 0, 2: 4, 3: 2, 4: 6 } as const;

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, data.length + 8)), data.length + 8);
  return bytes;
}

/**
 * Writes a PNG row by row with memory of a few strips, whatever the size of the picture (W3C PNG, third edition). Every row uses the
 * Paeth filter, which suits photographs.
 */
export async function createPngWriter(handle: FileHandle, layout: StreamLayout): Promise<RowSink> {
  const { width, height, channels, bitDepth } = layout;
  const pixelBytes = (channels * bitDepth) / 8;
  const rowBytes = width * pixelBytes;
  let at = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    for (let from = 0; from < bytes.length;) {
      const { bytesWritten } = await handle.write(bytes, from, bytes.length - from, at);
      from += bytesWritten;
      at += bytesWritten;
    }
  };
  await write(pngStart(layout));

  const checksum = adler32();
  const compressor = createStripCompressor('joined', async (compressed) => write(chunk('IDAT', compressed)));
  let above = new Uint8Array(rowBytes);
  const cutter = stripCutter<Uint8Array>(rowBytes, rowsPerMebibyte(rowBytes, height), async (strip) => {
    const filtered = filterRows(strip, rowBytes, pixelBytes, above);
    above = strip.slice(strip.length - rowBytes);
    checksum.add(filtered);
    await compressor.add(filtered);
  });
  await write(chunk('IDAT', Buffer.from([0x78, 0x5e])));
  return {
    append: (rows) => cutter.append(bigEndian(rows)),
    finish: async () => {
      await cutter.finish();
      await compressor.flush();
      const end = Buffer.from([3, 0, 0, 0, 0, 0]);
      end.writeUInt32BE(checksum.value(), 2);
      await write(chunk('IDAT', end));
      await write(chunk('IEND', Buffer.alloc(0)));
    },
  };
}

/** Everything before the pixels. */
function pngStart({ width, height, channels, bitDepth, icc, dpi, exif, xmp }: StreamLayout): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = bitDepth;
  header[9] = colorTypes[channels];
  const parts = [Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'), chunk('IHDR', header)];
  if (icc !== undefined)
    parts.push(chunk('iCCP', Buffer.concat([Buffer.from('icc\0\0', 'latin1'), deflateSync(icc)])));
  if (dpi !== undefined) {
    const physical = Buffer.alloc(9);
    const perMeter = Math.min(0x7fffffff, Math.max(1, Math.round(dpi / 0.0254)));
    physical.writeUInt32BE(perMeter, 0);
    physical.writeUInt32BE(perMeter, 4);
    physical[8] = 1;
    parts.push(chunk('pHYs', physical));
  }
  if (exif !== undefined) parts.push(chunk('eXIf', exif));
  if (xmp !== undefined)
    parts.push(chunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0\0\0\0\0', 'latin1'), xmp])));
  return Buffer.concat(parts);
}

function bigEndian(rows: Uint8Array | Uint16Array): Uint8Array {
  if (rows instanceof Uint8Array) return rows;
  const bytes = Buffer.alloc(rows.length * 2);
  for (let i = 0; i < rows.length; i++) {
    bytes[i * 2] = rows[i]! >> 8;
    bytes[i * 2 + 1] = rows[i]! & 255;
  }
  return bytes;
}

/** Rows with their filter byte before them, Paeth-filtered; `above` is the row before the first. */
function filterRows(strip: Uint8Array, rowBytes: number, pixelBytes: number, above: Uint8Array): Uint8Array {
  const count = strip.length / rowBytes;
  const filtered = new Uint8Array(strip.length + count);
  let up = above;
  for (let row = 0; row < count; row++) {
    const current = strip.subarray(row * rowBytes, (row + 1) * rowBytes);
    const to = row * (rowBytes + 1);
    filtered[to] = 4;
    for (let i = 0; i < pixelBytes; i++) filtered[to + 1 + i] = current[i]! - up[i]!;
    for (let i = pixelBytes; i < rowBytes; i++) {
      const a = current[i - pixelBytes]!;
      const b = up[i]!;
      const c = up[i - pixelBytes]!;
      const towardLeft = Math.abs(b - c);
      const towardUp = Math.abs(a - c);
      const towardCorner = Math.abs(a + b - 2 * c);
      const predicted =
        towardLeft <= towardUp && towardLeft <= towardCorner ? a : towardUp <= towardCorner ? b : c;
      filtered[to + 1 + i] = current[i]! - predicted;
    }
    up = current;
  }
  return filtered;
}

/** The checksum of a zlib stream (RFC 1950). */
function adler32() {
  let [a, b] = [1, 0];
  return {
    add(bytes: Uint8Array): void {
      // 3800 bytes is the most that keeps the sums within 32 bits.
      for (let from = 0; from < bytes.length; from += 3800) {
        const to = Math.min(bytes.length, from + 3800);
        for (let i = from; i < to; i++) b += a += bytes[i]!;
        a %= 65521;
        b %= 65521;
      }
    },
    value: (): number => b * 65536 + a,
  };
}
