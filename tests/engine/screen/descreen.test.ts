import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createContext, quietContext } from '../../../src/engine/context.ts';
import { cropImage } from '../../../src/engine/image/crop-image.ts';
import type { ChannelCount, Image, SampleType } from '../../../src/engine/image/image.ts';
import type { ImageStore } from '../../../src/engine/image/image-store.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { halftone } from '../../../src/engine/metrics/degrade-noise.ts';
import type { Pixels } from '../../../src/engine/metrics/pixels.ts';
import { seededNormal } from '../../../src/engine/metrics/random.ts';
import type { ModelHub } from '../../../src/engine/models/model-hub.ts';
import { createFourier } from '../../../src/engine/screen/fourier.ts';
import { measureScreen } from '../../../src/engine/screen/measure-screen.ts';
import { removeScreen } from '../../../src/engine/screen/remove-screen.ts';
import { descreen } from '../../../src/engine/steps/descreen.ts';
import { defaultParams } from '../../../src/shared/params.ts';
import { openBench, randomSource, readAll } from '../image/make.ts';

let files: ReturnType<typeof openBench>;
let store: ImageStore;
beforeAll(() => {
  files = openBench();
  store = files.store;
});
afterAll(() => files.close());

/** Soft forms with an edge across them. */
function scene(width: number, height: number, channels: 1 | 3 = 1): Pixels {
  const data = new Float32Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    const [c, pixel] = [i % channels, Math.floor(i / channels)];
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    const form = 0.5 + 0.25 * Math.sin(x / 31 + c) * Math.cos(y / 23);
    data[i] = form + (2 * x + y > 1.4 * width ? 0.15 : -0.1) + 0.01 * seededNormal(c + 1, pixel);
  }
  return { width, height, channels, data };
}

const imageOf = ({ width, height, channels, data }: Pixels): Image =>
  floatImage(width, height, channels, data.slice());

/** Mean squared difference as PSNR, away from the border. */
async function fidelity(result: Image, truth: Pixels, border = 16): Promise<number> {
  const pixels = await readAll(result);
  let [sum, count] = [0, 0];
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [
      Math.floor(i / truth.channels) % truth.width,
      Math.floor(i / truth.channels / truth.width),
    ];
    if (Math.min(x, y, truth.width - 1 - x, truth.height - 1 - y) < border) continue;
    sum += (pixels[i]! - truth.data[i]!) ** 2;
    count++;
  }
  return 10 * Math.log10(count / sum);
}

describe('the Fourier transform', () => {
  test.each([1, 2, 8, 32])('of %i numbers is the sum it stands for, and comes back', (length) => {
    const random = randomSource(length);
    const signal = Float64Array.from({ length: length * length }, () => random() - 0.5);
    const [re, im] = [signal.slice(), new Float64Array(length * length)];
    createFourier(length).forwardPlane(re, im);
    for (const [u, v] of [
      [0, 0],
      [1 % length, 0],
      [length >> 1, 1 % length],
      [length - 1, length - 1],
    ] as const) {
      let [sumRe, sumIm] = [0, 0];
      signal.forEach((value, i) => {
        const turn = (-2 * Math.PI * (u * (i % length) + v * Math.floor(i / length))) / length;
        sumRe += value * Math.cos(turn);
        sumIm += value * Math.sin(turn);
      });
      expect(re[v * length + u]).toBeCloseTo(sumRe, 9);
      expect(im[v * length + u]).toBeCloseTo(sumIm, 9);
    }
    createFourier(length).inversePlane(re, im);
    signal.forEach((value, i) => expect(re[i]).toBeCloseTo(value, 12));
  });

  test('refuses other lengths', () => {
    expect(() => createFourier(12)).toThrow(RangeError);
  });
});

describe('measuring a screen', () => {
  test.each([
    [3.1, 45],
    [4.5, 15],
    [6, 30],
    [9.7, 72],
  ])('finds the distance %d and the angle %d of dots', async (periodPx, angleDeg) => {
    const screened = halftone(scene(420, 300), periodPx, (angleDeg * Math.PI) / 180, 0.6);
    const screen = await measureScreen(imageOf(screened));
    expect(screen?.periodPx).toBeGreaterThan(periodPx * 0.985);
    expect(screen?.periodPx).toBeLessThan(periodPx * 1.015);
    expect(Math.abs(screen!.angleDeg - angleDeg)).toBeLessThan(1);
  });

  test('finds none in noise, in forms, in a texture at one place, in lines one way, and in what is too small', async () => {
    const plain = scene(420, 300);
    const local = halftone(plain, 5, 0.8, 0.6);
    const stripes = {
      ...plain,
      data: plain.data.map((value, i) => value + 0.2 * Math.sin((2 * Math.PI * (i % 420)) / 5)),
    };
    const noise = { ...plain, data: plain.data.map((_, i) => 0.5 + 0.1 * seededNormal(3, i)) };
    const patch = {
      ...plain,
      data: plain.data.map((value, i) => (i % 420 < 100 && i < 420 * 90 ? local.data[i]! : value)),
    };
    for (const pixels of [plain, noise, stripes, patch])
      expect(await measureScreen(imageOf(pixels))).toBeUndefined();
    for (const [width, height] of [
      [1, 1],
      [300, 40],
      [63, 63],
    ] as const)
      expect(await measureScreen(imageOf(halftone(scene(width, height), 5, 0.8, 0.6)))).toBeUndefined();
    const flat = { ...plain, data: plain.data.map(() => 1) };
    expect(await measureScreen(imageOf(flat))).toBeUndefined();
  });
});

