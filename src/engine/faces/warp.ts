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
 *
 * @param where (target.height, target.width): pixels at which it is 0 are not sampled and stay 0.
 */
export function warpPixels(
  source: Pixels,
  map: Affine,
  target: Rect,
  beyond: Beyond,
  where?: Float32Array,
): Float32Array {
  const { channels } = source;
  const out = new Float32Array(target.width * target.height * channels);
  const columns = new Int32Array(taps);
  const rows = new Int32Array(taps);
  const sample = channels === 3 ? sampleRgb : sampleAny;
  for (let y = 0, i = 0; y < target.height; y++) {
    for (let x = 0; x < target.width; x++, i++) {
      if (where?.[i] === 0) continue;
      const [px, py] = [target.x + x + 0.5, target.y + y + 0.5];
      const sourceX = map.xx * px + map.xy * py + map.tx - 0.5;
      const sourceY = map.yx * px + map.yy * py + map.ty - 0.5;
      const phaseX = place(sourceX, source.width, beyond, columns);
      const phaseY = place(sourceY, source.height, beyond, rows);
      if (phaseX >= 0 && phaseY >= 0) sample(source, columns, rows, phaseX * taps, phaseY * taps, out, i);
    }
  }
  return out;
}

type Sample = (
  source: Pixels,
  columns: Int32Array,
  rows: Int32Array,
  atX: number,
  atY: number,
  out: Float32Array,
  pixel: number,
) => void;

const sampleRgb: Sample = ({ data, width }, columns, rows, atX, atY, out, pixel) => {
  let [r, g, b] = [0, 0, 0];
  for (let j = 0; j < taps; j++) {
    const down = table[atY + j]!;
    if (down === 0 || rows[j]! < 0) continue;
    const row = rows[j]! * width;
    for (let i = 0; i < taps; i++) {
      if (columns[i]! < 0) continue;
      const weight = down * table[atX + i]!;
      const from = 3 * (row + columns[i]!);
      r += weight * data[from]!;
      g += weight * data[from + 1]!;
      b += weight * data[from + 2]!;
    }
  }
  out[3 * pixel] = r;
  out[3 * pixel + 1] = g;
  out[3 * pixel + 2] = b;
};

const sampleAny: Sample = ({ data, width, channels }, columns, rows, atX, atY, out, pixel) => {
  for (let j = 0; j < taps; j++) {
    const down = table[atY + j]!;
    if (down === 0 || rows[j]! < 0) continue;
    for (let i = 0; i < taps; i++) {
      if (columns[i]! < 0) continue;
      const weight = down * table[atX + i]!;
      const from = (rows[j]! * width + columns[i]!) * channels;
      for (let c = 0; c < channels; c++) out[pixel * channels + c]! += weight * data[from + c]!;
    }
  }
};

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
