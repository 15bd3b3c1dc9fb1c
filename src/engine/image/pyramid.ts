import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ImageStore } from './image-store.ts';
import { hasAlpha, type ChannelCount, type Image, type Rect } from './image.ts';
import { rowsPerStripOf } from './map-rows.ts';
import { premultiply, resampleArray, unpremultiply, type FloatPixels } from './resample.ts';
import { bytesOf, fromFloats } from './samples.ts';
import { sharp } from './sharp.ts';

export interface EncodedPixels {
  readonly bytes: Uint8Array;
  readonly mime: 'image/png' | 'image/jpeg';
}

/** A picture as a viewer wants it: square tiles at full size and at every half, as sRGB in 8 bits. */
export interface Pyramid {
  readonly tilePx: number;
  /** Level 0 is full size; every further level is half as wide and high (rounded up), until one tile holds it. */
  readonly levels: number;
  /**
   * The tile, smaller at the right and bottom edges: lossless PNG at level 0, else JPEG (PNG with alpha).
   *
   * @throws RangeError for a tile that does not exist.
   */
  tile(level: number, column: number, row: number): Promise<EncodedPixels>;
  /** The whole picture, no side longer than `maxPx`, never enlarged. */
  thumbnail(maxPx: number): Promise<EncodedPixels>;
  /** Frees the reduced levels, not the picture itself. */
  dispose(): Promise<void>;
}

export const pyramidTilePx = 512;
/** Up to this level a tile is quickly reduced from full size (4 megapixels), without waiting for the levels. */
const directLevel = 2;

/** How many levels a picture of this size has. */
export function pyramidLevels(size: { readonly width: number; readonly height: number }): number {
  return 1 + Math.max(0, Math.ceil(Math.log2(Math.max(size.width, size.height) / pyramidTilePx)));
}

/** Makes nothing at once: the reduced levels are built in one pass over the picture when first asked for. */
export function createPyramid(image: Image, store: ImageStore): Pyramid {
  const levels = pyramidLevels(image);
  let disposed = false;
  let reduced: readonly Image[] | undefined;
  let building: Promise<readonly Image[]> | undefined;

  const build = (): Promise<readonly Image[]> =>
    (building ??= buildLevels(image, levels - 1, store, () => disposed).then((built) => (reduced = built)));

  const pixelsOf = async (level: number, rect: Rect): Promise<FloatPixels> => {
    const { channels } = image;
    if (level === 0)
      return { width: rect.width, height: rect.height, channels, pixels: await image.read(rect) };
    if (reduced === undefined && level <= directLevel) {
      const pixels = await readReduced(image, rect, level);
      // For the tiles to come; whoever waits for the levels hears of a failure.
      build().catch(() => {});
      return pixels;
    }
    const source = (await build())[level - 1]!;
    return { width: rect.width, height: rect.height, channels, pixels: await source.read(rect) };
  };

  return {
    tilePx: pyramidTilePx,
    levels,
    async tile(level, column, row) {
      const size = levelSize(image, level);
      const [x, y] = [column * pyramidTilePx, row * pyramidTilePx];
      const exists =
        [level, column, row].every((value) => Number.isInteger(value) && value >= 0) &&
        level < levels &&
        x < size.width &&
        y < size.height;
      if (!exists) throw new RangeError(`There is no tile ${level}/${column}/${row}.`);
      const rect = {
        x,
        y,
        width: Math.min(pyramidTilePx, size.width - x),
        height: Math.min(pyramidTilePx, size.height - y),
      };
      return encodePixels(await pixelsOf(level, rect), level === 0 ? 'png' : 'jpeg');
    },
    async thumbnail(maxPx) {
      const scale = Math.min(1, maxPx / Math.max(image.width, image.height));
      const width = Math.max(1, Math.round(image.width * scale));
      const height = Math.max(1, Math.round(image.height * scale));
      const level =
        reduced === undefined
          ? -1
          : reduced.findLastIndex((candidate) => candidate.width >= width && candidate.height >= height);
      const source = level === -1 ? image : reduced![level]!;
      return encodePixels(await overview(source, width, height), 'jpeg');
    },
    async dispose() {
      disposed = true;
      const built = await building?.catch(() => []);
      await Promise.all((built ?? []).map((level) => level.dispose()));
    },
  };
}

