import type { FileHandle } from 'node:fs/promises';
import type { Image } from './image.ts';
import type { ImageStore } from './image-store.ts';

/** Why a BMP could not be read, in words that continue "The file ... ". */
export class BmpProblem extends Error {
  override readonly name = 'BmpProblem';
}

export interface BmpHeader {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bitsPerPixel: 1 | 4 | 8 | 24 | 32;
  /** RGB triples; empty for 24 and 32 bits. */
  readonly palette: Uint8Array;
  readonly pixelOffset: number;
  readonly dpi: number | undefined;
}

/**
 * Reads the header of an uncompressed Windows bitmap of 1, 4, 8, 24 or 32 bits (32: the fourth byte is ignored unless a mask says alpha,
 * which uncompressed files do not have).
 *
 * @param head the first 2048 bytes of the file or more. Source: Microsoft, "BITMAPINFOHEADER structure".
 * @throws BmpProblem if it is damaged or of another kind.
 */
export function parseBmpHeader(head: Buffer): BmpHeader {
  if (head.length < 26) throw new BmpProblem('ends within its header');
  const pixelOffset = head.readUInt32LE(10);
  const headerSize = head.readUInt32LE(14);
  const isCore = headerSize === 12;
  if (!isCore && head.length < 54) throw new BmpProblem('ends within its header');
  const width = isCore ? head.readUInt16LE(18) : head.readInt32LE(18);
  const signedHeight = isCore ? head.readUInt16LE(20) : head.readInt32LE(22);
  const bitsPerPixel = head.readUInt16LE(isCore ? 24 : 28);
  const compression = isCore ? 0 : head.readUInt32LE(30);
  const height = Math.abs(signedHeight);
  if (width < 1 || height < 1) throw new BmpProblem('states an impossible size');
  const masksAreUsual =
    compression === 3 &&
    bitsPerPixel === 32 &&
    head.length >= 66 &&
    head.readUInt32LE(54) === 0xff0000 &&
    head.readUInt32LE(58) === 0xff00 &&
    head.readUInt32LE(62) === 0xff;
  if (compression !== 0 && !masksAreUsual)
    throw new BmpProblem('is a compressed BMP, which Heirloom does not read');
  if (!isKnownDepth(bitsPerPixel))
    throw new BmpProblem(`is a BMP of ${bitsPerPixel} bits per pixel, which Heirloom does not read`);
  const entryBytes = isCore ? 3 : 4;
  const stated = isCore ? 0 : head.readUInt32LE(46);
  const colors =
    bitsPerPixel > 8 ? 0 : Math.min(2 ** bitsPerPixel, stated === 0 ? 2 ** bitsPerPixel : stated);
  const paletteAt = 14 + headerSize;
  if (paletteAt + colors * entryBytes > head.length || pixelOffset < paletteAt + colors * entryBytes)
    throw new BmpProblem('has a damaged header');
  const palette = new Uint8Array(colors * 3);
  for (let i = 0; i < colors; i++) {
    for (let c = 0; c < 3; c++) palette[i * 3 + c] = head[paletteAt + i * entryBytes + 2 - c]!;
  }
  const pixelsPerMeter = isCore ? 0 : head.readInt32LE(38);
  return {
    width,
    height,
    topDown: signedHeight < 0,
    bitsPerPixel,
    palette,
    pixelOffset,
    dpi: pixelsPerMeter > 0 ? pixelsPerMeter * 0.0254 : undefined,
  };
}

function isKnownDepth(bits: number): bits is BmpHeader['bitsPerPixel'] {
  return [1, 4, 8, 24, 32].includes(bits);
}

/** Whether all palette entries are gray: such a file is a gray picture. */
export function bmpChannels(header: BmpHeader): 1 | 3 {
  const { palette } = header;
  for (let i = 0; i < palette.length; i += 3)
    if (palette[i] !== palette[i + 1] || palette[i] !== palette[i + 2]) return 3;
  return palette.length > 0 ? 1 : 3;
}

/**
 * Decodes the pixels, row by row, into a u8 image.
 *
 * @param allowDamaged missing rows become black instead of failing.
 * @throws BmpProblem when the file ends too early or uses a color outside its palette.
 */
export async function readBmp(
  handle: FileHandle,
  header: BmpHeader,
  store: ImageStore,
  allowDamaged: boolean,
): Promise<Image> {
  const { width, height, bitsPerPixel } = header;
  const channels = bmpChannels(header);
  const strideBytes = Math.ceil((width * bitsPerPixel) / 32) * 4;
  const writer = await store.create({ width, height, channels, sampleType: 'u8' });
  try {
    const rowsPerStrip = Math.max(1, Math.min(height, Math.floor(4_000_000 / strideBytes)));
    for (let y = 0; y < height; y += rowsPerStrip) {
      const count = Math.min(rowsPerStrip, height - y);
      // Rows are stored bottom up unless the height is negative.
      const firstStored = header.topDown ? y : height - y - count;
      const stored = Buffer.alloc(strideBytes * count);
      const { bytesRead } = await handle.read(
        stored,
        0,
        stored.length,
        header.pixelOffset + firstStored * strideBytes,
      );
      const needed = stored.length - (strideBytes - Math.ceil((width * bitsPerPixel) / 8));
      if (bytesRead < needed && !allowDamaged) throw new BmpProblem('ends before its last row');
      const rows = new Float32Array(width * channels * count);
      for (let row = 0; row < count; row++) {
        const storedRow = header.topDown ? row : count - 1 - row;
        decodeRow(
          stored.subarray(storedRow * strideBytes, (storedRow + 1) * strideBytes),
          header,
          channels,
          rows,
          row * width * channels,
          allowDamaged,
        );
      }
      await writer.append(rows);
    }
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

function decodeRow(
  stored: Buffer,
  header: BmpHeader,
  channels: 1 | 3,
  target: Float32Array,
  at: number,
  allowDamaged: boolean,
): void {
  const { width, bitsPerPixel, palette } = header;
  if (bitsPerPixel >= 24) {
    const step = bitsPerPixel / 8;
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) target[at + x * 3 + c] = stored[x * step + 2 - c]! / 255;
    }
    return;
  }
  const mask = (1 << bitsPerPixel) - 1;
  const perByte = 8 / bitsPerPixel;
  for (let x = 0; x < width; x++) {
    const byte = stored[Math.floor(x / perByte)]!;
    const color = (byte >> (8 - bitsPerPixel * ((x % perByte) + 1))) & mask;
    if (color * 3 >= palette.length && !allowDamaged)
      throw new BmpProblem('uses a color that is not in its palette');
    for (let c = 0; c < channels; c++) target[at + x * channels + c] = (palette[color * 3 + c] ?? 0) / 255;
  }
}
