/** A rectangle of pixels, in whole pixels from the top left corner. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** 1 gray, 2 gray + alpha, 3 RGB, 4 RGB + alpha. */
export type ChannelCount = 1 | 2 | 3 | 4;

/** How samples are kept; reading always gives float32. u8 = 0..255, u16 = 0..65535, f32 = as read. */
export type SampleType = 'u8' | 'u16' | 'f32';

/**
 * A read-only picture: interleaved, sRGB-encoded, alpha not premultiplied, nominally 0 to 1.
 *
 * Values outside 0..1 occur only with sample type f32 (colors of a wider gamut than sRGB). Pixels may live in memory or in a
 * scratch file: memory in use is bounded by what is read, not by the size of the picture.
 */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: ChannelCount;
  readonly sampleType: SampleType;
  /**
   * The pixels of `rect` (which must lie inside the picture) as a new float32 array, interleaved, length width*height*channels.
   *
   * @throws RangeError when `rect` leaves the picture.
   */
  read(rect: Rect): Promise<Float32Array>;
  /** Frees memory or deletes the scratch file. Reading afterwards fails. */
  dispose(): Promise<void>;
}

/** Receives an image from top to bottom. */
export interface ImageWriter {
  readonly width: number;
  readonly height: number;
  readonly channels: ChannelCount;
  /** Appends whole rows (float32, interleaved, any number of rows). Values are rounded to the sample type; u8/u16 clamp to 0..1. */
  append(rows: Float32Array): Promise<void>;
  /** @throws HeirloomError `internal` if rows are missing. */
  finish(): Promise<Image>;
  /** Drops what was written. */
  abort(): Promise<void>;
}

/** The whole picture. */
export function fullRect(image: { readonly width: number; readonly height: number }): Rect {
  return { x: 0, y: 0, width: image.width, height: image.height };
}

/** Whether the last channel is alpha. */
export function hasAlpha(image: { readonly channels: ChannelCount }): boolean {
  return image.channels === 2 || image.channels === 4;
}

/** Number of color channels without alpha. */
export function colorChannels(image: { readonly channels: ChannelCount }): 1 | 3 {
  return image.channels <= 2 ? 1 : 3;
}
