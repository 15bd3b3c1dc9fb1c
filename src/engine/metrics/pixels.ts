import { HeirloomError } from '../../shared/failure.ts';
import { colorChannels, fullRect, hasAlpha, type Image, type Rect } from '../image/image.ts';

/** A piece of a picture in memory, as the measures take it: interleaved gray or RGB without alpha, sRGB-encoded, 0 to 1. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Float32Array;
}

/** The most pixels a whole-picture read holds at once: 64 megapixels, 768 MB as RGB. */
const maxWholePx = 64e6;

/**
 * Reads `rect` (the whole picture by default) without its alpha channel.
 *
 * @throws HeirloomError `bad-input` when the area is more than 64 megapixels.
 */
export async function readPixels(image: Image, rect: Rect = fullRect(image)): Promise<Pixels> {
  const { width, height } = rect;
  if (width * height > maxWholePx) {
    throw new HeirloomError(
      'bad-input',
      `A picture of ${width}×${height} is too large to be measured in one piece.`,
      'Crop it to 64 megapixels or less.',
    );
  }
  const data = await image.read(rect);
  return { width, height, channels: colorChannels(image), data: hasAlpha(image) ? dropAlpha(data, image.channels) : data };
}

function dropAlpha(data: Float32Array, channels: number): Float32Array {
  const kept = channels - 1;
  const out = new Float32Array((data.length / channels) * kept);
  for (let from = 0, to = 0; from < data.length; from += channels, to += kept) {
    for (let c = 0; c < kept; c++) out[to + c] = data[from + c]!;
  }
  return out;
}

/** `pixels` without `border` pixels on every side; undefined when nothing is left. */
export function cropBorder(pixels: Pixels, border: number): Pixels | undefined {
  if (border === 0) return pixels;
  const width = pixels.width - 2 * border;
  const height = pixels.height - 2 * border;
  if (width < 1 || height < 1) return undefined;
  return cutPixels(pixels, { x: border, y: border, width, height });
}

/** The part of `pixels` inside `rect`, which must lie within. */
export function cutPixels(pixels: Pixels, rect: Rect): Pixels {
  const { channels } = pixels;
  const data = new Float32Array(rect.width * rect.height * channels);
  for (let y = 0; y < rect.height; y++) {
    const from = ((rect.y + y) * pixels.width + rect.x) * channels;
    data.set(pixels.data.subarray(from, from + rect.width * channels), y * rect.width * channels);
  }
  return { width: rect.width, height: rect.height, channels, data };
}

/** Gray as three equal channels; RGB as it is. */
export function asRgb(pixels: Pixels): Pixels {
  if (pixels.channels === 3) return pixels;
  const data = new Float32Array(pixels.data.length * 3);
  for (let i = 0; i < pixels.data.length; i++) data.fill(pixels.data[i]!, 3 * i, 3 * i + 3);
  return { width: pixels.width, height: pixels.height, channels: 3, data };
}
