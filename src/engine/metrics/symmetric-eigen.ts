/** Eigenvalues and, as rows, their unit eigenvectors. */
export interface Eigen {
  readonly values: Float64Array;
  readonly vectors: readonly Float64Array[];
}

/** Eigen-decomposition of a symmetric matrix (rows) by cyclic Jacobi rotations. */
export function symmetricEigen(matrix: readonly Float64Array[]): Eigen {
  const n = matrix.length;
  const a = matrix.map((row) => Float64Array.from(row));
  const vectors = a.map((_, i) => Float64Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    let all = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
      all += a[i]![j]! ** 2;
      if (i !== j) off += a[i]![j]! ** 2;
    }
    if (off <= 1e-30 * all) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, p, q);
  }
  return { values: Float64Array.from({ length: n }, (_, i) => a[i]![i]!), vectors };
}

function rotate(a: Float64Array[], vectors: Float64Array[], p: number, q: number): void {
  const apq = a[p]![q]!;
  if (apq === 0) return;
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (const row of a) {
    const [x, y] = [row[p]!, row[q]!];
    row[p] = c * x - s * y;
    row[q] = s * x + c * y;
  }
  for (const rows of [a, vectors]) {
    const [rowP, rowQ] = [rows[p]!, rows[q]!];
    for (let k = 0; k < rowP.length; k++) {
      const [x, y] = [rowP[k]!, rowQ[k]!];
      rowP[k] = c * x - s * y;
      rowQ[k] = s * x + c * y;
    }
  }
}

/** d' pinv(matrix) d for a symmetric matrix, treating eigenvalues below 1e-15 of the largest as zero. */
export function pseudoInverseForm(matrix: readonly Float64Array[], d: Float64Array): number {
  const { values, vectors } = symmetricEigen(matrix);
  const cut = 1e-15 * values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  return vectors.reduce((sum, vector, i) => {
    const value = values[i]!;
    if (Math.abs(value) <= cut) return sum;
    const along = vector.reduce((dot, v, k) => dot + v * d[k]!, 0);
    return sum + along ** 2 / value;
  }, 0);
}
