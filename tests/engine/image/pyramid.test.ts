import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quietContext } from '../../../src/engine/context.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import type { ChannelCount, Image } from '../../../src/engine/image/image.ts';
import { eachRows, mapRows, zipRows } from '../../../src/engine/image/map-rows.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { createPyramid, pyramidLevels } from '../../../src/engine/image/pyramid.ts';
import { sharp } from '../../../src/engine/image/sharp.ts';
import { fromSamples, openBench, randomSamples, readAll } from './make.ts';

let bench: ReturnType<typeof openBench>;
beforeAll(() => void (bench = openBench()));
afterAll(() => bench.close());

async function opened(
  width: number,
  height: number,
  channels: ChannelCount,
): Promise<{ image: Image; samples: Uint8Array }> {
  const samples = randomSamples(width * height * channels, 8) as Uint8Array;
  const file = bench.file(`${width}x${height}x${channels}.png`);
  await fromSamples(samples, width, height, channels).png().toFile(file);
  return { image: (await openPhoto(file, { store: bench.store })).image, samples };
}

describe('pyramid', () => {
  it('has levels until one tile holds the picture', () => {
    expect(pyramidLevels({ width: 1, height: 1 })).toBe(1);
    expect(pyramidLevels({ width: 512, height: 512 })).toBe(1);
    expect(pyramidLevels({ width: 513, height: 10 })).toBe(2);
    expect(pyramidLevels({ width: 6000, height: 4000 })).toBe(5);
  });

  it('shows full size exactly, tile by tile', async () => {
    const { image, samples } = await opened(700, 530, 3);
    const pyramid = createPyramid(image, bench.store);
    const tile = await pyramid.tile(0, 1, 1);
    expect(tile.mime).toBe('image/png');
    const { data, info } = await sharp(tile.bytes).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([188, 18]);
    for (let y = 0; y < 18; y++) {
      const from = ((512 + y) * 700 + 512) * 3;
      expect(
        data
          .subarray(y * 188 * 3, (y + 1) * 188 * 3)
          .equals(Buffer.from(samples.subarray(from, from + 188 * 3))),
      ).toBe(true);
    }
    await pyramid.dispose();
  });

  it('gives the same reduced tiles before and after its levels are built', async () => {
    const { image } = await opened(2100, 1301, 4);
    const direct = createPyramid(image, bench.store);
    const built = createPyramid(image, bench.store);
    expect(built.levels).toBe(4);
    await built.tile(3, 0, 0);
    for (const [level, column, row] of [
      [1, 2, 1],
      [2, 1, 0],
      [1, 0, 0],
    ] as const) {
      const fresh = createPyramid(image, bench.store);
      const [a, b] = await Promise.all([fresh.tile(level, column, row), built.tile(level, column, row)]);
      expect(a.mime).toBe('image/png');
      const [left, right] = await Promise.all([
        sharp(a.bytes).raw().toBuffer(),
        sharp(b.bytes).raw().toBuffer(),
      ]);
      expect(left.length).toBe(right.length);
      // The built level is rounded to 8 bits with straight alpha, so colors of nearly transparent pixels may differ by one.
      left.forEach((value, i) => expect(Math.abs(value - right[i]!)).toBeLessThanOrEqual(1));
      await fresh.dispose();
    }
    await Promise.all([direct.dispose(), built.dispose()]);
  });

  it('averages two by two, odd edges included', async () => {
    const pixels = Float32Array.from({ length: 601 * 3 }, (_, i) => ((i % 601) % 2 === 0 ? 0.2 : 0.6));
    const pyramid = createPyramid(floatImage(601, 3, 1, pixels), bench.store);
    const { data, info } = await sharp((await pyramid.tile(1, 0, 0)).bytes)
      .extractChannel(0)
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([301, 2]);
    expect(Math.abs(data[10]! - 102)).toBeLessThanOrEqual(2);
    expect(Math.abs(data[300]! - 51)).toBeLessThanOrEqual(4);
    await pyramid.dispose();
  });

  it('clamps what lies outside sRGB, and refuses tiles that do not exist', async () => {
    const image = floatImage(2, 1, 3, Float32Array.from([1.4, -0.3, 0.5, 0, 0, 0]));
    const pyramid = createPyramid(image, bench.store);
    const pixels = await sharp((await pyramid.tile(0, 0, 0)).bytes)
      .raw()
      .toBuffer();
    expect(Array.from(pixels)).toEqual([255, 0, 128, 0, 0, 0]);
    await expect(pyramid.tile(0, 1, 0)).rejects.toBeInstanceOf(RangeError);
    await expect(pyramid.tile(1, 0, 0)).rejects.toBeInstanceOf(RangeError);
    await expect(pyramid.tile(-1, 0, 0)).rejects.toBeInstanceOf(RangeError);
    await pyramid.dispose();
  });

  it('makes thumbnails of any picture, never enlarged, also of a very large one', async () => {
    const { image } = await opened(700, 530, 1);
    const pyramid = createPyramid(image, bench.store);
    const size = async (maxPx: number) => {
      const { width, height } = await sharp((await pyramid.thumbnail(maxPx)).bytes).metadata();
      return [width, height];
    };
    expect(await size(100)).toEqual([100, 76]);
    expect(await size(5000)).toEqual([700, 530]);
    const rows: number[] = [];
    const huge: Image = {
      width: 20_000,
      height: 15_000,
      channels: 3,
      sampleType: 'u8',
      read: async (rect) => {
        rows.push(rect.height);
        return new Float32Array(rect.width * rect.height * 3).fill(0.5);
      },
      dispose: async () => {},
    };
    const overview = await createPyramid(huge, bench.store).thumbnail(80);
    expect((await sharp(overview.bytes).metadata()).width).toBe(80);
    expect(rows.reduce((sum, value) => sum + value, 0)).toBeLessThanOrEqual(60 * 4);
    await pyramid.dispose();
  });

  it('gives its memory back', async () => {
    const { image } = await opened(1200, 900, 3);
    const before = bench.store.memoryInUseBytes();
    const pyramid = createPyramid(image, bench.store);
    await pyramid.tile(1, 0, 0);
    await pyramid.dispose();
    expect(bench.store.memoryInUseBytes()).toBe(before);
  });
});

