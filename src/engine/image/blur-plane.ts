/** Three box filters in a row: within a percent of a Gaussian of `sigmaPx`, whose box has a whole number of pixels; the edge is repeated. A new plane. */
export function blurPlane(
  plane: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  sigmaPx: number,
): Float32Array {
  const half = Math.round((Math.sqrt(4 * sigmaPx * sigmaPx + 1) - 1) / 2);
  if (half < 1) return plane.slice();
  let current = plane;
  for (let pass = 0; pass < 3; pass++) {
    current = boxRows(boxRows(current, width, height, half), height, width, half);
  }
  return current;
}

/** Means over 2·half + 1 samples of each of `rows` rows; the result is transposed, so that two calls filter both axes. */
function boxRows(plane: Float32Array, length: number, rows: number, half: number): Float32Array {
  const out = new Float32Array(plane.length);
  const last = length - 1;
  for (let y = 0; y < rows; y++) {
    const at = (x: number): number => plane[y * length + Math.min(last, Math.max(0, x))]!;
    let sum = 0;
    for (let x = -half; x <= half; x++) sum += at(x);
    for (let x = 0; x < length; x++) {
      out[x * rows + y] = sum / (2 * half + 1);
      sum += at(x + half + 1) - at(x - half);
    }
  }
  return out;
}
