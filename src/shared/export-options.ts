import { boolean, type Infer, integer, number, object, oneOf, optional } from './schema.ts';

/** How a result is written: the parameters of the export dialog and of the command line. */
export const exportOptionsSchema = object({
  format: oneOf('jpeg', 'png', 'tiff', 'webp', 'avif'),
  /** 1 to 100, for the lossy formats. */
  quality: integer(1, 100),
  bitDepth: oneOf(8, 16),
  /** JPEG and AVIF. */
  chroma: oneOf('4:4:4', '4:2:0'),
  /** Write the colors in the source file's profile, or in sRGB. */
  profile: oneOf('source', 'srgb'),
  metadata: oneOf('keep', 'strip'),
  /** Dots per inch to write; absent = the source's, scaled with the picture. */
  dpi: optional(number(1, 100_000)),
  /** WebP only: no loss at all. */
  lossless: optional(boolean()),
});

export type ExportOptions = Infer<typeof exportOptionsSchema>;