describe('rows', () => {
  it('maps, zips and walks strip by strip, with progress that ends at 1', async () => {
    const image = floatImage(
      3,
      10,
      3,
      Float32Array.from({ length: 90 }, (_, i) => i / 90),
    );
    const seen: number[] = [];
    const gray = await mapRows(
      image,
      { store: bench.store, channels: 1, rowsPerStrip: 4 },
      (rows, y, height) => {
        seen.push(y, height);
        return Float32Array.from({ length: rows.length / 3 }, (_, i) => rows[i * 3]!);
      },
      quietContext(),
    );
    expect(seen).toEqual([0, 4, 4, 4, 8, 2]);
    expect((await readAll(gray))[5]).toBeCloseTo(15 / 90, 6);
    const sum = await zipRows(
      image,
      gray,
      { store: bench.store, sampleType: 'f32' },
      (a, b) => a.map((value, i) => value + b[Math.floor(i / 3)]!),
      quietContext(),
    );
    expect((await readAll(sum))[4]).toBeCloseTo(4 / 90 + 3 / 90, 6);
    let total = 0;
    await eachRows(sum, (rows) => void (total += rows.length), quietContext());
    expect(total).toBe(90);
    await expect(
      zipRows(
        image,
        floatImage(1, 1, 1, new Float32Array(1)),
        { store: bench.store },
        (a) => a,
        quietContext(),
      ),
    ).rejects.toBeInstanceOf(RangeError);
  });

  it('checks rectangles and refuses reading after disposal', async () => {
    const tight = openBench(16);
    for (const { store } of [bench, tight]) {
      const writer = await store.create({ width: 4, height: 3, channels: 1, sampleType: 'u16' });
      await writer.append(new Float32Array(8).fill(0.25));
      await expect(writer.finish()).rejects.toMatchObject({ code: 'internal' });
      await expect(writer.append(new Float32Array(9))).rejects.toMatchObject({ code: 'internal' });
      await writer.append(Float32Array.from([2, -1, Number.NaN, 0.5]));
      const image = await writer.finish();
      expect(
        Array.from(await image.read({ x: 0, y: 2, width: 4, height: 1 }), (value) =>
          Math.round(value * 65535),
        ),
      ).toEqual([65535, 0, 0, 32768]);
      await expect(image.read({ x: 2, y: 0, width: 3, height: 1 })).rejects.toBeInstanceOf(RangeError);
      await expect(image.read({ x: 0.5, y: 0, width: 1, height: 1 })).rejects.toBeInstanceOf(RangeError);
      await image.dispose();
      await expect(image.read({ x: 0, y: 0, width: 1, height: 1 })).rejects.toMatchObject({
        code: 'internal',
      });
    }
    await tight.close();
  });
});
