import { extname } from 'node:path';
import { type ExportOptions, exportOptionsSchema } from '../shared/export-options.ts';
import { HeirloomError } from '../shared/failure.ts';
import { UsageError } from './command.ts';
import { type Flag, numberFrom, type ParsedFlags } from './flags.ts';

interface ExportFlag extends Flag {
  readonly number?: boolean;
}

/** One flag for every option of an export. */
const flagOf = {
  format: { name: 'format', takes: 'FORMAT', help: 'jpeg, png, tiff, webp or avif; by the name of the output if left out.' },
  quality: { name: 'quality', takes: 'N', help: '1 to 100, for JPEG, WebP and AVIF.', number: true },
  bitDepth: { name: 'bit-depth', takes: 'N', help: '8 or 16; that of the photo if left out.', number: true },
  chroma: { name: 'chroma', takes: 'C', help: '4:4:4 or 4:2:0, for JPEG and AVIF.' },
  profile: { name: 'profile', takes: 'P', help: "source (the photo's color profile) or srgb." },
  metadata: { name: 'metadata', takes: 'M', help: 'keep or strip EXIF, IPTC and XMP.' },
  dpi: { name: 'dpi', takes: 'N', help: "Dots per inch to write; the photo's, scaled with it, if left out.", number: true },
  lossless: { name: 'lossless', help: 'WebP without loss.' },
} as const satisfies Record<keyof ExportOptions, ExportFlag>;

export const exportFlags: readonly Flag[] = Object.values(flagOf);

const formatByExtension: Readonly<Record<string, ExportOptions['format']>> = {
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.png': 'png',
  '.tif': 'tiff',
  '.tiff': 'tiff',
  '.webp': 'webp',
  '.avif': 'avif',
};

export const extensionOf: Readonly<Record<ExportOptions['format'], string>> = { jpeg: '.jpg', png: '.png', tiff: '.tif', webp: '.webp', avif: '.avif' };

/**
 * The options of an export: the photo's own, changed by the flags and by the extension of `output`.
 *
 * @throws UsageError when a value is none of those, or the extension says another format than `--format`.
 */
export function exportOptionsFrom(flags: ParsedFlags, output: string | undefined, defaults: ExportOptions): ExportOptions {
  const given: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(flagOf) as [string, ExportFlag][]) {
    const text = flags.text(flag.name);
    if (text !== undefined) given[key] = flag.number === true ? numberFrom(text, flag.name) : text;
    else if (flag.takes === undefined && flags.has(flag.name)) given[key] = true;
  }
  const extension = extname(output ?? '').toLowerCase();
  const byName = formatByExtension[extension];
  if (output !== undefined && byName === undefined && given.format === undefined) {
    throw new UsageError(`The format of "${output}" is unclear: end it in ${Object.keys(formatByExtension).join(', ')}, or give --format.`);
  }
  if (byName !== undefined && given.format !== undefined && given.format !== byName) {
    throw new UsageError(`The output ends in ${extension}, but --format is ${String(given.format)}.`);
  }
  const format = (given.format ?? byName ?? defaults.format) as ExportOptions['format'];
  // 16 bit is kept where the format can hold it.
  const bitDepth = format === 'png' || format === 'tiff' ? defaults.bitDepth : 8;
  try {
    return exportOptionsSchema.parse({ ...defaults, bitDepth, ...given, format });
  } catch (error) {
    throw error instanceof HeirloomError ? new UsageError(`--${error.message.replace('bitDepth', 'bit-depth')}`) : error;
  }
}
