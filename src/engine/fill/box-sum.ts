/** Sums over windows of 2 reach + 1 pixels a side, separably, with running sums; what is outside of the picture adds nothing. */
export function boxSum(
  values: Float32Array,
  width: number,
  height: number,
  channels: number,
  reach: number,
): Float32Array {
  const across = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let c = 0; c < channels; c++) {
      const start = y * width * channels + c;
      let sum = 0;
      for (let x = 0; x < Math.min(reach, width); x++) sum += values[start + x * channels]!;
      for (let x = 0; x < width; x++) {
        if (x + reach < width) sum += values[start + (x + reach) * channels]!;
        if (x > reach) sum -= values[start + (x - reach - 1) * channels]!;
        across[start + x * channels] = sum;
      }
    }
  }
  // Down, all columns at once: row by row is how memory lies.
  const result = new Float32Array(values.length);
  const row = width * channels;
  const sums = new Float64Array(row);
  for (let y = -reach; y < height; y++) {
    const enters = y + reach < height ? (y + reach) * row : -1;
    const leaves = y > reach ? (y - reach - 1) * row : -1;
    for (let i = 0; i < row; i++) {
      let sum = sums[i]!;
      if (enters >= 0) sum += across[enters + i]!;
      if (leaves >= 0) sum -= across[leaves + i]!;
      sums[i] = sum;
      if (y >= 0) result[y * row + i] = sum;
    }
  }
  return result;
}
