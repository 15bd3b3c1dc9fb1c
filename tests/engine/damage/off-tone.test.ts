import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createContext, quietContext } from '../../../src/engine/context.ts';
import { type DamageMap, evenEvidence } from '../../../src/engine/damage/damage-map.ts';
import { type PictureColor, weighTone } from '../../../src/engine/damage/off-tone.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import type { ImageStore } from '../../../src/engine/image/image-store.ts';
import { sharp } from '../../../src/engine/image/sharp.ts';
import { CancelledError } from '../../../src/shared/failure.ts';
import { openBench } from '../image/make.ts';
import { paint } from '../models/networks.ts';
import { mapOf } from './maps.ts';

let files: ReturnType<typeof openBench>;
let store: ImageStore;
beforeAll(() => {
  files = openBench();
  store = files.store;
});
afterAll(() => files.close());

const [width, height] = [320, 240];
type Rgb = readonly [red: number, green: number, blue: number];

/** Brown with a peak at middle gray, as sepia is; `luma` from 0 to 1. */
function sepia(luma: number): Rgb {
  const strength = 0.02 + 0.08 * (1 - (2 * luma - 1) ** 2);
  return [luma + 0.7 * strength, luma - 0.1 * strength, luma - 1.6 * strength];
}
const gray = (luma: number): Rgb => [luma, luma, luma];
/** A scene in light and shade with a bright cord and a dark one. */
function sceneLuma(x: number, y: number): number {
  if (y >= 100 && y < 102) return 0.85;
  if (x >= 200 && x < 203) return 0.1;
  return 0.45 + 0.4 * Math.sin(x / 40) * Math.cos(y / 31) + 0.02 * Math.sin(x * 1.7 + y * 2.3);
}
/** Specks where paper shows, and where gray dust lies; `reach` counts what is around them too. */
const isSpeck = (x: number, y: number, reach = 0): boolean =>
  x % 60 >= 30 - reach && x % 60 < 34 + reach && y % 60 >= 20 - reach && y % 60 < 23 + reach;
const worn = (x: number, y: number): Rgb => (isSpeck(x, y) ? gray(0.7) : sepia(sceneLuma(x, y)));

function painted(at: (x: number, y: number) => Rgb, channels: 3 | 4 = 3): Promise<Image> {
  return paint(store, width, height, channels, (x, y, c) => (c === 3 ? 1 : at(x, y)[c]!));
}

