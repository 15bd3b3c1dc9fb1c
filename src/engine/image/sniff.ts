import type { PhotoFormat } from './photo-metadata.ts';

/** What the first bytes of a file say it is. `other` names something Heirloom cannot open, for a message. */
export type Sniffed =
  | { readonly format: PhotoFormat }
  | { readonly format: 'heif' }
  | { readonly format: 'other'; readonly what: string };

/** The start of a file that `sniffFormat` wants. */
export const sniffBytes = 512;

const otherMagics: readonly (readonly [magic: string, at: number, what: string])[] = [
  ['%PDF', 0, 'a PDF'],
  ['8BPS', 0, 'a Photoshop document'],
  ['PK\u0003\u0004', 0, 'a ZIP archive'],
  ['\u00ff\u000a', 0, 'a JPEG XL picture'],
  ['\u0000\u0000\u0000\u000cJXL ', 0, 'a JPEG XL picture'],
  ['\u0000\u0000\u0000\u000cjP  ', 0, 'a JPEG 2000 picture'],
  ['\u00ff\u004f\u00ff\u0051', 0, 'a JPEG 2000 picture'],
  ['FUJIFILM', 0, 'a camera raw file'],
  ['gimp xcf', 0, 'a GIMP document'],
  ['\u007fELF', 0, 'a program'],
  ['MZ', 0, 'a program'],
];

/** Known by content: the file's name plays no part. */
export function sniffFormat(head: Buffer): Sniffed {
  const text = head.toString('latin1');
  if (text.startsWith('\u00ff\u00d8\u00ff')) return { format: 'jpeg' };
  if (text.startsWith('\u0089PNG\r\n\u001a\n')) return { format: 'png' };
  if (/^(II[*+]\0|MM\0[*+])/.test(text)) return { format: 'tiff' };
  if (text.startsWith('RIFF') && text.startsWith('WEBP', 8)) return { format: 'webp' };
  if (/^GIF8[79]a/.test(text)) return { format: 'gif' };
  if (
    text.startsWith('BM') &&
    head.length >= 18 &&
    [12, 40, 52, 56, 64, 108, 124].includes(head.readUInt32LE(14))
  )
    return { format: 'bmp' };
  if (text.startsWith('ftyp', 4)) {
    const brands = text.slice(8, Math.min(head.length, Math.max(16, head.readUInt32BE(0))));
    if (/avi[fs]/.test(brands)) return { format: 'avif' };
    if (/hei[cxms]|hev[cxms]|mif1|msf1/.test(brands)) return { format: 'heif' };
    return { format: 'other', what: 'a film' };
  }
  for (const [magic, at, what] of otherMagics)
    if (text.startsWith(magic, at)) return { format: 'other', what };
  if (/^\s*(<\?xml|<!--|<svg)[^]*<svg|^\s*<svg/i.test(text))
    return { format: 'other', what: 'an SVG drawing' };
  const isText = head.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
  return { format: 'other', what: isText ? 'text' : 'something else' };
}
