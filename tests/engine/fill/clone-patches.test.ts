import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quietContext } from '../../../src/engine/context.ts';
import { clonePatches, type CloneOptions } from '../../../src/engine/fill/clone-patches.ts';
import { patchedImage } from '../../../src/engine/fill/patched-image.ts';
import { type ChannelCount, fullRect, type Image, type SampleType } from '../../../src/engine/image/image.ts';
import type { ImageStore } from '../../../src/engine/image/image-store.ts';
import { emptyMask, type Mask } from '../../../src/shared/mask.ts';
import { rasterizeMask } from '../../../src/shared/raster/rasterize-mask.ts';
import { openBench, randomSource, readAll } from '../image/make.ts';

const width = 120;
const height = 80;
let files: ReturnType<typeof openBench>;
let store: ImageStore;
beforeAll(() => {
  files = openBench();
  store = files.store;
});
afterAll(() => files.close());

/** Grain on a slope of tones that is darker on the left. */
async function slope(channels: ChannelCount, sampleType: SampleType): Promise<Image> {
  const random = randomSource(3);
  const writer = await store.create({ width, height, channels, sampleType });
  await writer.append(
    Float32Array.from({ length: width * height * channels }, (_, i) => {
      const x = Math.floor(i / channels) % width;
      return 0.2 + (0.5 * x) / width + 0.06 * (random() - 0.5);
    }),
  );
  return writer.finish();
}

const stroke = (hardness = 1): Mask => ({
  ...emptyMask({ width, height }),
  shapes: [
    {
      kind: 'stroke',
      points: [
        { x: 30, y: 30, pressure: 1 },
        { x: 45, y: 50, pressure: 0.7 },
      ],
      radiusPx: 9,
      hardness,
      erase: false,
    },
  ],
});

async function cloned(image: Image, mask: Mask, options: CloneOptions): Promise<Image> {
  return patchedImage(image, await clonePatches(image, mask, options, quietContext()));
}

