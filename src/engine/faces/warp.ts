import type { Pixels } from '../models/tile-tensors.ts';
import type { Rect } from '../image/image.ts';
import type { Affine } from './affine.ts';

const radius = 3;
const taps = 2 * radius;
/** Weights for 1/256 of a pixel: finer than any 16-bit step matters for. */
const phases = 256;
const table = lanczosTable();

function lanczosTable(): Float32Array {
  const weights = new Float32Array((phases + 1) * taps);
  for (let phase = 0; phase <= phases; phase++) {
    let sum = 0;
    const row = Array.from({ length: taps }, (_, tap) => {
      const x = Math.PI * (tap - radius + 1 - phase / phases);
      const weight =
        Math.abs(x) < 1e-9
          ? 1
          : Math.abs(x) >= Math.PI * radius
            ? 0
            : (radius * Math.sin(x) * Math.sin(x / radius)) / (x * x);
      sum += weight;
      return weight;
    });
    row.forEach((weight, tap) => (weights[phase * taps + tap] = weight / sum));
  }
  return weights;
}

/** What lies beyond the edge of the source: its mirror image, or nothing. */
export type Beyond = 'mirror' | 'zero';

/**
 * Samples `source` at map(pixel center) for every pixel of `target` (given in the coordinates that `map` takes) with a Lanczos kernel of three lobes.
 *
 * The kernel is not stretched: a source that is to shrink by more than a little must be shrunk first. Any number of channels, no clamping.
 */
export function warpPixels(source: Pixels, map: Affine, target: Rect, beyond: Beyond): Float32Array {
  const { channels } = source;
  const out = new Float32Array(target.width * target.height * channels);
  const columns = new Int32Array(taps);
  const rows = new Int32Array(taps);
  for (let y = 0, at = 0; y < target.height; y++) {
    for (let x = 0; x < target.width; x++, at += channels) {
      const [px, py] = [target.x + x + 0.5, target.y + y + 0.5];
      const sourceX = map.xx * px + map.xy * py + map.tx - 0.5;
      const sourceY = map.yx * px + map.yy * py + map.ty - 0.5;
      const phaseX = place(sourceX, source.width, beyond, columns);
      const phaseY = place(sourceY, source.height, beyond, rows);
      if (phaseX < 0 || phaseY < 0) continue;
      for (let j = 0; j < taps; j++) {
        const down = table[phaseY * taps + j]!;
        if (down === 0 || rows[j]! < 0) continue;
        const row = rows[j]! * source.width;
        for (let i = 0; i < taps; i++) {
          const weight = down * table[phaseX * taps + i]!;
          if (weight === 0 || columns[i]! < 0) continue;
          const from = (row + columns[i]!) * channels;
          for (let c = 0; c < channels; c++) out[at + c]! += weight * source.data[from + c]!;
        }
      }
    }
  }
  return out;
}

/** The indices of the taps around a position, and its phase; −1 when all of them are beyond the edge and count as nothing. */
function place(position: number, length: number, beyond: Beyond, indices: Int32Array): number {
  const whole = Math.floor(position);
  if (beyond === 'zero' && (whole < -radius || whole >= length + radius)) return -1;
  for (let tap = 0; tap < taps; tap++) {
    const index = whole - radius + 1 + tap;
    const inside = index >= 0 && index < length;
    indices[tap] = inside ? index : beyond === 'zero' ? -1 : mirror(index, length);
  }
  return Math.round((position - whole) * phases);
}

/** Mirrors an index at the edges, repeating the edge sample. */
function mirror(index: number, length: number): number {
  const period = 2 * length;
  const folded = ((index % period) + period) % period;
  return folded < length ? folded : period - 1 - folded;
}

/** Bilinear value of a square plane at a continuous position; 0 outside. */
export function samplePlane(plane: Float32Array, sizePx: number, x: number, y: number): number {
  const [px, py] = [x - 0.5, y - 0.5];
  const [column, row] = [Math.floor(px), Math.floor(py)];
  if (column < -1 || row < -1 || column >= sizePx || row >= sizePx) return 0;
  const [fx, fy] = [px - column, py - row];
  const at = (i: number, j: number): number =>
    i < 0 || j < 0 || i >= sizePx || j >= sizePx ? 0 : plane[j * sizePx + i]!;
  const top = at(column, row) * (1 - fx) + at(column + 1, row) * fx;
  const bottom = at(column, row + 1) * (1 - fx) + at(column + 1, row + 1) * fx;
  return top * (1 - fy) + bottom * fy;
}
