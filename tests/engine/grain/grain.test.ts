import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quietContext } from '../../../src/engine/context.ts';
import { grainField } from '../../../src/engine/grain/grain-field.ts';
import { measureGrain } from '../../../src/engine/grain/measure-grain.ts';
import { cropImage } from '../../../src/engine/image/crop-image.ts';
import { type ChannelCount, fullRect, type Image } from '../../../src/engine/image/image.ts';
import type { ImageStore } from '../../../src/engine/image/image-store.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { resizeImage } from '../../../src/engine/image/resize.ts';
import { filmGrain } from '../../../src/engine/metrics/degrade-noise.ts';
import type { Pixels } from '../../../src/engine/metrics/pixels.ts';
import { createRandom } from '../../../src/engine/metrics/random.ts';
import type { ModelHub } from '../../../src/engine/models/model-hub.ts';
import { grain } from '../../../src/engine/steps/grain.ts';
import { defaultParams } from '../../../src/shared/params.ts';
import { openBench, readAll } from '../image/make.ts';

let files: ReturnType<typeof openBench>;
let store: ImageStore;
beforeAll(() => {
  files = openBench();
  store = files.store;
});
afterAll(() => files.close());

/** From dark to light, with some forms. */
function scene(width: number, height: number, channels: 1 | 3): Pixels {
  const data = new Float32Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [Math.floor(i / channels) % width, Math.floor(i / channels / width)];
    data[i] = 0.12 + (0.76 * x) / width + 0.04 * Math.sin(y / 40);
  }
  return { width, height, channels, data };
}

const imageOf = ({ width, height, channels, data }: Pixels): Image =>
  floatImage(width, height, channels, data);
const measure = (image: Image, factor = 1) => measureGrain(image, store, quietContext(), factor);

const run = (
  image: Image,
  photo: Image,
  params: Partial<ReturnType<typeof defaultParams<typeof grain.params>>> = {},
  { strength = 1, part = fullRect(photo) } = {},
) =>
  grain.run(
    image,
    { ...defaultParams(grain.params), ...params },
    { store, models: {} as ModelHub, strength, photo: { dpi: undefined }, original: { image: photo, part } },
    quietContext(),
  );

describe('measuring grain', () => {
  test.each([
    [0.02, 0.01, 0],
    [0.03, 0.8, 0],
    [0.03, 1.2, 1],
  ])(
    'finds the strength %d, size %d and color %d of what was put in, stronger in the mid-tones',
    async (amount, sizePx, color) => {
      const grainy = filmGrain(scene(640, 480, 3), amount, sizePx, color, createRandom(5));
      const found = await measure(imageOf(grainy));
      for (const level of [2, 4, 6]) {
        const light = level / 8;
        const truth = amount * (0.4 + 2.4 * light * (1 - light));
        expect(found.deviation[level]! / truth).toBeGreaterThan(0.85);
        expect(found.deviation[level]! / truth).toBeLessThan(1.15);
      }
      expect(Math.abs(found.sizePx - (sizePx < 0.1 ? 0 : sizePx))).toBeLessThan(0.3);
      expect(Math.abs(found.color - color)).toBeLessThan(0.1);
    },
  );

  test('finds next to nothing in a smooth picture, and nothing in a tiny one', async () => {
    expect(Math.max(...(await measure(imageOf(scene(400, 300, 1)))).deviation)).toBeLessThan(0.001);
    for (const size of [1, 15])
      expect(Math.max(...(await measure(imageOf(scene(size, size, 3)))).deviation)).toBe(0);
  });
});

describe('the field of grain', () => {
  test.each([0, 0.6, 2])('of size %d has mean 0 and deviation 1, and is the same in parts', (sizePx) => {
    const field = grainField({ x: -20, y: 1000, width: 200, height: 200 }, sizePx, 7);
    const mean = field.reduce((sum, value) => sum + value, 0) / field.length;
    const deviation = Math.sqrt(field.reduce((sum, value) => sum + (value - mean) ** 2, 0) / field.length);
    expect(Math.abs(mean)).toBeLessThan(0.02 + 0.03 * sizePx);
    expect(Math.abs(deviation - 1)).toBeLessThan(0.05);
    const part = grainField({ x: 13, y: 1041, width: 5, height: 4 }, sizePx, 7);
    for (let y = 0; y < 4; y++)
      for (let x = 0; x < 5; x++) expect(part[y * 5 + x]).toBeCloseTo(field[(y + 41) * 200 + x + 33]!, 6);
    expect(grainField({ x: 0, y: 0, width: 4, height: 1 }, sizePx, 8)).not.toEqual(
      grainField({ x: 0, y: 0, width: 4, height: 1 }, sizePx, 7),
    );
  });
});

