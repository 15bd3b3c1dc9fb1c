/** Random access to the bytes of a TIFF structure: a file, or an EXIF block. Short reads give fewer bytes. */
export interface ByteSource {
  read(at: number, lengthBytes: number): Promise<Buffer>;
}

/** One field of an image file directory; `value` is little-endian. */
export interface TiffField {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly value: Buffer;
}

export interface TiffLayout {
  readonly littleEndian: boolean;
  /** BigTIFF: 64-bit offsets. */
  readonly big: boolean;
  readonly firstDirectoryAt: number;
}

/** Bytes of one component by field type (TIFF 6.0 section 2; 13 IFD; 16 to 18 from BigTIFF). */
const componentBytes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8] as const;
/** Rationals are pairs of 32-bit numbers. */
const swapBytes = [0, 1, 1, 2, 4, 4, 1, 1, 2, 4, 4, 4, 8, 4, 0, 0, 8, 8, 8] as const;

const maxFields = 4096;
const maxValueBytes = 4_000_000;
/** Of one directory. */
const maxAllValuesBytes = 16_000_000;

/** @returns undefined if this is no TIFF structure. */
export async function readTiffLayout(source: ByteSource): Promise<TiffLayout | undefined> {
  const head = await source.read(0, 16);
  const order = head.toString('latin1', 0, 2);
  if (head.length < 8 || (order !== 'II' && order !== 'MM')) return undefined;
  const littleEndian = order === 'II';
  const version = littleEndian ? head.readUInt16LE(2) : head.readUInt16BE(2);
  if (version === 42)
    return {
      littleEndian,
      big: false,
      firstDirectoryAt: littleEndian ? head.readUInt32LE(4) : head.readUInt32BE(4),
    };
  if (version !== 43 || head.length < 16) return undefined;
  return {
    littleEndian,
    big: true,
    firstDirectoryAt: Number(littleEndian ? head.readBigUInt64LE(8) : head.readBigUInt64BE(8)),
  };
}

/** The fields of the directory at `at`, without those that are damaged or unreasonably long; empty if there is none. */
export async function readDirectory(
  source: ByteSource,
  layout: TiffLayout,
  at: number,
): Promise<{
  readonly fields: readonly TiffField[];
  readonly nextAt: number;
  /** No field was left out. */ readonly complete: boolean;
}> {
  const { littleEndian, big } = layout;
  const none = { fields: [], nextAt: 0, complete: false };
  const u16 = (data: Buffer, from: number) =>
    littleEndian ? data.readUInt16LE(from) : data.readUInt16BE(from);
  const u32 = (data: Buffer, from: number) =>
    littleEndian ? data.readUInt32LE(from) : data.readUInt32BE(from);
  const u64 = (data: Buffer, from: number) =>
    Number(littleEndian ? data.readBigUInt64LE(from) : data.readBigUInt64BE(from));
  const offset = big ? u64 : u32;
  const countBytes = big ? 8 : 2;
  const fieldBytes = big ? 20 : 12;
  const inlineBytes = big ? 8 : 4;
  if (!Number.isSafeInteger(at) || at < 8) return none;
  const head = await source.read(at, countBytes);
  if (head.length < countBytes) return none;
  const count = big ? u64(head, 0) : u16(head, 0);
  if (count > maxFields) return none;
  const body = await source.read(at + countBytes, count * fieldBytes + inlineBytes);
  if (body.length < count * fieldBytes) return none;
  const fields: TiffField[] = [];
  let leftBytes = maxAllValuesBytes;
  for (let i = 0; i < count; i++) {
    const entry = body.subarray(i * fieldBytes, (i + 1) * fieldBytes);
    const [tag, type, length] = [u16(entry, 0), u16(entry, 2), offset(entry, 4)];
    const sizeBytes = length * (componentBytes[type] ?? 0);
    if (sizeBytes <= 0 || sizeBytes > Math.min(maxValueBytes, leftBytes)) continue;
    leftBytes -= sizeBytes;
    const inline = entry.subarray(fieldBytes - inlineBytes);
    const value =
      sizeBytes <= inlineBytes
        ? inline.subarray(0, sizeBytes)
        : await source.read(offset(inline, 0), sizeBytes);
    if (value.length < sizeBytes) continue;
    fields.push({ tag, type, count: length, value: toLittleEndian(value, type, littleEndian) });
  }
  const nextAt = body.length >= count * fieldBytes + inlineBytes ? offset(body, count * fieldBytes) : 0;
  return { fields, nextAt, complete: fields.length === count };
}

function toLittleEndian(value: Buffer, type: number, littleEndian: boolean): Buffer {
  const copy = Buffer.from(value);
  if (littleEndian) return copy;
  const size = swapBytes[type] ?? 1;
  if (size === 2) return copy.swap16();
  if (size === 4) return copy.swap32();
  return size === 8 ? copy.swap64() : copy;
}

/** The first whole number of a field. */
export function fieldNumber(field: TiffField | undefined): number | undefined {
  if (field === undefined) return undefined;
  switch (field.type) {
    case 1:
      return field.value.readUInt8(0);
    case 3:
      return field.value.readUInt16LE(0);
    case 4:
    case 13:
      return field.value.readUInt32LE(0);
    case 16:
    case 18:
      return Number(field.value.readBigUInt64LE(0));
    default:
      return undefined;
  }
}

/** A field that points at a directory. */
export function pointerField(tag: number, at: number, big: boolean): TiffField {
  const value = Buffer.alloc(big ? 8 : 4);
  if (big) value.writeBigUInt64LE(BigInt(at));
  else value.writeUInt32LE(at);
  return { tag, type: big ? 18 : 4, count: 1, value };
}

/**
 * A little-endian directory to be placed at the even offset `at`, its longer values following it.
 *
 * @param nextAt where the next directory is, 0 for none.
 */
export function directoryBytes(
  fields: readonly TiffField[],
  at: number,
  nextAt: number,
  big: boolean,
): Buffer {
  const sorted = [...fields].sort((a, b) => a.tag - b.tag);
  const countBytes = big ? 8 : 2;
  const fieldBytes = big ? 20 : 12;
  const inlineBytes = big ? 8 : 4;
  const directory = Buffer.alloc(countBytes + sorted.length * fieldBytes + inlineBytes);
  const setOffset = (value: number, to: number) =>
    big ? directory.writeBigUInt64LE(BigInt(value), to) : directory.writeUInt32LE(value, to);
  if (big) directory.writeBigUInt64LE(BigInt(sorted.length), 0);
  else directory.writeUInt16LE(sorted.length, 0);
  const values: Buffer[] = [];
  let valueAt = at + directory.length;
  sorted.forEach((field, i) => {
    const to = countBytes + i * fieldBytes;
    directory.writeUInt16LE(field.tag, to);
    directory.writeUInt16LE(field.type, to + 2);
    setOffset(field.count, to + 4);
    if (field.value.length <= inlineBytes) {
      field.value.copy(directory, to + fieldBytes - inlineBytes);
    } else {
      setOffset(valueAt, to + fieldBytes - inlineBytes);
      const padded =
        field.value.length % 2 === 0 ? field.value : Buffer.concat([field.value, Buffer.alloc(1)]);
      values.push(padded);
      valueAt += padded.length;
    }
  });
  setOffset(nextAt, countBytes + sorted.length * fieldBytes);
  return Buffer.concat([directory, ...values]);
}
