import type { Rect } from '../../shared/rect.ts';
import { boundsOfHole } from './bounds-of-hole.ts';
import { extendSmoothly } from './extend-smoothly.ts';
import type { HoleImage } from './patch-level.ts';

/**
 * A few pixels of the rim that are off by so much more than the others are no matter of tones: something that the mask did not quite cover,
 * or an edge that goes on elsewhere. They must not be spread far into the hole.
 */
const largestOffset = 0.2;
const fewShare = 0.25;
/** How far pixels 1, 2 and 3 into the hole follow the nearest one of the rim instead of the smooth spread. */
const fading = [1, 0.5, 0.25, 0.1];

/**
 * Joins a fill to its surroundings without a seam, in place: the fill keeps its own gradients, and what it is off by at the rim is spread
 * smoothly over the hole (Perez, Gangnet and Blake, "Poisson Image Editing", 2003: the membrane that is added is the solution of Laplace's
 * equation), the first pixels nearly as it is there.
 *
 * @param filled (height, width, channels), the hole filled.
 * @param beside what the fill would have been on known pixels near the hole; NaN elsewhere.
 */
export function hideSeam(filled: Float32Array, beside: Float32Array, image: HoleImage): void {
  const { width, channels, hole, pixels } = image;
  const box = boundsOfHole(hole, image, 4);
  const ring = new Uint8Array(box.width * box.height);
  const offsets = new Float32Array(ring.length * channels);
  for (let y = 0, i = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++, i++) {
      const pixel = (box.y + y) * width + box.x + x;
      if (hole[pixel] === 1 || Number.isNaN(beside[pixel * channels]!)) continue;
      ring[i] = 1;
      for (let c = 0; c < channels; c++)
        offsets[i * channels + c] = pixels[pixel * channels + c]! - beside[pixel * channels + c]!;
    }
  }
  if (!ring.includes(1)) return;
  const { membrane, known } = tonesOf(offsets, ring, channels);
  extendSmoothly(membrane, known, box.width, box.height, channels);
  for (let y = 0, i = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++, i++) {
      const pixel = (box.y + y) * width + box.x + x;
      if (hole[pixel] === 0) continue;
      const { from, distance } = nearestRing(ring, box, x, y);
      const share = from < 0 ? 0 : (fading[Math.round(distance)] ?? 0);
      for (let c = 0; c < channels; c++) {
        const spread = membrane[i * channels + c]!;
        const own = share === 0 ? 0 : share * (offsets[from * channels + c]! - spread);
        filled[pixel * channels + c]! += spread + own;
      }
    }
  }
}

/** What the ring is off by where that is a matter of tones: most of it, or all. */
function tonesOf(offsets: Float32Array, ring: Uint8Array, channels: number): { membrane: Float32Array; known: Uint8Array } {
  const count = ring.reduce((sum, value) => sum + value, 0);
  const usual = Array.from({ length: channels }, (_, c) => {
    const values = offsets.filter((_value, i) => i % channels === c && ring[Math.floor(i / channels)] === 1).sort();
    return values[values.length >> 1]!;
  });
  const known = ring.map((value, i) => {
    let far = 0;
    for (let c = 0; c < channels; c++) far += Math.abs(offsets[i * channels + c]! - usual[c]!) / channels;
    return value === 1 && far < largestOffset ? 1 : 0;
  });
  const isFew = known.reduce((sum, value) => sum + value, 0) > (1 - fewShare) * count;
  return { membrane: offsets.slice(), known: isFew ? known : ring };
}

/** The ring pixel nearest to a pixel, at most three away; -1 when there is none. */
function nearestRing(ring: Uint8Array, { width, height }: Rect, x: number, y: number): { from: number; distance: number } {
  let from = -1;
  let nearest = 3.5 ** 2;
  for (let v = Math.max(0, y - 3); v <= Math.min(height - 1, y + 3); v++) {
    for (let u = Math.max(0, x - 3); u <= Math.min(width - 1, x + 3); u++) {
      const squared = (u - x) ** 2 + (v - y) ** 2;
      if (squared >= nearest || ring[v * width + u] === 0) continue;
      nearest = squared;
      from = v * width + u;
    }
  }
  return { from, distance: Math.sqrt(nearest) };
}
