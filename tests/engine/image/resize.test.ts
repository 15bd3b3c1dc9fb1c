import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContext, quietContext } from '../../../src/engine/context.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import type { ChannelCount } from '../../../src/engine/image/image.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { resampleArray, type FloatPixels, type Kernel } from '../../../src/engine/image/resample.ts';
import { resizeImage } from '../../../src/engine/image/resize.ts';
import { sharp } from '../../../src/engine/image/sharp.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { openBench, randomSource, readAll } from './make.ts';

let bench: ReturnType<typeof openBench>;
let tight: ReturnType<typeof openBench>;
beforeAll(() => {
  bench = openBench();
  tight = openBench(64);
});
afterAll(() => Promise.all([bench.close(), tight.close()]));

function randomPixels(width: number, height: number, channels: ChannelCount): FloatPixels {
  const random = randomSource(width * height * channels);
  return {
    width,
    height,
    channels,
    pixels: Float32Array.from({ length: width * height * channels }, random),
  };
}

const gray = (width: number, height: number, pixels: number[]): FloatPixels => ({
  width,
  height,
  channels: 1,
  pixels: Float32Array.from(pixels),
});

const kernels: readonly Kernel[] = ['lanczos3', 'bicubic', 'area'];

describe('resampling arrays', () => {
  it('agrees with MATLAB imresize, bicubic and antialiased', () => {
    // imresize((1:8)/10, [1 4], 'bicubic') and imresize([0 1 0 0], [1 8], 'bicubic'), worked out from the published kernel.
    const ramp = resampleArray(
      gray(
        8,
        1,
        [1, 2, 3, 4, 5, 6, 7, 8].map((v) => v / 10),
      ),
      4,
      1,
      'bicubic',
    ).pixels;
    [0.140625, 0.3515625, 0.5484375, 0.759375].forEach((value, i) =>
      expect(Math.abs(ramp[i]! - value)).toBeLessThan(0.015),
    );
    const half = resampleArray(gray(4, 1, [0, 1, 0, 0]), 8, 1, 'bicubic').pixels;
    // At offsets of a quarter the cubic weighs 0.8671875 and 0.2265625 (near), -0.0703125 and -0.0234375 (far).
    [-0.0703125, 0.2265625, 0.8671875, 0.8671875, 0.2265625, -0.0703125, -0.0234375, 0]
      .slice(1)
      .forEach((value, i) => expect(half[i + 1]).toBeCloseTo(value, 6));
  });

  it.each(kernels)('%s keeps a flat picture flat and its mean', (kernel) => {
    for (const [width, height] of [
      [3, 5],
      [40, 31],
      [17, 9],
      [1, 1],
    ] as const) {
      resampleArray(
        gray(
          10,
          8,
          Array.from({ length: 80 }, () => 0.37),
        ),
        width,
        height,
        kernel,
      ).pixels.forEach((value) => expect(value).toBeCloseTo(0.37, 5));
    }
    const noise = randomPixels(64, 64, 1);
    const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(resampleArray(noise, 16, 16, kernel).pixels)).toBeCloseTo(mean(noise.pixels), 2);
  });

  it('area averages exactly what is covered', () => {
    expect(Array.from(resampleArray(gray(4, 2, [0, 1, 2, 3, 4, 5, 6, 7]), 2, 1, 'area').pixels)).toEqual([
      2.5, 4.5,
    ]);
    const thirds = resampleArray(gray(3, 1, [0, 3, 6]), 2, 1, 'area').pixels;
    expect(thirds[0]).toBeCloseTo(1, 5);
    expect(thirds[1]).toBeCloseTo(5, 5);
  });

  it('does not alias when shrinking', () => {
    const stripes = gray(
      256,
      1,
      Array.from({ length: 256 }, (_, i) => i % 2),
    );
    resampleArray(stripes, 30, 1, 'lanczos3')
      .pixels.slice(1, -1)
      .forEach((value) => expect(Math.abs(value - 0.5)).toBeLessThan(0.03));
  });

  it('agrees with the resampler of libvips when shrinking, away from the edges', async () => {
    const smooth = Uint8Array.from(
      { length: 144 * 144 },
      (_, i) => 128 + 90 * Math.sin((i % 144) / 5) * Math.cos(Math.floor(i / 144) / 7),
    );
    const reference = await sharp(smooth, { raw: { width: 144, height: 144, channels: 1 } })
      .resize(64, 64, { kernel: 'lanczos3' })
      .extractChannel(0)
      .raw()
      .toBuffer();
    const floats = Array.from(smooth, (v) => v / 255);
    const ours = resampleArray(gray(144, 144, floats), 64, 64, 'lanczos3').pixels;
    for (let y = 5; y < 59; y++) {
      for (let x = 5; x < 59; x++) {
        expect(Math.abs(ours[y * 64 + x]! * 255 - reference[y * 64 + x]!)).toBeLessThan(1.5);
      }
    }
  });
});

