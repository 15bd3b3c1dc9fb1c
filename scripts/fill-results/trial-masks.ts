import { createRandom, type Random } from '../../src/engine/metrics/random.ts';
import { emptyMask, type Mask, type MaskShape } from '../../src/shared/mask.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** What is filled in the trial, from the thinnest to the widest. */
export const trialKinds = ['thin scratches', 'medium strokes', 'boxes', 'object shapes'] as const;
export type TrialKind = (typeof trialKinds)[number];

/** Where the photograph of a trial is hidden: the same for the same kind, size and seed. */
export function trialMask(kind: TrialKind, size: Size, seed: number): Mask {
  const random = createRandom(1009 * seed + trialKinds.indexOf(kind));
  return { ...emptyMask(size), shapes: shapesOf(kind, size, random) };
}

function shapesOf(kind: TrialKind, size: Size, random: Random): MaskShape[] {
  switch (kind) {
    case 'thin scratches':
      return Array.from({ length: 6 }, () => walk(size, random, random.uniform(0.6, 2), 24, 0.15));
    case 'medium strokes':
      return Array.from({ length: 3 }, () => walk(size, random, random.uniform(5, 14), 7, 0.7));
    case 'boxes':
      return Array.from({ length: 2 }, (_, index) => box(size, random, index));
    case 'object shapes':
      return [outline(size, random)];
  }
}

/** A line that turns a little at each of its steps. */
function walk(
  { width, height }: Size,
  random: Random,
  radiusPx: number,
  steps: number,
  turn: number,
): MaskShape {
  let [x, y] = [random.uniform(0.1, 0.9) * width, random.uniform(0.1, 0.9) * height];
  let angle = random.uniform(0, 2 * Math.PI);
  const points = [{ x, y, pressure: 1 }];
  for (let step = 0; step < steps; step++) {
    angle += turn * random.normal();
    x = Math.min(width, Math.max(0, x + 18 * Math.cos(angle)));
    y = Math.min(height, Math.max(0, y + 18 * Math.sin(angle)));
    points.push({ x, y, pressure: random.uniform(0.7, 1) });
  }
  return { kind: 'stroke', points, radiusPx, hardness: 1, erase: false };
}

/** In the left half of the photograph, then in the right one. */
function box(size: Size, random: Random, index: number): MaskShape {
  const width = Math.round(random.uniform(60, 130));
  const height = Math.round(random.uniform(60, 130));
  const x = Math.round((index * size.width) / 2 + random.uniform(0.1, 0.9) * (size.width / 2 - width));
  const y = Math.round(random.uniform(0.1, 0.9) * (size.height - height));
  return { kind: 'rectangle', x, y, width, height, erase: false };
}

/** A smooth closed outline, 140 to 240 pixels across, higher than wide as people are. */
function outline({ width, height }: Size, random: Random): MaskShape {
  const radius = random.uniform(60, 90);
  const waves = Array.from({ length: 5 }, (_, i) => ({
    turns: i + 2,
    size: (random.normal() * 0.3) / (i + 2),
    phase: random.uniform(0, 2 * Math.PI),
  }));
  const center = { x: random.uniform(0.3, 0.7) * width, y: random.uniform(0.35, 0.65) * height };
  const points = Array.from({ length: 96 }, (_, i) => {
    const angle = (2 * Math.PI * i) / 96;
    const factor = waves.reduce((sum, wave) => sum + wave.size * Math.cos(wave.turns * angle + wave.phase), 1);
    const reach = radius * Math.max(0.3, factor);
    return { x: center.x + 0.8 * reach * Math.cos(angle), y: center.y + 1.25 * reach * Math.sin(angle) };
  });
  return { kind: 'lasso', points, erase: false };
}
