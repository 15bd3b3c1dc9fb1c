import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultParams } from '../../../src/shared/params.ts';
import { quietContext } from '../../../src/engine/context.ts';
import { createImageStore, type ImageStore } from '../../../src/engine/image/image-store.ts';
import { fullRect, type ChannelCount, type Image } from '../../../src/engine/image/image.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { sharp } from '../../../src/engine/image/sharp.ts';
import { seededNormal } from '../../../src/engine/metrics/random.ts';
import type { StepTools } from '../../../src/engine/steps/step.ts';
import { analyzeTone, suggestTone } from '../../../src/engine/steps/tone-analysis.ts';
import { castOf, colorWithCast, createToner, toneParams, type ToneValues } from '../../../src/engine/steps/tone-levels.ts';
import { tone } from '../../../src/engine/steps/tone.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';

let store: ImageStore;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tone-'));
  store = createImageStore({ directory: folder, memoryBudgetBytes: 64e6 });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const neutral: ToneValues = defaultParams(toneParams);

/** A scene with every luma from black to white and soft colored blobs. */
function scene(width = 200, height = 160): Float32Array {
  const data = new Float32Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [(i % width) / width, Math.floor(i / width) / height];
    const light = Math.min(1, Math.max(0, 1.15 * x - 0.05 + 0.02 * seededNormal(5, i)));
    const hue = 2 * Math.PI * (y + 0.3 * x);
    [0, 2.1, 4.2].forEach((turn, c) => {
      data[3 * i + c] = Math.min(1, Math.max(0, light + 0.5 * light * (1 - light) * Math.cos(hue + turn)));
    });
  }
  return data;
}

function fade(data: Float32Array, black: readonly number[], white: readonly number[]): Float32Array {
  return data.map((value, i) => black[i % 3]! + (white[i % 3]! - black[i % 3]!) * value);
}

