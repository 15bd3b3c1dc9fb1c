import type { TensorData } from './runtime.ts';

/** Pixels of one tile: interleaved float32. */
export interface Pixels {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

export type PadMode = 'reflect' | 'replicate' | 'zero' | 'symmetric' | 'flip';

/** Where sample `i` of a padded axis comes from, or -1 for zero. Too short for a reflection: the edge is repeated. */
export function paddedIndex(i: number, length: number, mode: PadMode): number {
  if (i < length) return i;
  const beyond = i - length;
  switch (mode) {
    case 'zero':
      return -1;
    case 'reflect':
      return beyond + 2 <= length ? length - 2 - beyond : length - 1;
    case 'symmetric':
    case 'flip':
      return beyond + 1 <= length ? length - 1 - beyond : length - 1;
    case 'replicate':
      return length - 1;
  }
}

/** Interleaved color pixels to a padded (n, c, h, w) tensor; `map` selects which channel feeds which plane; values are clamped to 0..1 and brought to `range`. */
export function toTensor(
  pixels: Pixels,
  planes: readonly (readonly number[])[],
  padded: { readonly width: number; readonly height: number; readonly mode: PadMode },
  range: readonly [number, number],
): TensorData {
  const perImage = planes[0]?.length ?? 0;
  const { width, height, mode } = padded;
  const data = new Float32Array(planes.length * perImage * width * height);
  const [low, high] = range;
  const columns = Int32Array.from({ length: width }, (_, x) => paddedIndex(x, pixels.width, mode));
  let target = 0;
  for (const plane of planes.flat()) {
    for (let y = 0; y < height; y++) {
      const sourceY = paddedIndex(y, pixels.height, mode);
      const row = sourceY * pixels.width;
      for (let x = 0; x < width; x++, target++) {
        const sourceX = columns[x] as number;
        if (sourceX < 0 || sourceY < 0) continue;
        const value = pixels.data[(row + sourceX) * pixels.channels + plane] as number;
        data[target] = low + (high - low) * (value < 0 ? 0 : value > 1 ? 1 : value);
      }
    }
  }
  return { data, dims: [planes.length, perImage, height, width] };
}

/**
 * The network's output back to interleaved pixels, cut to `width` × `height`, clamped to 0..1. `gather` lists, for each wanted channel, the (image, plane) pairs
 * whose mean it is.
 */
export function fromTensor(
  tensor: TensorData,
  size: { readonly width: number; readonly height: number },
  gather: readonly (readonly (readonly [image: number, plane: number])[])[],
  range: readonly [number, number],
): Pixels {
  const [, planes = 1, tensorHeight = 0, tensorWidth = 0] = tensor.dims;
  const { width, height } = size;
  const source = tensor.data as Float32Array;
  const channels = gather.length;
  const data = new Float32Array(width * height * channels);
  const [low, high] = range;
  const factor = 1 / (high - low);
  if (channels === 3 && gather.every((parts) => parts.length === 1)) {
    const bases = gather.map(([part]) => ((part?.[0] ?? 0) * planes + (part?.[1] ?? 0)) * tensorHeight * tensorWidth);
    interleaveRgb(source, bases as [number, number, number], tensorWidth, data, size, low, factor);
    return { data, width, height, channels };
  }
  gather.forEach((parts, channel) => {
    const share = factor / parts.length;
    for (const [image, plane] of parts) {
      const base = (image * planes + plane) * tensorHeight * tensorWidth;
      for (let y = 0; y < height; y++) {
        let target = y * width * channels + channel;
        let from = base + y * tensorWidth;
        for (let x = 0; x < width; x++, target += channels, from++) data[target] = (data[target] as number) + ((source[from] as number) - low) * share;
      }
    }
  });
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    data[i] = value < 0 ? 0 : value > 1 ? 1 : value;
  }
  return { data, width, height, channels };
}

/** Three planes to interleaved pixels in one pass, clamped to 0..1: the common case, and most of what the engine does beside the network. */
function interleaveRgb(
  source: Float32Array,
  [red, green, blue]: readonly [number, number, number],
  sourceWidth: number,
  target: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  low: number,
  factor: number,
): void {
  const clamp = (value: number): number => (value < 0 ? 0 : value > 1 ? 1 : value);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = y * sourceWidth;
    for (let x = row; x < row + width; x++, to += 3) {
      target[to] = clamp(((source[red + x] as number) - low) * factor);
      target[to + 1] = clamp(((source[green + x] as number) - low) * factor);
      target[to + 2] = clamp(((source[blue + x] as number) - low) * factor);
    }
  }
}

/** Whether a network left the range of numbers: a broken device or a model run in too little precision. */
export function hasNonFinite(tensor: TensorData): boolean {
  const data = tensor.data;
  if (!(data instanceof Float32Array)) return false;
  // A sum is finite only if every term is (up to cancellation of infinities, which gives NaN and is caught too).
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i] as number;
  return !Number.isFinite(sum);
}