describe('clone and heal', () => {
  const layouts = ([1, 2, 3, 4] as const).flatMap((channels) =>
    (['u8', 'u16', 'f32'] as const).flatMap((type) =>
      [false, true].map((heals) => [heals ? 'heal' : 'clone', channels, type, heals] as const),
    ),
  );
  test.each(layouts)(
    '%s leaves everything outside of the strokes, and alpha, bit-identical: %i channels, %s',
    async (_name, channels, type, heals) => {
      const image = await slope(channels, type);
      const mask = stroke(0.3);
      const after = await readAll(await cloned(image, mask, { offset: { x: 50, y: -10 }, heals }));
      const before = await readAll(image);
      const coverage = rasterizeMask(mask, image, fullRect(image));
      const hasAlpha = channels % 2 === 0;
      let changed = 0;
      const wrong = before.filter((value, i) => {
        if (value === after[i]) return false;
        changed++;
        return coverage[Math.floor(i / channels)] === 0 || (hasAlpha && i % channels === channels - 1);
      });
      expect(wrong).toHaveLength(0);
      expect(changed).toBeGreaterThan(300);
    },
  );

  test('clone puts exactly the source in the place', async () => {
    const image = await slope(3, 'u16');
    const result = await cloned(image, stroke(), { offset: { x: 40, y: 5 }, heals: false });
    const at = (picture: Image, x: number, y: number) => picture.read({ x, y, width: 6, height: 6 });
    expect(await at(result, 28, 30)).toEqual(await at(image, 68, 35));
  });

  test('heal brings the grain of the source and keeps the tones of the place', async () => {
    const image = await slope(1, 'f32');
    const place = { x: 30, y: 34, width: 8, height: 8 };
    const mean = (values: Float32Array): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    const before = await image.read(place);
    const source = await image.read({ ...place, x: place.x + 60 });
    const copy = await (await cloned(image, stroke(), { offset: { x: 60, y: 0 }, heals: false })).read(place);
    const heal = await (await cloned(image, stroke(), { offset: { x: 60, y: 0 }, heals: true })).read(place);
    expect(mean(source) - mean(before)).toBeGreaterThan(0.2);
    expect(mean(copy)).toBeCloseTo(mean(source), 6);
    expect(Math.abs(mean(heal) - mean(before))).toBeLessThan(0.02);
    const grain = (values: Float32Array): number[] => Array.from(values, (value) => value - mean(values));
    const [a, b] = [grain(heal), grain(source)];
    const dot = (p: number[], q: number[]): number => p.reduce((sum, value, i) => sum + value * q[i]!, 0);
    expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toBeGreaterThan(0.95);
  });

  /** A dark sleeve below a white tear that follows a slanting line, with grain. */
  async function tornSleeve(): Promise<Image> {
    const random = randomSource(5);
    const writer = await store.create({ width, height, channels: 3, sampleType: 'f32' });
    await writer.append(
      Float32Array.from({ length: width * height * 3 }, (_, i) => {
        const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
        return (y < 36 + x / 10 ? 0.93 : 0.22) + 0.05 * (random() - 0.5);
      }),
    );
    return writer.finish();
  }

  test.each([
    ['mostly on the sleeve', 46],
    ['half on the tear', 40],
    ['mostly on the tear', 36],
  ])('heal across a strong edge, %s, brings the sleeve and not the white beside it', async (_name, y) => {
    const image = await tornSleeve();
    const across: Mask = {
      ...emptyMask({ width, height }),
      shapes: [
        {
          kind: 'stroke',
          points: [
            { x: 25, y, pressure: 1 },
            { x: 50, y, pressure: 1 },
          ],
          radiusPx: 9,
          hardness: 1,
          erase: false,
        },
      ],
    };
    const result = await cloned(image, across, { offset: { x: 40, y: 24 }, heals: true });
    const healed = await result.read({ x: 25, y: y - 7, width: 25, height: 14 });
    expect(Math.max(...healed)).toBeLessThan(0.35);
    expect(Math.min(...healed)).toBeGreaterThan(0.1);
  });

  test('heal follows a rim that agrees with itself, however far it is from the source', async () => {
    const image = await tornSleeve();
    const result = await cloned(
      image,
      {
        ...stroke(),
        shapes: stroke().shapes.map((shape) => ({
          ...shape,
          points: [
            { x: 30, y: 15, pressure: 1 },
            { x: 45, y: 18, pressure: 1 },
          ],
        })) as Mask['shapes'],
      },
      { offset: { x: 20, y: 45 }, heals: true },
    );
    const healed = await result.read({ x: 30, y: 12, width: 16, height: 8 });
    expect(Math.min(...healed)).toBeGreaterThan(0.85);
  });

  test('a place whose source leaves the picture is covered as far as there is one', async () => {
    const image = await slope(3, 'u8');
    const result = await cloned(image, stroke(), { offset: { x: 0, y: -35 }, heals: false });
    const row = (picture: Image, y: number) => picture.read({ x: 30, y, width: 5, height: 1 });
    expect(await row(result, 30)).toEqual(await row(image, 30));
    expect(await row(result, 36)).toEqual(await row(image, 1));
    await expect(cloned(image, stroke(), { offset: { x: 500, y: 0 }, heals: true })).rejects.toThrow(
      'The source to copy from lies outside of the photo.',
    );
  });

  test('a mask of half the size means the same places and the same way to the source', async () => {
    const image = await slope(1, 'u8');
    const full = await readAll(await cloned(image, stroke(), { offset: { x: 40, y: 6 }, heals: false }));
    const small: Mask = {
      ...emptyMask({ width: width / 2, height: height / 2 }),
      shapes: [
        {
          kind: 'stroke',
          points: [
            { x: 15, y: 15, pressure: 1 },
            { x: 22.5, y: 25, pressure: 0.7 },
          ],
          radiusPx: 4.5,
          hardness: 1,
          erase: false,
        },
      ],
    };
    expect(await readAll(await cloned(image, small, { offset: { x: 20, y: 3 }, heals: false }))).toEqual(
      full,
    );
  });
});
