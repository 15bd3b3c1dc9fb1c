import { type PatchLevel, patchRadius, patchSide } from './patch-level.ts';

/** For the center of every patch that holds a pixel of the hole: the center of the known patch most like it. */
export interface PatchField {
  /** (height, width); -1 where no patch is sought. */
  readonly nearest: Int32Array;
  /** Mean squared difference times patch size; Infinity until measured. */
  readonly cost: Float32Array;
}

export function emptyField(level: PatchLevel): PatchField {
  const nearest = new Int32Array(level.width * level.height).fill(-1);
  return { nearest, cost: new Float32Array(nearest.length).fill(Infinity) };
}

/** A field of random sources. */
export function randomField(level: PatchLevel, random: () => number): PatchField {
  const field = emptyField(level);
  for (const target of level.targets) field.nearest[target] = anySource(level, random);
  return field;
}

function anySource({ sources }: PatchLevel, random: () => number): number {
  return sources[Math.floor(random() * sources.length)]!;
}

/** The field of a level half as large, carried over. */
export function doubledField(
  coarse: PatchLevel,
  field: PatchField,
  level: PatchLevel,
  random: () => number,
): PatchField {
  const result = emptyField(level);
  const clamp = (value: number, high: number): number => Math.min(high, Math.max(0, value));
  for (const target of level.targets) {
    const x = target % level.width;
    const y = (target - x) / level.width;
    const from = nearestTarget(
      coarse,
      field,
      clamp(x >> 1, coarse.width - 1),
      clamp(y >> 1, coarse.height - 1),
    );
    if (from < 0) {
      result.nearest[target] = anySource(level, random);
      continue;
    }
    const source = field.nearest[from]!;
    const dx = x - 2 * (from % coarse.width);
    const dy = y - 2 * Math.floor(from / coarse.width);
    const sx = 2 * (source % coarse.width) + dx;
    const sy = 2 * Math.floor(source / coarse.width) + dy;
    result.nearest[target] = nearSource(level, sx, sy, random);
  }
  return result;
}

/** The center at or beside a place that has a nearest patch, or -1. */
function nearestTarget({ width, height }: PatchLevel, { nearest }: PatchField, x: number, y: number): number {
  for (let reach = 0; reach <= 2; reach++) {
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        if (Math.max(Math.abs(dx), Math.abs(dy)) !== reach) continue;
        const [nx, ny] = [x + dx, y + dy];
        if (nx < 0 || ny < 0 || nx >= width || ny >= height) continue;
        if (nearest[ny * width + nx]! >= 0) return ny * width + nx;
      }
    }
  }
  return -1;
}

function nearSource(level: PatchLevel, x: number, y: number, random: () => number): number {
  const { width, height, isSource } = level;
  for (let reach = 0; reach <= 3; reach++) {
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        const [nx, ny] = [x + dx, y + dy];
        if (nx < 0 || ny < 0 || nx >= width || ny >= height) continue;
        if (isSource[ny * width + nx] !== 0) return ny * width + nx;
      }
    }
  }
  return anySource(level, random);
}

/** Sum of squared differences of the patches centered at `a` and `b`; stops adding once `limit` is reached. */
export function patchDistance(
  { data, width, channels }: PatchLevel,
  a: number,
  b: number,
  limit: number,
): number {
  const span = patchSide * channels;
  const rowLength = width * channels;
  const corner = patchRadius * (width + 1);
  let i = (a - corner) * channels;
  let j = (b - corner) * channels;
  let sum = 0;
  let odd = 0;
  for (let row = 0; row < patchSide; row++) {
    let k = 0;
    for (; k < span - 1; k += 2) {
      const one = data[i + k]! - data[j + k]!;
      const other = data[i + k + 1]! - data[j + k + 1]!;
      sum += one * one;
      odd += other * other;
    }
    if (k < span) sum += (data[i + k]! - data[j + k]!) ** 2;
    if (sum + odd >= limit) return sum + odd;
    i += rowLength;
    j += rowLength;
  }
  return sum + odd;
}

/** Measures every patch of the field anew, after the pixels changed. */
export function measureField(level: PatchLevel, { nearest, cost }: PatchField): void {
  for (const target of level.targets) cost[target] = patchDistance(level, target, nearest[target]!, Infinity);
}

/**
 * Improves the field: forwards and backwards in turn, each patch tries where its neighbors' sources point and random places around its
 * own, closer and closer (Barnes, Shechtman, Finkelstein and Goldman, "PatchMatch", 2009).
 *
 * @param searchPx how far the first random place may be.
 */
export function searchField(
  level: PatchLevel,
  field: PatchField,
  turns: number,
  searchPx: number,
  random: () => number,
): void {
  const { width, targets } = level;
  for (let turn = 0; turn < turns; turn++) {
    const isForward = turn % 2 === 0;
    const back = isForward ? -1 : 1;
    for (let k = 0; k < targets.length; k++) {
      const target = targets[isForward ? k : targets.length - 1 - k]!;
      tryNeighbor(level, field, target, back);
      tryNeighbor(level, field, target, back * width);
      trySurroundings(level, field, target, searchPx, random);
    }
  }
}

function tryNeighbor(level: PatchLevel, { nearest, cost }: PatchField, target: number, step: number): void {
  const neighbor = nearest[target + step];
  if (neighbor === undefined || neighbor < 0) return;
  const candidate = neighbor - step;
  // A source's row is never at the picture's edge, so that this cannot wrap around.
  if (level.isSource[candidate] !== 1 || candidate === nearest[target]) return;
  const distance = patchDistance(level, target, candidate, cost[target]!);
  if (distance >= cost[target]!) return;
  nearest[target] = candidate;
  cost[target] = distance;
}

function trySurroundings(
  level: PatchLevel,
  { nearest, cost }: PatchField,
  target: number,
  searchPx: number,
  random: () => number,
): void {
  const { width, height, isSource } = level;
  for (let reach = searchPx; reach >= 1; reach /= 2) {
    const best = nearest[target]!;
    const bestX = best % width;
    const bestY = (best - bestX) / width;
    const x = Math.round(bestX + (2 * random() - 1) * reach);
    const y = Math.round(bestY + (2 * random() - 1) * reach);
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    const candidate = y * width + x;
    if (isSource[candidate] !== 1 || candidate === best) continue;
    const distance = patchDistance(level, target, candidate, cost[target]!);
    if (distance >= cost[target]!) continue;
    nearest[target] = candidate;
    cost[target] = distance;
  }
}
