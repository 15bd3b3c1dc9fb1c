import type { HoleImage } from './patch-level.ts';

/** The picture and its hole at 1 / factor of the size: means of what is known; a pixel with less than half known is part of the hole. */
export function shrinkHole(image: HoleImage, factor: number): HoleImage {
  if (factor === 1) return image;
  const { channels } = image;
  const width = Math.ceil(image.width / factor);
  const height = Math.ceil(image.height / factor);
  const pixels = new Float32Array(width * height * channels);
  const known = new Uint32Array(width * height);
  const all = new Uint32Array(width * height);
  for (let y = 0, i = 0; y < image.height; y++) {
    const row = Math.floor(y / factor) * width;
    for (let x = 0; x < image.width; x++, i++) {
      const to = row + Math.floor(x / factor);
      all[to]!++;
      if (image.hole[i] !== 0) continue;
      known[to]!++;
      for (let c = 0; c < channels; c++) pixels[to * channels + c]! += image.pixels[i * channels + c]!;
    }
  }
  const hole = new Uint8Array(known.length);
  for (let i = 0; i < hole.length; i++) {
    hole[i] = 2 * known[i]! < all[i]! ? 1 : 0;
    for (let c = 0; c < channels; c++) pixels[i * channels + c]! /= Math.max(1, known[i]!);
  }
  return { width, height, channels, pixels, hole };
}

interface Part {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * A small picture at `factor` times the size, linear in between: the part of it that lies in `part`, in pixels of the large one,
 * (part.height, part.width, channels).
 */
export function growPart(
  small: { readonly width: number; readonly height: number; readonly channels: number; readonly pixels: Float32Array },
  factor: number,
  part: Part,
): Float32Array {
  const { channels, pixels } = small;
  const result = new Float32Array(part.width * part.height * channels);
  for (let y = 0, i = 0; y < part.height; y++) {
    const down = place(y + part.y, factor, small.height);
    for (let x = 0; x < part.width; x++, i++) {
      const across = place(x + part.x, factor, small.width);
      const corner = (row: number, column: number): number => (row * small.width + column) * channels;
      const [a, b] = [corner(down.low, across.low), corner(down.low, across.high)];
      const [c, d] = [corner(down.high, across.low), corner(down.high, across.high)];
      for (let k = 0; k < channels; k++) {
        const upper = pixels[a + k]! * (1 - across.share) + pixels[b + k]! * across.share;
        const lower = pixels[c + k]! * (1 - across.share) + pixels[d + k]! * across.share;
        result[i * channels + k] = upper * (1 - down.share) + lower * down.share;
      }
    }
  }
  return result;
}

/** Between which small pixels a large one lies. */
function place(position: number, factor: number, count: number): { low: number; high: number; share: number } {
  const at = Math.min(count - 1, Math.max(0, (position + 0.5) / factor - 0.5));
  const low = Math.floor(at);
  return { low, high: Math.min(count - 1, low + 1), share: at - low };
}
