import { sharp } from '../image/sharp.ts';
import { clampUnit, withData } from './degrade-filters.ts';
import type { Pixels } from './pixels.ts';

/** Rounded to 8 bit (half up). */
export function toBytes(pixels: Pixels): Uint8Array {
  return Uint8Array.from(pixels.data, (value) => Math.floor(255 * clampUnit(value) + 0.5));
}

/** Rounded to 8 bit, as numbers in 0..1 again. */
export function roundToBytes(pixels: Pixels): Pixels {
  return fromBytes(pixels, toBytes(pixels));
}

function fromBytes(like: Pixels, bytes: Uint8Array): Pixels {
  return withData(like, Float32Array.from(bytes, (value) => value / 255));
}

/** Written as JPEG with the standard's quantization tables and chroma at half size (4:2:0), and read back. Quality 1 to 100. */
export async function throughJpeg(pixels: Pixels, quality: number): Promise<Pixels> {
  const { width, height, channels } = pixels;
  const raw = { width, height, channels } as const;
  const encoded = sharp(toBytes(pixels), { raw, limitInputPixels: false })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .jpeg({ quality: Math.min(100, Math.max(1, Math.round(quality))), chromaSubsampling: '4:2:0', optimiseCoding: false, mozjpeg: false });
  const decoded = await sharp(await encoded.toBuffer(), { limitInputPixels: false })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (decoded.info.channels !== channels) throw new Error(`JPEG came back with ${decoded.info.channels} channels.`);
  return fromBytes(pixels, decoded.data);
}
