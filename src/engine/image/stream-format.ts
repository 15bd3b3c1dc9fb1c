import type { ChannelCount } from './image.ts';

/** What a file written row by row says besides its pixels. */
export interface StreamLayout {
  readonly width: number;
  readonly height: number;
  readonly channels: ChannelCount;
  readonly bitDepth: 8 | 16;
  readonly dpi: number | undefined;
  readonly icc: Uint8Array | undefined;
  /** An EXIF block without "Exif\0\0". */
  readonly exif: Uint8Array | undefined;
  /** IPTC-IIM records. */
  readonly iptc: Uint8Array | undefined;
  readonly xmp: Uint8Array | undefined;
}

/** Takes rows of interleaved samples as integers of the layout's depth, from top to bottom. */
export interface RowSink {
  append(rows: Uint8Array | Uint16Array): Promise<void>;
  finish(): Promise<void>;
}

/** How many rows make about a mebibyte. */
export function rowsPerMebibyte(rowBytes: number, height: number): number {
  return Math.max(1, Math.min(height, Math.floor(1_048_576 / rowBytes)));
}

/** Cuts rows into strips of `rowsPerStrip`, the last one shorter. */
export function stripCutter<T extends Uint8Array | Uint16Array>(
  rowLength: number,
  rowsPerStrip: number,
  take: (strip: T) => Promise<void>,
): { append(rows: T): Promise<void>; finish(): Promise<void> } {
  const stripLength = rowLength * rowsPerStrip;
  let rest: T | undefined;
  return {
    async append(rows) {
      let all = rows;
      if (rest !== undefined) {
        all = (
          rows instanceof Uint16Array
            ? new Uint16Array(rest.length + rows.length)
            : new Uint8Array(rest.length + rows.length)
        ) as T;
        all.set(rest);
        all.set(rows, rest.length);
      }
      let at = 0;
      for (; at + stripLength <= all.length; at += stripLength)
        await take(all.slice(at, at + stripLength) as T);
      rest = at < all.length ? (all.slice(at) as T) : undefined;
    },
    async finish() {
      if (rest !== undefined) await take(rest);
      rest = undefined;
    },
  };
}
