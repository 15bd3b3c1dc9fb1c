import { extendSmoothly } from './extend-smoothly.ts';
import type { HoleImage } from './patch-level.ts';

/**
 * What is off by more on the rim is no matter of tones: something that the mask did not quite cover, or an edge that goes on elsewhere. It
 * would be smeared far into the hole.
 */
const largestOffset = 0.2;

/**
 * Joins a fill to its surroundings without a seam, in place: the fill keeps its own gradients, and what it is off by at the rim is spread
 * smoothly over the hole (Perez, Gangnet and Blake, "Poisson Image Editing", 2003: the membrane that is added is the solution of Laplace's
 * equation).
 *
 * @param filled (height, width, channels), the hole filled.
 * @param beside what the fill would have been on known pixels near the hole; NaN elsewhere.
 */
export function hideSeam(filled: Float32Array, beside: Float32Array, image: HoleImage): void {
  const { width, channels, hole, pixels } = image;
  const box = boxAround(image, 4);
  if (box === undefined) return;
  const offsets = new Float32Array(box.width * box.height * channels);
  const known = new Uint8Array(box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const pixel = (box.y + y) * width + box.x + x;
      if (hole[pixel] === 1 || Number.isNaN(beside[pixel * channels]!)) continue;
      const to = y * box.width + x;
      let far = 0;
      for (let c = 0; c < channels; c++) {
        offsets[to * channels + c] = pixels[pixel * channels + c]! - beside[pixel * channels + c]!;
        far += Math.abs(offsets[to * channels + c]!) / channels;
      }
      known[to] = far < largestOffset ? 1 : 0;
    }
  }
  if (!known.includes(1)) return;
  extendSmoothly(offsets, known, box.width, box.height, channels);
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const pixel = (box.y + y) * width + box.x + x;
      if (hole[pixel] === 0) continue;
      for (let c = 0; c < channels; c++)
        filled[pixel * channels + c]! += offsets[(y * box.width + x) * channels + c]!;
    }
  }
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The rectangle around the hole with a margin, inside the picture. */
function boxAround({ width, height, hole }: HoleImage, margin: number): Box | undefined {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (hole[i] === 0) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  if (right < 0) return undefined;
  const x = Math.max(0, left - margin);
  const y = Math.max(0, top - margin);
  return {
    x,
    y,
    width: Math.min(width, right + 1 + margin) - x,
    height: Math.min(height, bottom + 1 + margin) - y,
  };
}
