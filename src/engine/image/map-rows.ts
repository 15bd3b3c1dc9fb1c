import type { Context } from '../context.ts';
import { resultSampleType, type ImageStore } from './image-store.ts';
import type { ChannelCount, Image, SampleType } from './image.ts';

/** Samples of one strip: 16 MiB as float32. */
const samplesPerStrip = 4_194_304;

/** How many rows of `rowLength` samples make a strip of reasonable size. */
export function rowsPerStripOf(rowLength: number): number {
  return Math.max(1, Math.min(256, Math.floor(samplesPerStrip / rowLength)));
}

export interface MapRowsOptions {
  readonly store: ImageStore;
  /** Of the result; the input's unless given. */
  readonly channels?: ChannelCount;
  /** Of the result; `resultSampleType` unless given. */
  readonly sampleType?: SampleType;
  readonly rowsPerStrip?: number;
}

/** Gets the rows `y` to `y + height` (its own copy) and returns as many rows of the result; may return the same array. */
export type RowFunction = (
  rows: Float32Array,
  y: number,
  height: number,
) => Float32Array | Promise<Float32Array>;

/**
 * A new picture of the same size, made strip by strip from `image`.
 *
 * @throws CancelledError, and whatever `fn` throws; nothing is left behind then.
 */
export async function mapRows(
  image: Image,
  options: MapRowsOptions,
  fn: RowFunction,
  context: Context,
): Promise<Image> {
  return produceRows(
    image,
    options,
    async (y, height) => fn(await image.read({ x: 0, y, width: image.width, height }), y, height),
    context,
  );
}

/**
 * A new picture from two of the same size (channels may differ).
 *
 * @throws RangeError when the sizes differ; CancelledError, and whatever `fn` throws.
 */
export async function zipRows(
  a: Image,
  b: Image,
  options: MapRowsOptions,
  fn: (
    rowsA: Float32Array,
    rowsB: Float32Array,
    y: number,
    height: number,
  ) => Float32Array | Promise<Float32Array>,
  context: Context,
): Promise<Image> {
  if (a.width !== b.width || a.height !== b.height)
    throw new RangeError(
      `Pictures of ${a.width}×${a.height} and ${b.width}×${b.height} do not fit together.`,
    );
  const read = async (y: number, height: number) => {
    const rect = { x: 0, y, width: a.width, height };
    const [rowsA, rowsB] = await Promise.all([a.read(rect), b.read(rect)]);
    return fn(rowsA, rowsB, y, height);
  };
  const sampleType = options.sampleType ?? (b.sampleType === 'f32' ? 'f32' : undefined);
  return produceRows(a, sampleType === undefined ? options : { ...options, sampleType }, read, context);
}

async function produceRows(
  like: Image,
  options: MapRowsOptions,
  produce: (y: number, height: number) => Promise<Float32Array>,
  context: Context,
): Promise<Image> {
  const { store, channels = like.channels } = options;
  const { width, height } = like;
  const sampleType = options.sampleType ?? resultSampleType(store, like, like, channels);
  const rowsPerStrip = options.rowsPerStrip ?? rowsPerStripOf(width * Math.max(channels, like.channels));
  const writer = await store.create({ width, height, channels, sampleType });
  try {
    for (let y = 0; y < height; y += rowsPerStrip) {
      const count = Math.min(rowsPerStrip, height - y);
      await writer.append(await produce(y, count));
      context.report((y + count) / height);
    }
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Runs `fn` over all rows without making a picture. */
export async function eachRows(
  image: Image,
  fn: (rows: Float32Array, y: number, height: number) => void | Promise<void>,
  context: Context,
): Promise<void> {
  const rowsPerStrip = rowsPerStripOf(image.width * image.channels);
  for (let y = 0; y < image.height; y += rowsPerStrip) {
    const height = Math.min(rowsPerStrip, image.height - y);
    await fn(await image.read({ x: 0, y, width: image.width, height }), y, height);
    context.report((y + height) / image.height);
  }
}