async function throughJpeg(image: Image, quality: number): Promise<Image> {
  const pixels = await image.read({ x: 0, y: 0, width, height });
  const bytes = Uint8Array.from(pixels, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
  const file = await sharp(bytes, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:2:0' })
    .toBuffer();
  return floatImage(
    width,
    height,
    3,
    Float32Array.from(await sharp(file).raw().toBuffer(), (value) => value / 255),
  );
}

/** Little evidence everywhere but in the lowest rows, where the network says nothing. */
const little = (size = { width, height }): DamageMap =>
  mapOf(size.width, size.height, ['scratch'], [[0, 0, size.width, Math.round(0.9 * size.height), 0.04, 0]], {
    width,
    height,
  });
const weigh = (image: Image, map: DamageMap): Promise<PictureColor> =>
  weighTone(image, map, { store, context: quietContext() });

/** Mean rise of evidence on specks, and the greatest farther from them than blur or JPEG's blocks of 16 pixels reach. */
function rises(map: DamageMap): { specks: number; elsewhere: number } {
  const before = little().evidence[0]!;
  let [sum, count, elsewhere] = [0, 0, 0];
  for (let y = 2; y < 0.9 * height - 4; y++)
    for (let x = 2; x < width - 2; x++) {
      const rise = map.evidence[y * width + x]! - before;
      if (isSpeck(x, y)) [sum, count] = [sum + rise, count + 1];
      else if (!isSpeck(x, y, 16)) elsewhere = Math.max(elsewhere, rise);
    }
  return { specks: sum / count, elsewhere };
}

test('in a brown print gray specks count more, cords of the scene do not, however bright or dark', async () => {
  const map = little();
  expect(await weigh(await painted(worn), map)).toBe('one');
  const { specks, elsewhere } = rises(map);
  expect(specks).toBeGreaterThan(40);
  expect(elsewhere).toBe(0);
  // Of what the network says nothing, color says nothing either.
  expect(map.evidence.subarray(Math.round(0.9 * height) * width)).toEqual(
    new Uint8Array((height - Math.round(0.9 * height)) * width),
  );
});

test.each([92, 75])(
  'a JPEG file of quality %i that kept one color for 2×2 pixels does not make cords damage',
  async (quality) => {
    const map = little();
    expect(await weigh(await throughJpeg(await painted(worn), quality), map)).toBe('one');
    const { specks, elsewhere } = rises(map);
    expect(specks).toBeGreaterThan(30);
    expect(elsewhere).toBeLessThan(20);
  },
);

test('what is transparent and how large the map is make no difference', async () => {
  const map = little({ width: width / 2, height: height / 2 });
  expect(await weigh(await painted(worn, 4), map)).toBe('one');
  const before = little().evidence[0]!;
  expect(map.evidence[10 * (width / 2) + 16]! - before).toBeGreaterThan(40);
  expect(map.evidence[40 * (width / 2) + 60]).toBe(before);
});

test('photographs in color, in gray, of a single strong color and tiny ones stay as they are', async () => {
  const colorful = (x: number, y: number): Rgb =>
    x % 80 < 40 ? [0.7, 0.3, 0.3] : y % 80 < 40 ? [0.2, 0.5, 0.3] : [0.3, 0.3, 0.7];
  const sunset = (x: number, y: number): Rgb =>
    isSpeck(x, y) ? gray(0.5) : [0.9 - y / 1000, 0.5 - y / 1000, 0.02];
  const withSpecks = (x: number, y: number): Rgb => (isSpeck(x, y) ? sepia(0.7) : gray(sceneLuma(x, y)));
  for (const [image, color] of [
    [await painted(colorful), 'many'],
    [await painted(sunset), 'many'],
    [await painted(withSpecks), 'none'],
    [await paint(store, width, height, 1, sceneLuma), 'none'],
    [await paint(store, 20, 20, 3, (x, y, c) => sepia(sceneLuma(x, y))[c]!), 'many'],
  ] as const) {
    const map = little();
    const before = map.evidence.slice();
    expect(await weigh(image, map)).toBe(color);
    expect(map.evidence).toEqual(before);
  }
});

test('can be cancelled before anything is weighed', async () => {
  const abort = new AbortController();
  const map = little();
  const before = map.evidence.slice();
  const work = weighTone(await painted(worn), map, { store, context: createContext(abort.signal) });
  abort.abort();
  await expect(work).rejects.toThrow(CancelledError);
  expect(map.evidence).toEqual(before);
});

describe('stains', () => {
  const kinds = ['scratch', 'stain'] as const;
  const rust = (x: number, y: number, cx: number, cy: number): number =>
    Math.exp(-(((x - cx) / 7) ** 2) - ((y - cy) / 6) ** 2);
  const blotted =
    (cx: number, cy: number) =>
    (x: number, y: number): Rgb => {
      const share = rust(x, y, cx, cy);
      const clean = sepia(sceneLuma(x, y));
      return [0.6, 0.35, 0.15].map((value, c) => clean[c]! + share * (value - clean[c]!)) as unknown as Rgb;
    };

  test('of another color are found where the network sees nothing, and only there', async () => {
    const map = mapOf(width, height, kinds, [[140, 60, 4, 4, 0.7, 0]]);
    expect(await weigh(await painted(blotted(140, 60)), map)).toBe('one');
    const [at, off] = [58 * width + 136, 150 * width + 60];
    expect([map.evidence[at]! > evenEvidence, map.kind[at]]).toEqual([true, 1]);
    expect(map.evidence[off]).toBe(0);
    // What the network takes for a scratch stays one.
    expect(map.kind[62 * width + 142]).toBe(0);
  });

  test('that touch the edge are the mount, and a picture colored by hand has none', async () => {
    const mount = mapOf(width, height, kinds, []);
    expect(
      await weigh(await painted((x, y) => (x < 9 ? [0.75, 0.8, 0.8] : sepia(sceneLuma(x, y)))), mount),
    ).toBe('one');
    expect(mount.evidence.every((value) => value === 0)).toBe(true);
    const cheeks = mapOf(width, height, kinds, []);
    const tint = (x: number, y: number): number =>
      0.12 * (rust(x / 4, y / 4, 30, 30) + rust(x / 4, y / 4, 50, 30));
    const tinted = (x: number, y: number): Rgb => {
      const [r, g, b] = sepia(sceneLuma(x, y));
      return [r + tint(x, y), g - tint(x, y) / 2, b];
    };
    await weigh(await painted(tinted), cheeks);
    expect(cheeks.evidence.every((value) => value === 0)).toBe(true);
  });
});