describe('descreen', () => {
  const run = (
    image: Image,
    params: Partial<ReturnType<typeof defaultParams<typeof descreen.params>>> = {},
    part?: { whole: Image; x: number; y: number },
  ) =>
    descreen.run(
      image,
      { ...defaultParams(descreen.params), ...params },
      {
        store,
        models: {} as ModelHub,
        strength: 1,
        photo: { dpi: undefined },
        ...(part === undefined
          ? {}
          : {
              original: {
                image: part.whole,
                part: { x: part.x, y: part.y, width: image.width, height: image.height },
              },
            }),
      },
      quietContext(),
    );

  test.each([1, 3] as const)(
    'takes the dots away and keeps forms and edges, %i channels',
    async (channels) => {
      const truth = scene(420, 300, channels);
      const screened = halftone(truth, 4.5, Math.PI / 4, 0.7);
      // The dots also change the tones a little: that much nobody can know.
      const before = await fidelity(imageOf(screened), truth);
      const after = await fidelity(await run(imageOf(screened)), truth);
      expect(before).toBeLessThan(19);
      expect(after).toBeGreaterThan(before + 8);
    },
  );

  test('leaves a photo without a screen alone: the same picture', async () => {
    const image = imageOf(scene(420, 300));
    expect(await run(image)).toBe(image);
    const small = imageOf(scene(1, 1));
    expect(await run(small)).toBe(small);
  });

  test('does what it is told where it measures nothing: 1 × 1, thin, and smaller than a block', async () => {
    for (const [width, height] of [
      [1, 1],
      [200, 3],
      [20, 25],
    ] as const) {
      const result = await run(imageOf(scene(width, height)), { periodPx: 6 });
      expect([result.width, result.height]).toEqual([width, height]);
      expect((await readAll(result)).every(Number.isFinite)).toBe(true);
    }
  });

  test('changes nothing where the spectrum holds nothing to take away: an even area, to rounding', async () => {
    const flat = { ...scene(150, 130), data: new Float32Array(150 * 130).fill(0.4) };
    const pixels = await readAll(
      await removeScreen(
        imageOf(flat),
        { periodPx: 5, angleDeg: 45 },
        { smooth: 0, origin: { x: 0, y: 0 }, store, context: quietContext() },
      ),
    );
    expect(Math.max(...pixels.map((value) => Math.abs(value - 0.4)))).toBeLessThan(1e-5);
  });

  test('a part comes out as the whole does: no seam between tiles or previews', async () => {
    const screened = imageOf(halftone(scene(420, 300), 4.5, Math.PI / 4, 0.7));
    const whole = await run(screened);
    const rect = { x: 101, y: 63, width: 250, height: 200 };
    const part = await run(cropImage(screened, rect), {}, { whole: screened, x: rect.x, y: rect.y });
    const inner = { x: 70, y: 70, width: 100, height: 60 };
    const [a, b] = [await part.read(inner), await whole.read({ ...inner, x: rect.x + 70, y: rect.y + 70 })];
    expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThan(1e-6);
  });

  test.each([
    [2, 'u8'],
    [4, 'u16'],
    [3, 'u8'],
    [1, 'u16'],
  ] as const)(
    'keeps %i channels of %s, alpha to the bit',
    async (channels: ChannelCount, sampleType: SampleType) => {
      const colors = channels <= 2 ? 1 : 3;
      const screened = halftone(scene(200, 150, colors), 4.5, Math.PI / 4, 0.7);
      const writer = await store.create({ width: 200, height: 150, channels, sampleType });
      const rows = new Float32Array(200 * 150 * channels);
      for (let i = 0; i < 200 * 150; i++) {
        for (let c = 0; c < colors; c++) rows[i * channels + c] = screened.data[i * colors + c]!;
        if (channels > colors) rows[i * channels + colors] = (i % 7) / 6;
      }
      await writer.append(rows);
      const image = await writer.finish();
      const result = await run(image);
      expect([result.width, result.height, result.channels]).toEqual([200, 150, channels]);
      expect(result).not.toBe(image);
      const [a, b] = [await readAll(image), await readAll(result)];
      expect(Math.min(...b)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...b)).toBeLessThanOrEqual(1);
      if (channels > colors)
        for (let i = colors; i < a.length; i += channels)
          if (a[i] !== b[i]) throw new Error(`alpha ${i} changed`);
    },
  );

  test('can be cancelled', async () => {
    const abort = new AbortController();
    abort.abort();
    const image = imageOf(halftone(scene(300, 200), 4.5, Math.PI / 4, 0.7));
    await expect(
      removeScreen(
        image,
        { periodPx: 4.5, angleDeg: 45 },
        { smooth: 0.5, origin: { x: 0, y: 0 }, store, context: createContext(abort.signal) },
      ),
    ).rejects.toThrow();
  });
});
