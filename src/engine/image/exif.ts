/** Tags Heirloom corrects, and where it finds them (Exif 2.32). */
const orientationTag = 0x0112;
const xResolutionTag = 0x011a;
const yResolutionTag = 0x011b;
const resolutionUnitTag = 0x0128;
const exifPointerTag = 0x8769;
const pixelXTag = 0xa002;
const pixelYTag = 0xa003;

export interface ExifCorrections {
  readonly width: number;
  readonly height: number;
  readonly dpi: number | undefined;
}

interface Entry {
  readonly tag: number;
  readonly type: number;
  /** Where the value is: in the entry itself, or where it points. */
  readonly valueAt: number;
}

/**
 * A copy of an EXIF block (a TIFF structure) that is true for the picture as saved: orientation 1, its size and resolution, and no
 * thumbnail, which would show the picture from before. Everything else stays where and as it is, maker notes included.
 *
 * @returns undefined if the block is damaged; never throws.
 */
export function correctExif(exif: Uint8Array, to: ExifCorrections): Buffer | undefined {
  const data = Buffer.from(exif);
  const order = data.toString('latin1', 0, 2);
  if (data.length < 14 || (order !== 'II' && order !== 'MM')) return undefined;
  const little = order === 'II';
  const u16 = (at: number) => (little ? data.readUInt16LE(at) : data.readUInt16BE(at));
  const u32 = (at: number) => (little ? data.readUInt32LE(at) : data.readUInt32BE(at));
  const setU16 = (at: number, value: number) =>
    little ? data.writeUInt16LE(value, at) : data.writeUInt16BE(value, at);
  const setU32 = (at: number, value: number) =>
    little ? data.writeUInt32LE(value, at) : data.writeUInt32BE(value, at);
  const setWhole = (entry: Entry, value: number) =>
    entry.type === 3 ? setU16(entry.valueAt, Math.min(65535, value)) : setU32(entry.valueAt, value);

  const readEntries = (at: number): { entries: Entry[]; nextAt: number } | undefined => {
    if (at < 8 || at + 2 > data.length) return undefined;
    const count = u16(at);
    const nextAt = at + 2 + count * 12;
    if (nextAt + 4 > data.length) return undefined;
    const entries = Array.from({ length: count }, (_, i) => {
      const entryAt = at + 2 + i * 12;
      const type = u16(entryAt + 2);
      return { tag: u16(entryAt), type, valueAt: type === 5 || type === 10 ? u32(entryAt + 8) : entryAt + 8 };
    });
    return { entries, nextAt };
  };

  if (u16(2) !== 42) return undefined;
  const main = readEntries(u32(4));
  if (main === undefined) return undefined;
  for (const entry of main.entries) {
    switch (entry.tag) {
      case orientationTag:
        setWhole(entry, 1);
        break;
      case xResolutionTag:
      case yResolutionTag:
        if (to.dpi !== undefined && entry.type === 5 && entry.valueAt + 8 <= data.length) {
          setU32(entry.valueAt, Math.min(0xffffffff, Math.round(to.dpi * 1000)));
          setU32(entry.valueAt + 4, 1000);
        }
        break;
      case resolutionUnitTag:
        if (to.dpi !== undefined) setWhole(entry, 2);
        break;
      case exifPointerTag: {
        const details = readEntries(u32(entry.valueAt));
        for (const detail of details?.entries ?? []) {
          if (detail.tag === pixelXTag) setWhole(detail, to.width);
          if (detail.tag === pixelYTag) setWhole(detail, to.height);
        }
        break;
      }
    }
  }
  setU32(main.nextAt, 0);
  return data;
}

/** The block without the "Exif\0\0" some formats put before it. */
export function withoutExifPrefix(exif: Uint8Array): Uint8Array {
  const prefix = Buffer.from(exif.buffer, exif.byteOffset, Math.min(6, exif.byteLength)).toString('latin1');
  return prefix === 'Exif\0\0' ? exif.subarray(6) : exif;
}

/** The horizontal resolution an EXIF block states, in dots per inch; undefined if it states none or is damaged. */
export function readExifDpi(exif: Uint8Array): number | undefined {
  const block = withoutExifPrefix(exif);
  const data = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const order = data.toString('latin1', 0, 2);
  if (data.length < 14 || (order !== 'II' && order !== 'MM')) return undefined;
  const u16 = (at: number) => (order === 'II' ? data.readUInt16LE(at) : data.readUInt16BE(at));
  const u32 = (at: number) => (order === 'II' ? data.readUInt32LE(at) : data.readUInt32BE(at));
  const directoryAt = u32(4);
  if (directoryAt + 2 > data.length) return undefined;
  let resolution: number | undefined;
  let perInch = 1;
  for (let i = 0, at = directoryAt + 2; i < u16(directoryAt) && at + 12 <= data.length; i++, at += 12) {
    const valueAt = u32(at + 8);
    if (
      u16(at) === xResolutionTag &&
      u16(at + 2) === 5 &&
      valueAt + 8 <= data.length &&
      u32(valueAt + 4) > 0
    ) {
      resolution = u32(valueAt) / u32(valueAt + 4);
    }
    if (u16(at) === resolutionUnitTag && u16(at + 2) === 3) perInch = u16(at + 8) === 3 ? 2.54 : 1;
  }
  return resolution === undefined || !(resolution > 0) ? undefined : resolution * perInch;
}
