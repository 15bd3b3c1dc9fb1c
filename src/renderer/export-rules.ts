import type { ExportOptions } from '../shared/export-options.ts';

type Format = ExportOptions['format'];

/** What each format can carry: the export dialog offers nothing else. */
export interface FormatRules {
  readonly label: string;
  readonly extension: string;
  readonly quality: boolean;
  readonly bitDepths: readonly ExportOptions['bitDepth'][];
  readonly chroma: boolean;
  readonly lossless: boolean;
}

export const formatRules: Readonly<Record<Format, FormatRules>> = {
  jpeg: { label: 'JPEG', extension: 'jpg', quality: true, bitDepths: [8], chroma: true, lossless: false },
  png: { label: 'PNG', extension: 'png', quality: false, bitDepths: [8, 16], chroma: false, lossless: false },
  tiff: {
    label: 'TIFF',
    extension: 'tif',
    quality: false,
    bitDepths: [8, 16],
    chroma: false,
    lossless: false,
  },
  webp: { label: 'WebP', extension: 'webp', quality: true, bitDepths: [8], chroma: false, lossless: true },
  avif: { label: 'AVIF', extension: 'avif', quality: true, bitDepths: [8], chroma: true, lossless: false },
};

/** The options with another format; what it cannot carry falls back to what it can. */
export function withFormat(options: ExportOptions, format: Format): ExportOptions {
  const rules = formatRules[format];
  const { lossless, ...rest } = options;
  const bitDepth = rules.bitDepths.includes(options.bitDepth) ? options.bitDepth : 8;
  return { ...rest, format, bitDepth, ...(rules.lossless && lossless !== undefined ? { lossless } : {}) };
}

/** "Grandmother.jpeg" saved as TIFF: "Grandmother restored.tif". */
export function suggestedName(photoName: string, format: Format): string {
  const base = photoName.replace(/\.[a-z0-9]{1,5}$/i, '') || 'photo';
  return `${base} restored.${formatRules[format].extension}`;
}
