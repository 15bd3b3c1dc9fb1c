import { seededNormal } from '../../../src/engine/metrics/random.ts';
import type { HoleImage } from '../../../src/engine/fill/patch-level.ts';

export interface Texture {
  readonly name: string;
  /** Value of a pixel, 0 to 1. */
  at(x: number, y: number, channel: number): number;
}

const noise = (x: number, y: number, seed: number): number => seededNormal(seed, y * 4096 + x);

export const textures: readonly Texture[] = [
  {
    name: 'stripes',
    at: (x, y, c) => 0.5 + 0.3 * Math.sign(Math.sin((x + 0.5 * y) * 0.55)) + 0.02 * c + 0.01 * noise(x, y, 1),
  },
  { name: 'checks', at: (x, y) => (((x >> 3) + (y >> 3)) % 2 === 0 ? 0.25 : 0.75) },
  { name: 'edge', at: (x, y) => 0.5 - 0.3 * Math.tanh((y - 40 - 0.2 * x) / 1.2) + 0.02 * noise(x, y, 2) },
  {
    name: 'waves',
    at: (x, y, c) => 0.5 + 0.2 * Math.sin(x * 0.4 + c) * Math.cos(y * 0.3) + 0.01 * noise(x, y, 3),
  },
];

/** A square picture of a texture with a hole; the hole's pixels are overwritten, so that nothing can peek. */
export function textured(
  texture: Texture,
  side: number,
  channels: 1 | 3,
  isHole: (x: number, y: number) => boolean,
): { image: HoleImage; truth: Float32Array } {
  const truth = new Float32Array(side * side * channels);
  const hole = new Uint8Array(side * side);
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      hole[i] = isHole(x, y) ? 1 : 0;
      for (let c = 0; c < channels; c++)
        truth[i * channels + c] = Math.min(1, Math.max(0, texture.at(x, y, c)));
    }
  }
  const pixels = truth.map((value, i) => (hole[Math.floor(i / channels)] === 1 ? (i % 7) / 7 : value));
  return { image: { width: side, height: side, channels, pixels, hole }, truth };
}

/** Mean absolute difference inside the hole. */
export function errorInHole({ hole, channels }: HoleImage, a: Float32Array, b: Float32Array): number {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < a.length; i++) {
    if (hole[Math.floor(i / channels)] === 0) continue;
    sum += Math.abs(a[i]! - b[i]!);
    count++;
  }
  return sum / count;
}

/** The hole filled with the mean of what is known. */
export function meanFill({ pixels, hole, channels }: HoleImage): Float32Array {
  const means = Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < hole.length; i++) {
      if (hole[i] === 1) continue;
      sum += pixels[i * channels + c]!;
      count++;
    }
    return sum / count;
  });
  return pixels.map((value, i) => (hole[Math.floor(i / channels)] === 1 ? means[i % channels]! : value));
}

/** Mean absolute step between neighbors across the rim of the hole. */
export function stepsAcross({ width, height, hole, channels }: HoleImage, pixels: Float32Array): number {
  let sum = 0;
  let count = 0;
  for (let y = 0; y < height - 1; y++) {
    for (let x = 0; x < width - 1; x++) {
      const i = y * width + x;
      for (const next of [i + 1, i + width]) {
        if (hole[i] === hole[next]) continue;
        for (let c = 0; c < channels; c++)
          sum += Math.abs(pixels[i * channels + c]! - pixels[next * channels + c]!);
        count += channels;
      }
    }
  }
  return sum / count;
}
