import { clampUnit, mapValues } from './degrade-filters.ts';
import { lightOf } from './degrade-noise.ts';
import type { Pixels } from './pixels.ts';
import type { Random } from './random.ts';

type Triple = readonly [number, number, number];

/** `keep` 0: gray by Rec. 601 luma; 1: unchanged. Always RGB afterwards for RGB. */
export function saturate(pixels: Pixels, keep: number): Pixels {
  if (pixels.channels === 1) return pixels;
  const light = lightOf(pixels);
  return mapValues(pixels, (value, i) => {
    const mono = light[Math.floor(i / 3)]!;
    return mono + (value - mono) * keep;
  });
}

/** black + (white − black) x^γ, each channel with its own: lost contrast and, where channels differ, a dye cast. */
export function fade(pixels: Pixels, black: Triple, white: Triple, gamma: Triple): Pixels {
  return mapValues(pixels, (value, i) => {
    const c = i % pixels.channels;
    return black[c]! + (white[c]! - black[c]!) * clampUnit(value) ** gamma[c]!;
  });
}

/** Gray, faded gray, sepia or a faded color print. A gray picture stays gray unless it turns sepia. */
export function drawAging(pixels: Pixels, random: Random): Pixels {
  const kind = random.pick(['gray', 'faded-gray', 'sepia', 'faded-color'] as const, [0.35, 0.3, 0.25, 0.1]);
  if (kind === 'gray') return saturate(pixels, 0);
  const low = random.uniform(0, 0.2);
  const high = random.uniform(0.8, 1);
  const bend = random.uniform(0.8, 1.25);
  const gamma: Triple = [bend, bend, bend];
  if (kind === 'faded-color') {
    const black = triple(() => Math.abs(low + random.uniform(-0.12, 0.12)));
    const white = triple(() => Math.min(1, high + random.uniform(-0.15, 0.05)));
    return fade(saturate(pixels, random.uniform(0.4, 1)), black, white, gamma);
  }
  const tint = kind === 'sepia' ? random.uniform(0.3, 1) : 0;
  return fade(saturate(pixels, 0), [low, low, low], [high, high - 0.07 * tint, high - 0.2 * tint], gamma);
}

function triple(draw: () => number): Triple {
  return [draw(), draw(), draw()];
}