describe('grain', () => {
  const clean = scene(640, 480, 3);
  const photo = imageOf(filmGrain(clean, 0.03, 0.8, 0, createRandom(9)));

  test('puts back what was taken away: as strong in every tone, as large', async () => {
    const wanted = await measure(photo);
    const found = await measure(await run(imageOf(clean), photo));
    for (const level of [2, 3, 4, 5, 6])
      expect(found.deviation[level]! / wanted.deviation[level]!).toBeCloseTo(1, 0.7);
    expect(Math.abs(found.sizePx - wanted.sizePx)).toBeLessThan(0.15);
    const half = await measure(await run(imageOf(clean), photo, {}, { strength: 0.5 }));
    expect(half.deviation[4]! / found.deviation[4]!).toBeCloseTo(0.5, 1);
    const coarse = await measure(await run(imageOf(clean), photo, { size: 2 }));
    expect(coarse.sizePx).toBeGreaterThan(1.6 * found.sizePx);
  });

  test('adds nothing to what still has its grain: the same picture, also in a part', async () => {
    expect(await run(photo, photo)).toBe(photo);
    const copy = imageOf({ ...clean, data: (await readAll(photo)).slice() });
    expect(await run(copy, photo)).toBe(copy);
    const part = { x: 100, y: 50, width: 300, height: 200 };
    const window = cropImage(photo, part);
    expect(await run(window, photo, {}, { part })).toBe(window);
    expect(await run(imageOf(clean), imageOf(scene(640, 480, 3)))).toMatchObject({ width: 640 });
  });

  test('is the same for the same seed, another for another, and the same in a part as in the whole', async () => {
    const [a, b, c] = [
      await run(imageOf(clean), photo),
      await run(imageOf(clean), photo),
      await run(imageOf(clean), photo, { seed: 2 }),
    ];
    expect(await readAll(a)).toEqual(await readAll(b));
    expect(await readAll(a)).not.toEqual(await readAll(c));
    const part = { x: 160, y: 100, width: 320, height: 320 };
    const inPart = await readAll(await run(cropImage(imageOf(clean), part), photo, {}, { part }));
    const inWhole = await a.read(part);
    // Its amount is measured in each; its pattern is one.
    const cleaned = await imageOf(clean).read(part);
    let [product, squares, others] = [0, 0, 0];
    for (let i = 0; i < inPart.length; i++) {
      const [p, w] = [inPart[i]! - cleaned[i]!, inWhole[i]! - cleaned[i]!];
      product += p * w;
      squares += p * p;
      others += w * w;
    }
    expect(product / Math.sqrt(squares * others)).toBeGreaterThan(0.99);
  });

  test('grows with an enlargement', async () => {
    const large = await resizeImage(imageOf(clean), 1280, 960, {
      kernel: 'bicubic',
      store,
      context: quietContext(),
    });
    const result = await run(large, photo);
    const found = await measure(result);
    const wanted = await measure(photo);
    expect(found.sizePx / wanted.sizePx).toBeGreaterThan(1.4);
    expect(found.deviation[4]! / wanted.deviation[4]!).toBeGreaterThan(0.75);
    expect(found.deviation[4]! / wanted.deviation[4]!).toBeLessThan(1.25);
  });

  test('gray stays gray, in one channel and in three', async () => {
    const gray = scene(320, 240, 1);
    const grayPhoto = imageOf(filmGrain(gray, 0.04, 0.5, 0, createRandom(2)));
    expect((await run(imageOf(gray), grayPhoto)).channels).toBe(1);
    const rgb = await readAll(await run(imageOf(clean), photo));
    for (let i = 0; i < rgb.length; i += 3)
      if (rgb[i] !== rgb[i + 1] || rgb[i] !== rgb[i + 2]) throw new Error('a color');
  });

  test.each([2, 4] as const)(
    'keeps alpha to the bit and stays in range in 16 bit, %i channels',
    async (channels: ChannelCount) => {
      const colors = channels === 2 ? 1 : 3;
      const fill = async (source: Float32Array): Promise<Image> => {
        const writer = await store.create({ width: 320, height: 240, channels, sampleType: 'u16' });
        const rows = new Float32Array(320 * 240 * channels);
        for (let i = 0; i < 320 * 240; i++) {
          for (let c = 0; c < colors; c++) rows[i * channels + c] = source[i * colors + c]!;
          rows[i * channels + colors] = (i % 11) / 10;
        }
        await writer.append(rows);
        return writer.finish();
      };
      const plain = scene(320, 240, colors);
      const image = await fill(plain.data);
      const result = await run(image, await fill(filmGrain(plain, 0.05, 0.5, 0, createRandom(4)).data));
      expect(result).not.toBe(image);
      const [a, b] = [await readAll(image), await readAll(result)];
      for (let i = colors; i < a.length; i += channels)
        if (a[i] !== b[i]) throw new Error(`alpha ${i} changed`);
      for (const value of b) if (value < 0 || value > 1) throw new Error(`${value} is out of range`);
    },
  );

  test('leaves a tiny picture alone', async () => {
    const tiny = imageOf(scene(1, 1, 3));
    expect(await run(tiny, imageOf(scene(1, 1, 3)))).toBe(tiny);
  });
});