function meanError(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

function picture(data: Float32Array, channels: ChannelCount = 3, width = 200): Image {
  return floatImage(width, data.length / channels / width, channels, data);
}

async function run(image: Image, values: ToneValues): Promise<Image> {
  const tools = { store, strength: 1, photo: { dpi: undefined } } as unknown as StepTools;
  return tone.run(image, values, tools, quietContext());
}

describe('tone', () => {
  it('returns the picture itself with neutral params', async () => {
    const image = picture(scene());
    expect(await run(image, neutral)).toBe(image);
  });

  it('turns the given black and white points, casts included, into black and white', () => {
    const values = { ...neutral, black: 20, white: 85, shadowsWarmth: 10, shadowsTint: -4, lightsWarmth: 6, lightsTint: 3 };
    const rows = Float32Array.from([...colorWithCast(0.2, { warmth: 0.1, tint: -0.04 }), ...colorWithCast(0.85, { warmth: 0.06, tint: 0.03 })]);
    createToner(values, 3)(rows);
    [0, 0, 0, 1, 1, 1].forEach((expected, i) => expect(rows[i]).toBeCloseTo(expected, 5));
  });

  it('has a reversible cast', () => {
    const cast = castOf(colorWithCast(0.4, { warmth: 0.13, tint: -0.07 }));
    expect(cast.warmth).toBeCloseTo(0.13, 10);
    expect(cast.tint).toBeCloseTo(-0.07, 10);
  });

  it('keeps gray gray, also in RGB, and leaves alpha alone', async () => {
    const values = { ...neutral, black: 15, white: 80, gamma: 1.2, saturation: 150 };
    const gray = await run(picture(Float32Array.from([0.2, 0.3, 0.5, 0.9, 0.7, 1]), 2, 3), values);
    const pixels = await gray.read(fullRect(gray));
    expect([pixels[1], pixels[3], pixels[5]].map((a) => Math.round(10 * a!))).toEqual([3, 9, 10]);
    expect(gray.channels).toBe(2);
    const rgba = Float32Array.from([0.4, 0.4, 0.4, 0.5, 0.2, 0.2, 0.2, 0.25]);
    createToner(values, 4)(rgba);
    expect(rgba[0]).toBeCloseTo(rgba[1]!, 6);
    expect(rgba[1]).toBeCloseTo(rgba[2]!, 6);
    expect([rgba[3], rgba[7]]).toEqual([0.5, 0.25]);
  });

  it('keeps 16-bit steps apart', () => {
    const levels = Float32Array.from({ length: 4096 }, (_, i) => (20000 + i) / 65535);
    createToner({ ...neutral, black: 20, white: 60, gamma: 1.3 }, 1)(levels);
    for (let i = 1; i < levels.length; i++) expect(levels[i]! - levels[i - 1]!).toBeGreaterThan(1 / 65535);
  });

  it('keeps values in 0..1, and wide-gamut ones no further out than they were', () => {
    const rows = Float32Array.from([1.2, -0.1, 0.5, 1, 0, 0.5]);
    createToner({ ...neutral, black: 10, white: 70, saturation: 200 }, 3)(rows);
    expect(rows[0]).toBeCloseTo(1.2, 5);
    expect(rows[1]).toBeCloseTo(-0.1, 5);
    expect(rows[3]).toBe(1);
    expect(rows[4]).toBe(0);
  });

  it('reads a large picture by rows', async () => {
    const image = picture(new Float32Array(2000 * 3000 * 3).fill(0.5), 3, 2000);
    let largest = 0;
    const watched: Image = { ...image, read: (rect) => ((largest = Math.max(largest, rect.width * rect.height)), image.read(rect)) };
    const result = await run(watched, { ...neutral, black: 10 });
    await analyzeTone(watched);
    expect(largest).toBeLessThanOrEqual(2000 * 1000);
    await result.dispose();
  });
});

describe('analyzeTone', () => {
  it('finds nothing to do on a good photo', async () => {
    const suggestion = suggestTone(await analyzeTone(picture(scene())));
    expect(suggestion).toEqual({ enabled: false, params: neutral });
  });

  it.each([
    [[0.3, 0.2, 0.2], [0.95, 0.85, 0.78]],
    [[0.25, 0.25, 0.25], [0.85, 0.85, 0.85]],
    [[0.3, 0.2, 0.27], [0.95, 0.82, 0.9]],
  ])('brings a faded print %j %j back to within a third of the damage', async (black, white) => {
    const good = scene();
    const faded = fade(good, black, white);
    const analysis = await analyzeTone(picture(faded));
    const { enabled, params } = suggestTone(analysis);
    expect(analysis.kind).toBe('color');
    expect(enabled).toBe(true);
    const restored = faded.slice();
    createToner(params, 3)(restored);
    expect(meanError(restored, good)).toBeLessThan(meanError(faded, good) / 3);
  });

  it('calls sepia tinted and keeps its tint while it restores its contrast', async () => {
    const sepia = new Float32Array(scene().length);
    scene().forEach((_, i, all) => {
      const light = (all[3 * Math.floor(i / 3)]! + all[3 * Math.floor(i / 3) + 1]! + all[3 * Math.floor(i / 3) + 2]!) / 3;
      sepia[i] = [0.33, 0.27, 0.2][i % 3]! + light * [0.52, 0.48, 0.4][i % 3]!;
    });
    const analysis = await analyzeTone(picture(sepia));
    const { enabled, params } = suggestTone(analysis);
    expect([analysis.kind, analysis.faded, analysis.cast, enabled]).toEqual(['tinted', true, false, true]);
    expect([params.shadowsWarmth, params.shadowsTint, params.lightsWarmth, params.lightsTint]).toEqual([0, 0, 0, 0]);
    const restored = sepia.slice();
    createToner(params, 3)(restored);
    const after = await analyzeTone(picture(restored));
    expect(after.blackLuma).toBeLessThan(0.12);
    expect(after.kind).toBe('tinted');
    expect(after.meanCast.warmth / analysis.meanCast.warmth).toBeGreaterThan(0.75);
    expect(after.meanCast.warmth / analysis.meanCast.warmth).toBeLessThan(1.25);
    expect(suggestTone(after).enabled).toBe(false);
  });

  it('survives tiny, flat and transparent pictures', async () => {
    for (const image of [picture(Float32Array.of(0.5), 1, 1), picture(new Float32Array(300).fill(0.3), 3, 10), picture(new Float32Array(400), 4, 10)]) {
      expect(suggestTone(await analyzeTone(image)).enabled).toBe(false);
    }
  });

  it.skipIf(sharedData === undefined)(`leaves all 24 Kodak photos alone${sharedDataNote}`, async () => {
    const directory = path.join(sharedData!, 'eval/open/kodak24');
    const enabled: string[] = [];
    for (const name of readdirSync(directory)) {
      const { data, info } = await sharp(path.join(directory, name)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      const image = floatImage(info.width, info.height, 3, Float32Array.from(data, (value) => value / 255));
      if (suggestTone(await analyzeTone(image)).enabled) enabled.push(name);
    }
    expect(enabled).toEqual([]);
  });
});
