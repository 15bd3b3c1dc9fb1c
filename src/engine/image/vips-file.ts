import { HeirloomError } from '../../shared/failure.ts';
import type { SampleType } from './image.ts';

/**
 * The libvips `.v` format: a 64-byte header, then raw interleaved pixels in the byte order named by the magic number, then XML with
 * metadata. It is our scratch format because libvips streams it into any other format with bounded memory.
 * Source: libvips `vips/vips__file_magic`, `vips__read_header_bytes` (format description; little-endian only here).
 */
export const vipsHeaderBytes = 64;

const magicLittleEndian = 0x08f2a6b6;
const bandFormats = { u8: 0, u16: 2, f32: 6 } as const;
/** VipsInterpretation. */
const interpretations = { gray8: 1, rgb8: 22, rgb16: 25, gray16: 26, linearRgb: 28 } as const;

export interface VipsLayout {
  readonly width: number;
  readonly height: number;
  /** More than four are possible in files that libvips wrote. */
  readonly bands: number;
  readonly sampleType: SampleType;
}

/** The header of a `.v` file; `dpi` becomes its resolution. */
export function vipsHeader(layout: VipsLayout, dpi = 25.4): Buffer {
  const { width, height, bands, sampleType } = layout;
  const gray = bands <= 2;
  const type =
    sampleType === 'f32'
      ? interpretations.linearRgb
      : interpretations[`${gray ? 'gray' : 'rgb'}${sampleType === 'u16' ? 16 : 8}`];
  const header = Buffer.alloc(vipsHeaderBytes);
  header.writeUInt32LE(magicLittleEndian, 0);
  [width, height, bands, 0, bandFormats[sampleType], 0, type].forEach((value, index) =>
    header.writeUInt32LE(value, 4 + 4 * index),
  );
  header.writeFloatLE(dpi / 25.4, 32);
  header.writeFloatLE(dpi / 25.4, 36);
  return header;
}

/** @throws HeirloomError `internal` if it is not a header that `vipsHeader` or libvips on this machine wrote. */
export function parseVipsHeader(header: Buffer): VipsLayout {
  const format =
    header.length >= vipsHeaderBytes && header.readUInt32LE(0) === magicLittleEndian
      ? header.readUInt32LE(20)
      : -1;
  const sampleType = (['u8', 'u16', 'f32'] as const).find((type) => bandFormats[type] === format);
  if (sampleType === undefined)
    throw new HeirloomError('internal', 'A scratch picture has an unexpected layout.');
  return {
    width: header.readUInt32LE(4),
    height: header.readUInt32LE(8),
    bands: header.readUInt32LE(12),
    sampleType,
  };
}

/** Metadata blocks by their libvips names (`exif-data`, `xmp-data`, `iptc-data`, `icc-profile-data`), as the file's XML ending. */
export function vipsTrailer(blobs: Readonly<Record<string, Uint8Array | undefined>>): Buffer {
  const fields = Object.entries(blobs)
    .filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined)
    .map(
      ([name, blob]) =>
        `<field type="VipsBlob" name="${name}">${Buffer.from(blob).toString('base64')}</field>`,
    );
  const xml = `<?xml version="1.0"?>\n<root xmlns="http://www.vips.ecs.soton.ac.uk/vips/8.18.0"><header></header><meta>${fields.join('')}</meta></root>\n`;
  return Buffer.from(xml, 'utf8');
}
