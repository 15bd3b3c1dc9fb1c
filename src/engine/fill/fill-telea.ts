import { distanceTo } from '../../shared/raster/distance-transform.ts';
import type { HoleImage } from './patch-level.ts';

/** Known pixels up to this far away decide a pixel. */
const reachPx = 4;

/**
 * Fills a thin hole from its rim inwards: each pixel is the mean of what is known around it, continued along its slope, near ones and
 * those in the direction of the march counting more. Telea, "An Image Inpainting Technique Based on the Fast Marching Method" (2004).
 *
 * @returns the picture with the hole filled, (height, width, channels); what no known pixel reaches stays as it is.
 */
export function fillTelea(image: HoleImage): Float32Array {
  const { width, height, channels, hole } = image;
  const pixels = image.pixels.slice();
  const time = new Float32Array(hole.length);
  const state = hole.slice();
  const band = createBand(time);
  // Before the march, time is the negative distance to the hole, so that its slope is known on both sides of the rim.
  const away = distanceTo(hole, width, height);
  for (let i = 0; i < hole.length; i++) {
    if (hole[i] === 0) {
      time[i] = 1 - Math.min(away[i]!, 1e4);
      if (away[i]! < 1.01) band.push(i);
    } else {
      time[i] = 1e6;
    }
  }
  const neighbors = [-1, 1, -width, width];
  for (let at = band.pop(); at >= 0; at = band.pop()) {
    for (const step of neighbors) {
      const next = at + step;
      if (next < 0 || next >= hole.length || state[next] === 0) continue;
      if (Math.abs(step) === 1 && Math.floor(next / width) !== Math.floor(at / width)) continue;
      time[next] = arrival(time, state, next, width, height);
      estimate(pixels, state, time, next, width, height, channels);
      state[next] = 0;
      band.push(next);
    }
  }
  return pixels;
}

/** When the front arrives at a pixel: the smallest solution of |grad T| = 1 over its four quadrants. */
function arrival(time: Float32Array, state: Uint8Array, at: number, width: number, height: number): number {
  const x = at % width;
  const y = (at - x) / width;
  const of = (inside: boolean, index: number): number =>
    inside && state[index] === 0 ? time[index]! : Infinity;
  const across = Math.min(of(x > 0, at - 1), of(x < width - 1, at + 1));
  const down = Math.min(of(y > 0, at - width), of(y < height - 1, at + width));
  const first = Math.min(across, down);
  const difference = Math.abs(across - down);
  if (!(difference < 1)) return first + 1;
  return (across + down + Math.sqrt(2 - difference * difference)) / 2;
}

function estimate(
  pixels: Float32Array,
  state: Uint8Array,
  time: Float32Array,
  at: number,
  width: number,
  height: number,
  channels: number,
): void {
  const x = at % width;
  const y = (at - x) / width;
  const slopeX = slope(time, state, at, 1, x > 0, x < width - 1, 1, 0);
  const slopeY = slope(time, state, at, width, y > 0, y < height - 1, 1, 0);
  const sums = new Float64Array(channels);
  const lows = new Float64Array(channels).fill(Infinity);
  const highs = new Float64Array(channels).fill(-Infinity);
  let total = 0;
  for (let dy = -reachPx; dy <= reachPx; dy++) {
    const qy = y + dy;
    if (qy < 0 || qy >= height) continue;
    for (let dx = -reachPx; dx <= reachPx; dx++) {
      const qx = x + dx;
      const lengthSquared = dx * dx + dy * dy;
      if (qx < 0 || qx >= width || lengthSquared === 0 || lengthSquared > reachPx * reachPx) continue;
      const q = qy * width + qx;
      if (state[q] !== 0) continue;
      const length = Math.sqrt(lengthSquared);
      const along = Math.max(1e-3, Math.abs(dx * slopeX + dy * slopeY) / length);
      const weight = along / lengthSquared / (1 + Math.abs(time[q]! - time[at]!));
      total += weight;
      for (let c = 0; c < channels; c++) {
        const value = pixels[q * channels + c]!;
        const gx = slope(pixels, state, q, 1, qx > 0, qx < width - 1, channels, c);
        const gy = slope(pixels, state, q, width, qy > 0, qy < height - 1, channels, c);
        sums[c]! += weight * (value - gx * dx - gy * dy);
        if (value < lows[c]!) lows[c] = value;
        if (value > highs[c]!) highs[c] = value;
      }
    }
  }
  if (total === 0) return;
  // A slope continued beyond what is there would ring.
  for (let c = 0; c < channels; c++)
    pixels[at * channels + c] = Math.min(highs[c]!, Math.max(lows[c]!, sums[c]! / total));
}

/** Slope along one axis from the known neighbors and the pixel itself, whose value is known; 0 without any. */
function slope(
  values: Float32Array,
  state: Uint8Array,
  at: number,
  step: number,
  hasBefore: boolean,
  hasAfter: boolean,
  channels: number,
  channel: number,
): number {
  const before = hasBefore && state[at - step] === 0;
  const after = hasAfter && state[at + step] === 0;
  const here = values[at * channels + channel]!;
  if (before && after)
    return (values[(at + step) * channels + channel]! - values[(at - step) * channels + channel]!) / 2;
  if (after) return values[(at + step) * channels + channel]! - here;
  if (before) return here - values[(at - step) * channels + channel]!;
  return 0;
}

interface Band {
  push(index: number): void;
  /** The pixel with the smallest time, or -1. */
  pop(): number;
}

/** A binary heap of pixels by time; their times do not change while they are in it. */
function createBand(time: Float32Array): Band {
  const heap: number[] = [];
  const swap = (a: number, b: number): void => {
    const kept = heap[a]!;
    heap[a] = heap[b]!;
    heap[b] = kept;
  };
  return {
    push(index) {
      let at = heap.push(index) - 1;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (time[heap[parent]!]! <= time[heap[at]!]!) break;
        swap(at, parent);
        at = parent;
      }
    },
    pop() {
      if (heap.length === 0) return -1;
      const top = heap[0]!;
      const last = heap.pop()!;
      if (heap.length === 0) return top;
      heap[0] = last;
      for (let at = 0; ;) {
        const left = 2 * at + 1;
        if (left >= heap.length) return top;
        const right = left + 1;
        const child = right < heap.length && time[heap[right]!]! < time[heap[left]!]! ? right : left;
        if (time[heap[at]!]! <= time[heap[child]!]!) return top;
        swap(at, child);
        at = child;
      }
    },
  };
}
