import type { Metadata } from 'sharp';
import { readExifDpi } from './exif.ts';
import type { PhotoFormat } from './photo-metadata.ts';

/**
 * The resolution a file states, in dots per inch; undefined where it states none (decoders then report a default of 72).
 *
 * @param head the first bytes of the file.
 */
export function statedDpi(format: PhotoFormat, found: Metadata, head: Buffer): number | undefined {
  const density = found.density;
  if (format === 'jpeg') {
    const jfif = jfifDpi(head);
    return jfif ?? (found.exif === undefined ? undefined : readExifDpi(found.exif));
  }
  if (format === 'tiff' || format === 'png') return density;
  return density ?? (found.exif === undefined ? undefined : readExifDpi(found.exif));
}

/** From the JFIF header (ITU-T T.871), if it gives a unit. */
function jfifDpi(head: Buffer): number | undefined {
  let at = 2;
  while (at + 18 <= head.length && head[at] === 0xff && head[at + 1]! >= 0xe0 && head[at + 1]! <= 0xef) {
    if (head[at + 1] === 0xe0 && head.toString('latin1', at + 4, at + 8) === 'JFIF') {
      const unit = head[at + 11];
      const perUnit = head.readUInt16BE(at + 12);
      if (perUnit === 0 || (unit !== 1 && unit !== 2)) return undefined;
      return unit === 1 ? perUnit : perUnit * 2.54;
    }
    at += 2 + head.readUInt16BE(at + 2);
  }
  return undefined;
}
