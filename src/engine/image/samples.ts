import type { SampleType } from './image.ts';

export type Samples = Uint8Array | Uint16Array | Float32Array;

export function bytesPerSample(type: SampleType): 1 | 2 | 4 {
  return type === 'u8' ? 1 : type === 'u16' ? 2 : 4;
}

export function newSamples(type: SampleType, length: number): Samples {
  return type === 'u8'
    ? new Uint8Array(length)
    : type === 'u16'
      ? new Uint16Array(length)
      : new Float32Array(length);
}

/** A view of `bytes` as samples, copied only if not aligned. */
export function samplesOf(type: SampleType, bytes: Uint8Array): Samples {
  if (type === 'u8') return bytes;
  const size = bytesPerSample(type);
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const length = Math.floor(aligned.byteLength / size);
  return type === 'u16'
    ? new Uint16Array(aligned.buffer, aligned.byteOffset, length)
    : new Float32Array(aligned.buffer, aligned.byteOffset, length);
}

export function bytesOf(samples: Samples): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}

const floatOfByte = Float32Array.from({ length: 256 }, (_, value) => value / 255);

/** Stored samples `from..from+count` as floats, written to `target` at `at`. */
export function toFloats(
  source: Samples,
  from: number,
  count: number,
  target: Float32Array,
  at: number,
): void {
  if (source instanceof Float32Array) {
    target.set(source.subarray(from, from + count), at);
  } else if (source instanceof Uint8Array) {
    for (let i = 0; i < count; i++) target[at + i] = floatOfByte[source[from + i]!]!;
  } else {
    for (let i = 0; i < count; i++) target[at + i] = source[from + i]! / 65535;
  }
}

/** Floats as stored samples: rounded and clamped for u8 and u16 (NaN becomes 0), as they are for f32. */
export function fromFloats(source: Float32Array, target: Samples, at: number): void {
  if (target instanceof Float32Array) {
    target.set(source, at);
    return;
  }
  const scale = target instanceof Uint8Array ? 255 : 65535;
  for (let i = 0; i < source.length; i++) {
    const value = source[i]! * scale + 0.5;
    target[at + i] = value > 0 ? (value < scale ? value : scale) : 0;
  }
}