function levelSize(image: Image, level: number): { width: number; height: number } {
  return { width: Math.ceil(image.width / 2 ** level), height: Math.ceil(image.height / 2 ** level) };
}

/** Halves rows by 2×2 averages, one row in, half a row out; odd last columns and rows average what there is. */
class Halver {
  readonly width: number;
  readonly #inputWidth: number;
  readonly #channels: ChannelCount;
  #pending: Float32Array | undefined;

  constructor(inputWidth: number, channels: ChannelCount) {
    this.#inputWidth = inputWidth;
    this.#channels = channels;
    this.width = Math.ceil(inputWidth / 2);
  }

  /** Takes whole rows and gives the halved rows that are complete; `isEnd` completes an odd last row. */
  halve(rows: Float32Array, isEnd: boolean): Float32Array {
    const rowLength = this.#inputWidth * this.#channels;
    const all = this.#pending === undefined ? rows : joined(this.#pending, rows);
    const count = all.length / rowLength;
    const pairs = isEnd ? Math.ceil(count / 2) : Math.floor(count / 2);
    this.#pending = !isEnd && count % 2 === 1 ? all.slice((count - 1) * rowLength) : undefined;
    const result = new Float32Array(pairs * this.width * this.#channels);
    for (let pair = 0; pair < pairs; pair++) {
      const upper = pair * 2 * rowLength;
      const lower = pair * 2 + 1 < count ? upper + rowLength : upper;
      this.#halvePair(all, upper, lower, result, pair * this.width * this.#channels);
    }
    return result;
  }

  #halvePair(source: Float32Array, upper: number, lower: number, target: Float32Array, at: number): void {
    const channels = this.#channels;
    const whole = Math.floor(this.#inputWidth / 2);
    let [to, from] = [at, 0];
    for (let x = 0; x < whole; x++, from += 2 * channels) {
      for (let c = 0; c < channels; c++) {
        const i = from + c;
        target[to++] =
          (source[upper + i]! +
            source[upper + i + channels]! +
            source[lower + i]! +
            source[lower + i + channels]!) *
          0.25;
      }
    }
    if (whole < this.width)
      for (let c = 0; c < channels; c++)
        target[to++] = (source[upper + from + c]! + source[lower + from + c]!) * 0.5;
  }
}

function joined(a: Float32Array, b: Float32Array): Float32Array {
  const result = new Float32Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}

/** The levels 1 to `count` in one pass from top to bottom; what lies outside sRGB is clamped first, as it will be shown. */
async function buildLevels(
  image: Image,
  count: number,
  store: ImageStore,
  isStopped: () => boolean,
): Promise<readonly Image[]> {
  const { width, height, channels } = image;
  const sizes = Array.from({ length: count }, (_, i) => levelSize(image, i + 1));
  const writers = await Promise.all(
    sizes.map((size) => store.create({ ...size, channels, sampleType: 'u8' })),
  );
  const halvers = Array.from({ length: count }, (_, i) => new Halver(levelSize(image, i).width, channels));
  const rowsPerStrip = rowsPerStripOf(width * channels);
  try {
    for (let y = 0; y < height && count > 0; y += rowsPerStrip) {
      if (isStopped()) throw new Error('The picture is no longer looked at.');
      const stripHeight = Math.min(rowsPerStrip, height - y);
      const isEnd = y + stripHeight === height;
      let rows = await image.read({ x: 0, y, width, height: stripHeight });
      if (image.sampleType === 'f32') clamp01(rows);
      premultiply(rows, channels);
      for (let level = 0; level < count; level++) {
        rows = halvers[level]!.halve(rows, isEnd);
        const straight = hasAlpha(image) ? rows.slice() : rows;
        unpremultiply(straight, channels);
        await writers[level]!.append(straight);
      }
      // Tiles that are asked for meanwhile get their turn.
      await nextTurn();
    }
    return await Promise.all(writers.map((writer) => writer.finish()));
  } catch (error) {
    await Promise.all(writers.map((writer) => writer.abort()));
    throw error;
  }
}

/** A rectangle of a reduced level, straight from full size. */
async function readReduced(image: Image, rect: Rect, level: number): Promise<FloatPixels> {
  const { channels } = image;
  const factor = 2 ** level;
  const [x, y] = [rect.x * factor, rect.y * factor];
  let width = Math.min(rect.width * factor, image.width - x);
  let pixels = await image.read({ x, y, width, height: Math.min(rect.height * factor, image.height - y) });
  if (image.sampleType === 'f32') clamp01(pixels);
  premultiply(pixels, channels);
  for (let i = 0; i < level; i++) {
    const halver = new Halver(width, channels);
    pixels = halver.halve(pixels, true);
    width = halver.width;
  }
  unpremultiply(pixels, channels);
  return { width: rect.width, height: rect.height, channels, pixels };
}

/**
 * The whole picture at a small size. Of a much larger picture not every row is read: up to four rows, evenly spread, stand for those
 * that make one row of the result.
 */
async function overview(image: Image, width: number, height: number): Promise<FloatPixels> {
  const { channels } = image;
  const rowsPerOutput = image.height / height;
  if (rowsPerOutput <= 8 && image.width * image.height <= 16e6) {
    const pixels = await image.read({ x: 0, y: 0, width: image.width, height: image.height });
    if (image.sampleType === 'f32') clamp01(pixels);
    return resampleArray(
      { width: image.width, height: image.height, channels, pixels },
      width,
      height,
      'area',
    );
  }
  const samplesPerOutput = Math.max(1, Math.min(4, Math.floor(rowsPerOutput)));
  const pixels = new Float32Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const rows = new Float32Array(image.width * channels * samplesPerOutput);
    for (let i = 0; i < samplesPerOutput; i++) {
      const from = Math.min(image.height - 1, Math.floor((y + (i + 0.5) / samplesPerOutput) * rowsPerOutput));
      rows.set(
        await image.read({ x: 0, y: from, width: image.width, height: 1 }),
        i * image.width * channels,
      );
    }
    if (image.sampleType === 'f32') clamp01(rows);
    const { pixels: row } = resampleArray(
      { width: image.width, height: samplesPerOutput, channels, pixels: rows },
      width,
      1,
      'area',
    );
    pixels.set(row, y * width * channels);
    if (y % 64 === 63) await nextTurn();
  }
  return { width, height, channels, pixels };
}

function clamp01(pixels: Float32Array): void {
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i]!;
    if (value < 0) pixels[i] = 0;
    else if (value > 1) pixels[i] = 1;
  }
}

/** As 8-bit sRGB: PNG where asked for or where there is alpha, else JPEG without chroma subsampling. */
export async function encodePixels(picture: FloatPixels, format: 'png' | 'jpeg'): Promise<EncodedPixels> {
  const { width, height, channels, pixels } = picture;
  const samples = new Uint8Array(pixels.length);
  fromFloats(pixels, samples, 0);
  const pipeline = sharp(bytesOf(samples), {
    raw: { width, height, channels },
    limitInputPixels: false,
  }).toColourspace(channels <= 2 ? 'b-w' : 'srgb');
  if (format === 'png' || hasAlpha(picture))
    return { bytes: await pipeline.png({ compressionLevel: 2 }).toBuffer(), mime: 'image/png' };
  return {
    bytes: await pipeline.jpeg({ quality: 95, chromaSubsampling: '4:4:4', optimiseCoding: false }).toBuffer(),
    mime: 'image/jpeg',
  };
}