describe('resizing pictures', () => {
  const sizes = [
    [37, 29],
    [11, 7],
    [3, 60],
    [90, 2],
    [1, 1],
  ] as const;

  it.each([1, 2, 3, 4] as const)(
    'gives the same from memory, from scratch and from arrays: %i channels',
    async (channels) => {
      const pixels = randomPixels(23, 19, channels);
      const image = floatImage(23, 19, channels, pixels.pixels);
      for (const [width, height] of sizes) {
        for (const kernel of kernels) {
          const expected = resampleArray(pixels, width, height, kernel).pixels;
          for (const { store } of [bench, tight]) {
            const resized = await resizeImage(image, width, height, {
              kernel,
              store,
              context: quietContext(),
            });
            expect([resized.width, resized.height, resized.channels]).toEqual([width, height, channels]);
            expect(await readAll(resized)).toEqual(expected);
            await resized.dispose();
          }
        }
      }
    },
  );

  it('returns the picture itself for the same size', async () => {
    const image = floatImage(5, 4, 1, new Float32Array(20));
    expect(
      await resizeImage(image, 5, 4, { kernel: 'lanczos3', store: bench.store, context: quietContext() }),
    ).toBe(image);
  });

  it('shows no fringe of the hidden color of transparent pixels', async () => {
    const [width, height] = [32, 8];
    // Opaque red beside transparent green.
    const pixels = Float32Array.from({ length: width * height * 4 }, (_, i) => {
      const left = Math.floor(i / 4) % width < width / 2;
      return [left ? 1 : 0, left ? 0 : 1, 0, left ? 1 : 0][i % 4]!;
    });
    for (const [w, h] of [
      [64, 16],
      [13, 5],
    ] as const) {
      const resized = await readAll(
        await resizeImage(floatImage(width, height, 4, pixels), w, h, {
          kernel: 'lanczos3',
          store: bench.store,
          context: quietContext(),
        }),
      );
      for (let i = 0; i < resized.length; i += 4) {
        if (resized[i + 3]! < 0.02) continue;
        expect(resized[i]).toBeCloseTo(1, 2);
        expect(Math.abs(resized[i + 1]!)).toBeLessThan(0.01);
      }
    }
  });

  it('refuses impossible sizes and stops when cancelled', async () => {
    const image = floatImage(5, 4, 1, new Float32Array(20));
    const before = bench.store.memoryInUseBytes();
    const run = (width: number, context = quietContext()) =>
      resizeImage(image, width, 4, { kernel: 'area', store: bench.store, context });
    await expect(run(0)).rejects.toMatchObject({ code: 'bad-input' });
    await expect(run(2.5)).rejects.toMatchObject({ code: 'bad-input' });
    await expect(run(7, createContext(AbortSignal.abort()))).rejects.toMatchObject({
      name: 'CancelledError',
    });
    expect(bench.store.memoryInUseBytes()).toBe(before);
  });
});

describe(`Set5${sharedDataNote}`, () => {
  /** BT.601 luma in studio range, as the super-resolution literature measures it. */
  const luma = ({ pixels, channels }: FloatPixels): Float32Array =>
    Float32Array.from({ length: pixels.length / channels }, (_, i) => {
      const at = i * channels;
      const [r, g, b] = [
        pixels[at]!,
        pixels[at + (channels > 1 ? 1 : 0)]!,
        pixels[at + (channels > 1 ? 2 : 0)]!,
      ];
      return (65.481 * r + 128.553 * g + 24.966 * b + 16) / 255;
    });
  const round8 = (picture: FloatPixels): FloatPixels => ({
    ...picture,
    pixels: picture.pixels.map((value) => Math.round(Math.min(1, Math.max(0, value)) * 255) / 255),
  });

  it.skipIf(sharedData === undefined)('bicubic ×4 down and up measures 28.42 dB', async () => {
    const folder = path.join(sharedData!, 'eval/restricted/set5');
    const results: number[] = [];
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.png'))) {
      const { image } = await openPhoto(path.join(folder, name), { store: bench.store });
      const [width, height] = [image.width - (image.width % 4), image.height - (image.height % 4)];
      const pixels = await image.read({ x: 0, y: 0, width, height });
      const original: FloatPixels = { width, height, channels: image.channels, pixels };
      const small = round8(resampleArray(original, width / 4, height / 4, 'bicubic'));
      const again = round8(resampleArray(small, width, height, 'bicubic'));
      const [a, b] = [luma(original), luma(again)];
      let sum = 0;
      let count = 0;
      for (let y = 4; y < height - 4; y++) {
        for (let x = 4; x < width - 4; x++, count++) sum += (a[y * width + x]! - b[y * width + x]!) ** 2;
      }
      results.push(10 * Math.log10(count / sum));
      await image.dispose();
    }
    expect(results).toHaveLength(5);
    expect(results.reduce((sum, value) => sum + value, 0) / results.length).toBeCloseTo(28.42, 1);
  });

  it.skipIf(sharedData === undefined)('bicubic ×4 down equals the MATLAB pictures but for ties', async () => {
    const folder = path.join(sharedData!, 'eval/restricted');
    const scale = readdirSync(path.join(folder, 'set5-lr-bicubic')).find((name) => name.includes('4'))!;
    const files = readdirSync(path.join(folder, 'set5-lr-bicubic', scale)).filter((name) =>
      name.endsWith('.png'),
    );
    for (const name of files) {
      const stem = name.replace(/x4|_?LR.*|\.png/gi, '').replace(/_$/, '');
      const high = readdirSync(path.join(folder, 'set5')).find((file) =>
        file.toLowerCase().startsWith(stem.toLowerCase()),
      )!;
      const matlab = await openPhoto(path.join(folder, 'set5-lr-bicubic', scale, name), {
        store: bench.store,
      });
      const { image } = await openPhoto(path.join(folder, 'set5', high), { store: bench.store });
      const [width, height] = [matlab.image.width * 4, matlab.image.height * 4];
      const pixels = await image.read({ x: 0, y: 0, width, height });
      // MATLAB keeps uint8 between the two directions, rows first.
      const original: FloatPixels = { width, height, channels: image.channels, pixels };
      const squashed = round8(resampleArray(original, width, height / 4, 'bicubic'));
      const ours = round8(resampleArray(squashed, width / 4, height / 4, 'bicubic')).pixels;
      const theirs = await readAll(matlab.image);
      const different = theirs.filter((value, i) => Math.abs(value - ours[i]!) > 0.5 / 255).length;
      expect(different / theirs.length).toBeLessThan(0.002);
    }
  });
});
