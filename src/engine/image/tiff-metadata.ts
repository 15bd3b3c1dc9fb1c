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

/** What a block or file says: its main directory's descriptive fields, and those of the directories behind it. */
export interface ExifFields {
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

/** Text without the padding some cameras put behind its end. */
function trimmed(field: TiffField): TiffField {
  const end = field.type === 2 ? field.value.indexOf(0) : -1;
  return end === -1 ? field : { ...field, count: end + 1, value: field.value.subarray(0, end + 1) };
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
    return inner.fields.filter((field) => field.tag !== interoperabilityPointerTag).map(trimmed);
  };
  return {
    main: fields.filter((field) => descriptiveTags.has(field.tag)).map(trimmed),
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
  return Buffer.concat([head, placeDirectories([orientation], found, 8, 0, false)]);
}

/** The fields of an EXIF block; undefined if it is damaged. */
export async function exifDirectories(exif: Uint8Array): Promise<ExifFields | undefined> {
  return readExifFields(bufferSource(exif));
}

/** A main directory at `at` of `fields` and what `described` says, and behind it the directories it points at. */
export function placeDirectories(
  fields: readonly TiffField[],
  described: ExifFields | undefined,
  at: number,
  nextAt: number,
  big: boolean,
): Buffer {
  const { main = [], exif: exifFields = [], gps: gpsFields = [] } = described ?? {};
  const withPointers = (exifAt: number, gpsAt: number) => [
    ...fields,
    ...main,
    ...(exifFields.length > 0 ? [pointerField(exifPointerTag, exifAt, big)] : []),
    ...(gpsFields.length > 0 ? [pointerField(gpsPointerTag, gpsAt, big)] : []),
  ];
  const exifAt = at + directoryBytes(withPointers(0, 0), at, nextAt, big).length;
  const exif = exifFields.length > 0 ? directoryBytes(exifFields, exifAt, 0, big) : Buffer.alloc(0);
  const gpsAt = exifAt + exif.length;
  const gps = gpsFields.length > 0 ? directoryBytes(gpsFields, gpsAt, 0, big) : Buffer.alloc(0);
  return Buffer.concat([directoryBytes(withPointers(exifAt, gpsAt), at, nextAt, big), exif, gps]);
}
