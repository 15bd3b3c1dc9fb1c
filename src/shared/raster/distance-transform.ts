/**
 * Exact Euclidean distance of every pixel to the nearest one where `isSite` is not 0 (which gets 0), in pixels between centers; Infinity
 * everywhere when there is none. (width * height), row by row.
 *
 * Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions" (2012): lower envelopes of parabolas, linear in time.
 */
export function distanceTo(isSite: Uint8Array, width: number, height: number): Float32Array {
  const far = 1e12;
  const result = new Float32Array(width * height);
  const squared = new Float64Array(width * height);
  for (let i = 0; i < squared.length; i++) squared[i] = isSite[i] !== 0 ? 0 : far;
  const longest = Math.max(width, height);
  const line = new Float64Array(longest);
  const at = new Int32Array(longest);
  const from = new Float64Array(longest + 1);
  for (let x = 0; x < width; x++) envelope(squared, x, width, height, line, at, from);
  for (let y = 0; y < height; y++) envelope(squared, y * width, 1, width, line, at, from);
  for (let i = 0; i < result.length; i++)
    result[i] = squared[i]! >= far / 2 ? Infinity : Math.sqrt(squared[i]!);
  return result;
}

/** One row or column in place: the lower envelope of a parabola over each entry. */
function envelope(
  values: Float64Array,
  start: number,
  stride: number,
  count: number,
  line: Float64Array,
  at: Int32Array,
  from: Float64Array,
): void {
  for (let i = 0; i < count; i++) line[i] = values[start + i * stride]!;
  let last = 0;
  at[0] = 0;
  from[0] = -Infinity;
  from[1] = Infinity;
  for (let q = 1; q < count; q++) {
    const height = line[q]! + q * q;
    let cross = 0;
    for (;;) {
      const p = at[last]!;
      cross = (height - line[p]! - p * p) / (2 * (q - p));
      if (cross > from[last]!) break;
      last--;
    }
    last++;
    at[last] = q;
    from[last] = cross;
    from[last + 1] = Infinity;
  }
  for (let q = 0, k = 0; q < count; q++) {
    while (from[k + 1]! < q) k++;
    const p = at[k]!;
    values[start + q * stride] = (q - p) * (q - p) + line[p]!;
  }
}
