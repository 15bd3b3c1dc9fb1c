import { decodeNumbers, dtypeBytes } from './dtype.ts';
import type { TensorValue } from './pickle-value.ts';
import { elementCount } from './weights.ts';

/** Bytes of a storage, by byte range within it. */
export type StorageBytes = (key: string, offset: number, length: number) => Uint8Array;

/** The numbers of a tensor in row-major order, reading only the part of the storage that it spans. */
export function readTensor(tensor: TensorValue, littleEndian: boolean, storageBytes: StorageBytes): Float32Array {
  const { shape, strides, storage } = tensor;
  const count = elementCount(shape);
  if (count === 0) return new Float32Array(0);
  const spanned = shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] ?? 0), 1);
  const size = dtypeBytes[storage.dtype];
  const bytes = storageBytes(storage.key, (storage.start + tensor.offset) * size, spanned * size);
  const numbers = decodeNumbers(bytes, storage.dtype, littleEndian);
  return isRowMajor(shape, strides) ? numbers : gather(numbers, shape, strides, count);
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    if (size !== 1 && strides[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

function gather(source: Float32Array, shape: readonly number[], strides: readonly number[], count: number): Float32Array {
  const result = new Float32Array(count);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    result[to] = source[from] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] ?? 1;
      const stride = strides[axis] ?? 0;
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next < size ? next : 0;
      from += next < size ? stride : -stride * (size - 1);
      if (next < size) break;
    }
  }
  return result;
}
