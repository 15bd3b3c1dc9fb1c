/** Discrete Fourier transforms of one length, in place. */
export interface Fourier {
  readonly length: number;
  /** X[k] = Σ x[n] e^(−2πi kn/N) on `length` complex numbers from `start` on. */
  forward(real: Float64Array, imaginary: Float64Array, start?: number): void;
  /** Square planes of `length` × `length`, row by row. */
  forwardPlane(real: Float64Array, imaginary: Float64Array): void;
  /** The inverse, divided by length². */
  inversePlane(real: Float64Array, imaginary: Float64Array): void;
}

/**
 * Radix-2 transforms (Cooley and Tukey 1965), iterative, with tables for one length.
 *
 * @param length a power of two.
 */
export function createFourier(length: number): Fourier {
  if (length < 1 || (length & (length - 1)) !== 0)
    throw new RangeError(`A transform of ${length} numbers is not a power of two.`);
  const half = length / 2;
  const cosines = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / length));
  const sines = Float64Array.from({ length: half }, (_, k) => Math.sin((2 * Math.PI * k) / length));
  const reversed = new Int32Array(length);
  for (let i = 1; i < length; i++) reversed[i] = (reversed[i >> 1]! >> 1) | (i & 1 ? half : 0);

  const forward = (re: Float64Array, im: Float64Array, start = 0): void => {
    for (let i = 0; i < length; i++) {
      const j = reversed[i]!;
      if (j <= i) continue;
      const a = start + i;
      const b = start + j;
      const keptRe = re[a]!;
      const keptIm = im[a]!;
      re[a] = re[b]!;
      im[a] = im[b]!;
      re[b] = keptRe;
      im[b] = keptIm;
    }
    for (let size = 2; size <= length; size *= 2) {
      const reach = size / 2;
      const step = length / size;
      for (let from = 0; from < length; from += size) {
        for (let k = 0; k < reach; k++) {
          const cosine = cosines[k * step]!;
          const sine = sines[k * step]!;
          const upper = start + from + k;
          const lower = upper + reach;
          const turnedRe = cosine * re[lower]! + sine * im[lower]!;
          const turnedIm = cosine * im[lower]! - sine * re[lower]!;
          re[lower] = re[upper]! - turnedRe;
          im[lower] = im[upper]! - turnedIm;
          re[upper]! += turnedRe;
          im[upper]! += turnedIm;
        }
      }
    }
  };

  const forwardPlane = (re: Float64Array, im: Float64Array): void => {
    // Columns are turned into rows, as numbers that lie far apart are slow to reach.
    for (let pass = 0; pass < 2; pass++) {
      for (let y = 0; y < length; y++) forward(re, im, y * length);
      transpose(re, length);
      transpose(im, length);
    }
  };

  return {
    length,
    forward,
    forwardPlane,
    inversePlane: (re, im) => {
      // With real and imaginary parts swapped the forward transform is the inverse one.
      forwardPlane(im, re);
      const scale = 1 / (length * length);
      for (let i = 0; i < re.length; i++) {
        re[i]! *= scale;
        im[i]! *= scale;
      }
    },
  };
}

/** In place, in squares that fit the cache. */
function transpose(plane: Float64Array, length: number): void {
  const square = 16;
  for (let top = 0; top < length; top += square) {
    for (let left = top; left < length; left += square) {
      for (let y = top; y < Math.min(length, top + square); y++) {
        for (let x = left === top ? y + 1 : left; x < Math.min(length, left + square); x++) {
          const kept = plane[y * length + x]!;
          plane[y * length + x] = plane[x * length + y]!;
          plane[x * length + y] = kept;
        }
      }
    }
  }
}
