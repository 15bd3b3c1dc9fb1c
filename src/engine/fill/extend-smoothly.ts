/**
 * Fills what is unknown with the smoothest continuation of what is known, in place: the solution of Laplace's equation with the known
 * values on its border and no flow across the picture's edge. Where nothing is known, 0.
 *
 * Coarse to fine: the solution at half size starts the next one, and a few Gauss-Seidel sweeps per level finish it (cascadic multigrid,
 * Bornemann and Deuflhard 1996).
 *
 * @param values (height, width, channels), any range.
 * @param known 1 where a value is given, (height, width).
 */
export function extendSmoothly(
  values: Float32Array,
  known: Uint8Array,
  width: number,
  height: number,
  channels: number,
): void {
  if (!known.includes(0)) return;
  if (width > 2 || height > 2) {
    startFromHalf(values, known, width, height, channels);
    sweep(values, known, width, channels, 14);
    return;
  }
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < known.length; i++) {
      if (known[i] === 0) continue;
      sum += values[i * channels + c]!;
      count++;
    }
    for (let i = 0; i < known.length; i++)
      if (known[i] === 0) values[i * channels + c] = count === 0 ? 0 : sum / count;
  }
}

function startFromHalf(
  values: Float32Array,
  known: Uint8Array,
  width: number,
  height: number,
  channels: number,
): void {
  const halfWidth = Math.ceil(width / 2);
  const halfHeight = Math.ceil(height / 2);
  const half = new Float32Array(halfWidth * halfHeight * channels);
  const counts = new Uint8Array(halfWidth * halfHeight);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (known[i] === 0) continue;
      const to = (y >> 1) * halfWidth + (x >> 1);
      counts[to]!++;
      for (let c = 0; c < channels; c++) half[to * channels + c]! += values[i * channels + c]!;
    }
  }
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    if (count > 1) for (let c = 0; c < channels; c++) half[i * channels + c]! /= count;
    counts[i] = count > 0 ? 1 : 0;
  }
  extendSmoothly(half, counts, halfWidth, halfHeight, channels);
  for (let y = 0, i = 0; y < height; y++) {
    const from = bilinear(y, halfHeight);
    for (let x = 0; x < width; x++, i++) {
      if (known[i] !== 0) continue;
      const across = bilinear(x, halfWidth);
      for (let c = 0; c < channels; c++) {
        const at = (row: number, column: number): number => half[(row * halfWidth + column) * channels + c]!;
        const upper =
          at(from.low, across.low) * (1 - across.share) + at(from.low, across.high) * across.share;
        const lower =
          at(from.high, across.low) * (1 - across.share) + at(from.high, across.high) * across.share;
        values[i * channels + c] = upper * (1 - from.share) + lower * from.share;
      }
    }
  }
}

/** Where pixel `position` lies between the pixels of half size. */
function bilinear(position: number, count: number): { low: number; high: number; share: number } {
  const at = Math.max(0, (position - 0.5) / 2);
  const low = Math.min(count - 1, Math.floor(at));
  return { low, high: Math.min(count - 1, low + 1), share: at - low };
}

/** Over-relaxed sweeps over the unknown pixels, forwards and backwards in turn. */
function sweep(
  values: Float32Array,
  known: Uint8Array,
  width: number,
  channels: number,
  sweeps: number,
): void {
  const unknown: number[] = [];
  for (let i = 0; i < known.length; i++) if (known[i] === 0) unknown.push(i);
  const relaxation = 1.4;
  for (let turn = 0; turn < sweeps; turn++) {
    for (let k = 0; k < unknown.length; k++) {
      const i = unknown[turn % 2 === 0 ? k : unknown.length - 1 - k]!;
      const x = i % width;
      const hasRight = x < width - 1;
      const hasBelow = i + width < known.length;
      const count = Number(x > 0) + Number(hasRight) + Number(i >= width) + Number(hasBelow);
      for (let c = 0; c < channels; c++) {
        const at = i * channels + c;
        let sum = 0;
        if (x > 0) sum += values[at - channels]!;
        if (hasRight) sum += values[at + channels]!;
        if (i >= width) sum += values[at - width * channels]!;
        if (hasBelow) sum += values[at + width * channels]!;
        values[at]! += relaxation * (sum / count - values[at]!);
      }
    }
  }
}
