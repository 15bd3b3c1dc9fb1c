export type PhotoFormat = 'jpeg' | 'png' | 'tiff' | 'webp' | 'avif' | 'gif' | 'bmp';

/** What a file said beside its pixels. */
export interface PhotoMetadata {
  readonly path: string;
  readonly format: PhotoFormat;
  /** After the orientation was applied, as in the image. */
  readonly width: number;
  readonly height: number;
  /** Bits per sample of the file, never guessed from its pixels: 8 (or fewer), 16 (or 9 to 15), 32. */
  readonly bitDepth: 8 | 16 | 32;
  /** Channels of the opened image, alpha included. */
  readonly channels: 1 | 2 | 3 | 4;
  readonly sizeBytes: number;
  /** Dots per inch, if the file states them. */
  readonly dpi?: number;
  /** EXIF orientation found (1 to 8) and already applied. */
  readonly orientation: number;
  /** Pages of a TIFF or frames of an animation; the first one was opened. */
  readonly pages: number;
  readonly iccName?: string;
  /** The profile as found. */
  readonly icc?: Uint8Array;
  /** Whether working values can be brought back into `icc`, so that a result can be saved in it. */
  readonly iccReversible: boolean;
  /** As a TIFF structure, without the "Exif\0\0" before it. */
  readonly exif?: Uint8Array;
  /** IPTC-IIM records. */
  readonly iptc?: Uint8Array;
  readonly xmp?: Uint8Array;
  /** Sentences the user should know. */
  readonly notices: readonly string[];
}
