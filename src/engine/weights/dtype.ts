import type { Dtype } from './weights.ts';

/** Bytes of one stored element. */
export const dtypeBytes: Readonly<Record<Dtype, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
};

/**
 * Stored elements as float32; integers and doubles are rounded to the nearest float32.
 *
 * The result may share memory with `bytes`.
 */
export function decodeNumbers(bytes: Uint8Array, dtype: Dtype, littleEndian = true): Float32Array {
  const size = dtypeBytes[dtype];
  const count = Math.floor(bytes.length / size);
  const aligned = aligning(bytes, size, littleEndian);
  const at = aligned.byteOffset;
  const buffer = aligned.buffer;
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer, at, count);
    case 'f64':
      return Float32Array.from(new Float64Array(buffer, at, count));
    case 'f16':
      return widen(new Uint16Array(buffer, at, count), halfToFloatBits);
    case 'bf16':
      return widen(new Uint16Array(buffer, at, count), (bits) => bits << 16);
    case 'i64':
      return Float32Array.from(new BigInt64Array(buffer, at, count), Number);
    case 'i32':
      return Float32Array.from(new Int32Array(buffer, at, count));
    case 'i16':
      return Float32Array.from(new Int16Array(buffer, at, count));
    case 'i8':
      return Float32Array.from(new Int8Array(buffer, at, count));
    case 'u8':
      return Float32Array.from(aligned);
    case 'bool':
      return Float32Array.from(aligned, (byte) => (byte === 0 ? 0 : 1));
  }
}

/** float32 to IEEE 754 binary16 bits, rounding to nearest even; what is too large becomes infinite. */
export function encodeHalf(numbers: Float32Array): Uint16Array {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  return Uint16Array.from(bits, floatBitsToHalf);
}

/** Bytes in host order at an address the typed array accepts; copies only when it must. Hosts are little-endian. */
function aligning(bytes: Uint8Array, size: number, littleEndian: boolean): Uint8Array {
  if (size === 1 || (littleEndian && bytes.byteOffset % size === 0)) return bytes;
  const copy = Uint8Array.from(bytes);
  if (littleEndian) return copy;
  for (let start = 0; start + size <= copy.length; start += size) copy.subarray(start, start + size).reverse();
  return copy;
}

function widen(source: Uint16Array, toFloatBits: (bits: number) => number): Float32Array {
  const result = new Float32Array(source.length);
  const bits = new Uint32Array(result.buffer);
  for (let i = 0; i < source.length; i++) bits[i] = toFloatBits(source[i] ?? 0);
  return result;
}

function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  let fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  let shift = 0;
  while ((fraction & 0x400) === 0) {
    fraction <<= 1;
    shift++;
  }
  return sign | ((113 - shift) << 23) | ((fraction & 0x3ff) << 13);
}

function floatBitsToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x33000001) return sign;
  // Below 2^-14 the half is subnormal: the implicit bit becomes explicit and the shift grows.
  const exponent = magnitude >>> 23;
  const subnormal = exponent < 113;
  const fraction = subnormal ? (magnitude & 0x7fffff) | 0x800000 : magnitude - 0x38000000;
  const shift = subnormal ? 126 - exponent : 13;
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const halfway = 1 << (shift - 1);
  const roundUp = rest > halfway || (rest === halfway && (kept & 1) === 1);
  return sign | (kept + (roundUp ? 1 : 0));
}
