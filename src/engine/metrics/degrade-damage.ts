import { clampUnit, mapValues } from './degrade-filters.ts';
import type { Pixels } from './pixels.ts';
import type { Random } from './random.ts';

/** How much of a picture scratches and dust cover, 0 to 1 at each pixel. */
export type DamageMask = Float32Array;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Dust and scratches: x + mask (tone − x); tone 0 dark to 1 light. */
export function filmDamage(pixels: Pixels, mask: DamageMask, tone: number): Pixels {
  return mapValues(pixels, (value, i) => value + mask[Math.floor(i / pixels.channels)]! * (tone - value));
}

/** Scratches along the film's travel, a few hairs and specks of dust, soft-edged; `opacity` 0 to 1. */
export function drawDamage(size: Size, opacity: number, random: Random): DamageMask {
  const mask: DamageMask = new Float32Array(size.width * size.height);
  const unit = Math.max(size.width, size.height) / 400;
  const lean = random.uniform(-0.08, 0.08);
  for (let i = random.below(5); i > 0; i--) {
    const start = { x: random.uniform(0, size.width), y: random.uniform(-0.2, 0.8) * size.height };
    walk(mask, size, start, { angle: Math.PI / 2 + lean, turn: 0.01, lengthPx: random.uniform(0.3, 1.2) * size.height, radiusPx: unit * random.uniform(0.35, 0.9), opacity }, random);
  }
  for (let i = random.below(4); i > 0; i--) {
    const start = { x: random.uniform(0, size.width), y: random.uniform(0, size.height) };
    walk(mask, size, start, { angle: random.uniform(0, 2 * Math.PI), turn: 0.15, lengthPx: unit * random.uniform(15, 60), radiusPx: unit * random.uniform(0.3, 0.6), opacity }, random);
  }
  for (let i = 4 + random.below(30); i > 0; i--) {
    const radius = unit * Math.exp(random.uniform(-0.9, 0.9));
    dab(mask, size, random.uniform(0, size.width), random.uniform(0, size.height), radius, opacity * random.uniform(0.5, 1));
  }
  return mask;
}

interface Stroke {
  readonly angle: number;
  /** Deviation of the direction's change per step, radians. */
  readonly turn: number;
  readonly lengthPx: number;
  readonly radiusPx: number;
  readonly opacity: number;
}

/** A line that wanders and fades in and out. */
function walk(mask: DamageMask, size: Size, start: { x: number; y: number }, stroke: Stroke, random: Random): void {
  let { x, y } = start;
  let { angle } = stroke;
  let strength = random.uniform(0.4, 1);
  const step = Math.max(0.5, stroke.radiusPx * 0.7);
  for (let done = 0; done < stroke.lengthPx; done += step) {
    dab(mask, size, x, y, stroke.radiusPx, stroke.opacity * strength);
    angle += stroke.turn * random.normal();
    strength = Math.min(1, Math.max(0, strength + 0.08 * random.normal()));
    x += step * Math.cos(angle);
    y += step * Math.sin(angle);
  }
}

/** A round spot whose edge is one pixel soft; overlapping spots take the larger value. */
function dab(mask: DamageMask, size: Size, x: number, y: number, radius: number, opacity: number): void {
  const reach = Math.ceil(radius + 1);
  for (let row = Math.max(0, Math.floor(y) - reach); row <= Math.min(size.height - 1, Math.floor(y) + reach); row++) {
    for (let column = Math.max(0, Math.floor(x) - reach); column <= Math.min(size.width - 1, Math.floor(x) + reach); column++) {
      const cover = opacity * clampUnit(radius + 0.5 - Math.hypot(column + 0.5 - x, row + 0.5 - y)) * Math.min(1, 2 * radius);
      const i = row * size.width + column;
      if (cover > mask[i]!) mask[i] = cover;
    }
  }
}
