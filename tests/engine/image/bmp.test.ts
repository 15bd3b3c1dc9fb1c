import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { HeirloomError } from '../../../src/shared/failure.ts';
import { integersOf, openBench, randomSource } from './make.ts';

let bench: ReturnType<typeof openBench>;
beforeAll(() => void (bench = openBench()));
afterAll(() => bench.close());

/** A bitmap of these stored rows (already in file order). */
function bmp(
  width: number,
  height: number,
  bits: number,
  rows: readonly number[][],
  palette: readonly number[] = [],
): Buffer {
  const stride = Math.ceil((width * bits) / 32) * 4;
  const offset = 54 + palette.length;
  const data = Buffer.alloc(offset + stride * Math.abs(height));
  data.write('BM', 0, 'latin1');
  data.writeUInt32LE(data.length, 2);
  data.writeUInt32LE(offset, 10);
  data.writeUInt32LE(40, 14);
  data.writeInt32LE(width, 18);
  data.writeInt32LE(height, 22);
  data.writeUInt16LE(1, 26);
  data.writeUInt16LE(bits, 28);
  data.writeInt32LE(11811, 38);
  data.writeUInt32LE(palette.length / 4, 46);
  Buffer.from(palette).copy(data, 54);
  rows.forEach((row, i) => Buffer.from(row).copy(data, offset + i * stride));
  return data;
}

async function open(bytes: Buffer, more = {}) {
  const file = bench.file('picture.bmp');
  writeFileSync(file, bytes);
  return openPhoto(file, { store: bench.store, ...more });
}

describe('BMP', () => {
  it('reads 24 bits bottom up and 32 bits top down', async () => {
    const rgb = await open(
      bmp(2, 2, 24, [
        [1, 2, 3, 4, 5, 6],
        [7, 8, 9, 10, 11, 12],
      ]),
    );
    expect(await integersOf(rgb.image, 8)).toEqual([9, 8, 7, 12, 11, 10, 3, 2, 1, 6, 5, 4]);
    expect(rgb.metadata).toMatchObject({ format: 'bmp', bitDepth: 8, channels: 3, width: 2, height: 2 });
    expect(rgb.metadata.dpi).toBeCloseTo(300, 0);
    const topDown = await open(
      bmp(1, -2, 32, [
        [1, 2, 3, 0],
        [4, 5, 6, 0],
      ]),
    );
    expect(await integersOf(topDown.image, 8)).toEqual([3, 2, 1, 6, 5, 4]);
  });

  it('reads palettes of 8, 4 and 1 bits, gray ones as gray', async () => {
    const colors = [0, 0, 255, 0, 0, 255, 0, 0];
    expect(await integersOf((await open(bmp(3, 1, 8, [[1, 0, 1]], colors))).image, 8)).toEqual([
      0, 255, 0, 255, 0, 0, 0, 255, 0,
    ]);
    expect(await integersOf((await open(bmp(3, 1, 4, [[0x10, 0x10]], colors))).image, 8)).toEqual([
      0, 255, 0, 255, 0, 0, 0, 255, 0,
    ]);
    const grays = [10, 10, 10, 0, 200, 200, 200, 0];
    const gray = await open(bmp(3, 1, 1, [[0b10100000]], grays));
    expect(gray.image.channels).toBe(1);
    expect(await integersOf(gray.image, 8)).toEqual([200, 10, 200]);
  });

  it('refuses what is damaged or of another kind, in one sentence', async () => {
    const good = bmp(
      8,
      8,
      24,
      Array.from({ length: 8 }, () => Array.from({ length: 24 }, (_, i) => i)),
    );
    await expect(open(good.subarray(0, good.length - 60))).rejects.toThrow('ends before its last row');
    await expect(open(good.subarray(0, 30))).rejects.toBeInstanceOf(HeirloomError);
    const compressed = Buffer.from(good);
    compressed.writeUInt32LE(1, 30);
    await expect(open(compressed)).rejects.toThrow('compressed BMP');
    await expect(open(bmp(2, 1, 8, [[5, 0]], [0, 0, 0, 0]))).rejects.toThrow('not in its palette');
    const wide = Buffer.from(good);
    wide.writeInt32LE(2_000_000_000, 18);
    await expect(open(wide)).rejects.toThrow('megapixels');
    expect(
      (await open(good.subarray(0, good.length - 60), { allowDamaged: true })).metadata.notices,
    ).toHaveLength(1);
  });

  it('never crashes on flipped bytes', async () => {
    const good = bmp(
      5,
      4,
      8,
      Array.from({ length: 4 }, () => [0, 1, 0, 1, 1]),
      [1, 2, 3, 0, 4, 5, 6, 0],
    );
    const random = randomSource(1);
    for (let i = 0; i < 150; i++) {
      const broken = Buffer.from(good);
      for (let k = 0; k < 3; k++) broken[2 + Math.floor(random() * 60)] = Math.floor(random() * 256);
      const result = await open(broken, { maxPixels: 1e6 }).catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toBeInstanceOf(HeirloomError);
    }
  });
});
