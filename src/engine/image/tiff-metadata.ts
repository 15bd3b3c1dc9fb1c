import { extractIptc } from './iptc.ts';
import type { FileHandle } from 'node:fs/promises';
import {
  directoryBytes,
  fieldNumber,
  pointerField,
  readDirectory,
  readTiffLayout,
  type ByteSource,
  type TiffField,
} from './tiff-structure.ts';

const exifPointerTag = 0x8769;
const gpsPointerTag = 0x8825;
const interoperabilityPointerTag = 0xa005;
/** RichTIFFIPTC. */
const iptcTag = 0x83bb;

/** What describes the photo rather than how its pixels are stored (TIFF 6.0, Exif 2.32): title, maker, model, program, time, artist … */
const descriptiveTags: ReadonlySet<number> = new Set([
  0x010d, 0x010e, 0x010f, 0x0110, 0x0131, 0x0132, 0x013b, 0x013c, 0x8298, 0x9c9b, 0x9c9c, 0x9c9d, 0x9c9e,
  0x9c9f,
]);

interface ExifFields {
  readonly main: readonly TiffField[];
  readonly exif: readonly TiffField[];
  readonly gps: readonly TiffField[];
  readonly iptc?: Buffer | undefined;
}

function handleSource(handle: FileHandle): ByteSource {
  return {
    read: async (at, lengthBytes) => {
      if (!Number.isSafeInteger(at)) return Buffer.alloc(0);
      const buffer = Buffer.alloc(lengthBytes);
      const { bytesRead } = await handle.read(buffer, 0, lengthBytes, at);
      return buffer.subarray(0, bytesRead);
    },
  };
}

function bufferSource(data: Uint8Array): ByteSource {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return {
    read: async (at, lengthBytes) =>
      buffer.subarray(Math.min(at, buffer.length), Math.min(at + lengthBytes, buffer.length)),
  };
}

async function readExifFields(source: ByteSource): Promise<ExifFields | undefined> {
  const layout = await readTiffLayout(source);
  if (layout === undefined) return undefined;
  const { fields } = await readDirectory(source, layout, layout.firstDirectoryAt);
  const behind = async (tag: number): Promise<readonly TiffField[]> => {
    const at = fieldNumber(fields.find((field) => field.tag === tag));
    if (at === undefined) return [];
    const inner = await readDirectory(source, layout, at);
    // A pointer inside would point nowhere once the fields have moved.
    return inner.fields.filter((field) => field.tag !== interoperabilityPointerTag);
  };
  return {
    main: fields.filter((field) => descriptiveTags.has(field.tag)),
    exif: await behind(exifPointerTag),
    gps: await behind(gpsPointerTag),
    iptc: fields.find((field) => field.tag === iptcTag)?.value,
  };
}

/** What a TIFF file says about the photo, in the form other formats carry it. */
export interface TiffMetadata {
  /** An EXIF block. */
  readonly exif?: Uint8Array;
  /** IPTC-IIM records. */
  readonly iptc?: Uint8Array;
}

/** Reads what the first directory of a TIFF file says; empty where it is damaged or silent. Never throws for its content. */
export async function readTiffMetadata(handle: FileHandle): Promise<TiffMetadata> {
  const found = await readExifFields(handleSource(handle));
  if (found === undefined) return {};
  const iptc = found.iptc === undefined ? undefined : extractIptc(found.iptc);
  return {
    ...(found.main.length + found.exif.length + found.gps.length === 0 ? {} : { exif: exifBlock(found) }),
    ...(iptc === undefined ? {} : { iptc }),
  };
}

function exifBlock(found: ExifFields): Buffer {
  const head = Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0]);
  // Orientation 1: what the photo had is applied on opening.
  const orientation: TiffField = { tag: 0x0112, type: 3, count: 1, value: Buffer.from([1, 0]) };
  return Buffer.concat([head, placed([...found.main, orientation], found, 8, 0, false)]);
}

/** The main directory at `at`, and behind it the directories it points at. */
function placed(
  main: readonly TiffField[],
  inner: ExifFields,
  at: number,
  nextAt: number,
  big: boolean,
): Buffer {
  const pointers = (exifAt: number, gpsAt: number) => [
    ...(inner.exif.length > 0 ? [pointerField(exifPointerTag, exifAt, big)] : []),
    ...(inner.gps.length > 0 ? [pointerField(gpsPointerTag, gpsAt, big)] : []),
  ];
  const exifAt = at + directoryBytes([...main, ...pointers(0, 0)], at, nextAt, big).length;
  const exif = inner.exif.length > 0 ? directoryBytes(inner.exif, exifAt, 0, big) : Buffer.alloc(0);
  const gpsAt = exifAt + exif.length;
  const gps = inner.gps.length > 0 ? directoryBytes(inner.gps, gpsAt, 0, big) : Buffer.alloc(0);
  return Buffer.concat([directoryBytes([...main, ...pointers(exifAt, gpsAt)], at, nextAt, big), exif, gps]);
}

/**
 * Adds what an EXIF block and IPTC records say to a little-endian TIFF or BigTIFF file, whose pixels stay where they are: a new first
 * directory is appended and the header pointed at it. A damaged EXIF block is left out.
 */
export async function addTiffMetadata(handle: FileHandle, metadata: TiffMetadata): Promise<void> {
  const exif = metadata.exif === undefined ? undefined : await readExifFields(bufferSource(metadata.exif));
  const { iptc } = metadata;
  const records: TiffField[] =
    iptc === undefined ? [] : [{ tag: iptcTag, type: 7, count: iptc.length, value: Buffer.from(iptc) }];
  const added = { main: [...(exif?.main ?? []), ...records], exif: exif?.exif ?? [], gps: exif?.gps ?? [] };
  const source = handleSource(handle);
  const layout = await readTiffLayout(source);
  if (layout === undefined || !layout.littleEndian) return;
  const { fields, nextAt, complete } = await readDirectory(source, layout, layout.firstDirectoryAt);
  if (!complete) return;
  const replaced = new Set(added.main.map((field) => field.tag));
  const main = [...fields.filter((field) => !replaced.has(field.tag)), ...added.main];
  const { size } = await handle.stat();
  const at = Math.ceil(size / 8) * 8;
  const directory = placed(main, added, at, nextAt, layout.big);
  if (!layout.big && at + directory.length > 0xffffffff) return;
  await handle.write(directory, 0, directory.length, at);
  const pointer = Buffer.alloc(layout.big ? 8 : 4);
  if (layout.big) pointer.writeBigUInt64LE(BigInt(at));
  else pointer.writeUInt32LE(at);
  await handle.write(pointer, 0, pointer.length, layout.big ? 8 : 4);
}
