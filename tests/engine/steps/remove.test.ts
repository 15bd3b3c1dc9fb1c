import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createContext, quietContext } from '../../../src/engine/context.ts';
import { fillImage, fillPatches } from '../../../src/engine/fill/fill-image.ts';
import type { HoleFiller } from '../../../src/engine/fill/fill-hole.ts';
import type { FillNetwork } from '../../../src/engine/fill/fill-network.ts';
import { type Patch, patchedImage } from '../../../src/engine/fill/patched-image.ts';
import { maskFromImage } from '../../../src/engine/fill/mask-from-image.ts';
import { rasterizeMask } from '../../../src/shared/raster/rasterize-mask.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { type ChannelCount, fullRect, type Image, type SampleType } from '../../../src/engine/image/image.ts';
import type { ImageStore } from '../../../src/engine/image/image-store.ts';
import { seededNormal } from '../../../src/engine/metrics/random.ts';
import type { ModelHub } from '../../../src/engine/models/model-hub.ts';
import { remove } from '../../../src/engine/steps/remove.ts';
import {
  checkRecipe,
  type RecipeBench,
  recipeNotices,
  runRecipe,
} from '../../../src/engine/steps/run-recipe.ts';
import { StepCache } from '../../../src/engine/steps/step-cache.ts';
import { emptyMask, type Mask, type MaskShape } from '../../../src/shared/mask.ts';
import { defaultParams, type ParamValue } from '../../../src/shared/params.ts';
import type { Recipe, StepUse } from '../../../src/shared/recipe.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { openBench, readAll } from '../image/make.ts';

let files: ReturnType<typeof openBench>;
let store: ImageStore;
beforeAll(() => {
  files = openBench();
  store = files.store;
});
afterAll(() => files.close());

/** A grassy slope with a post in the middle that should go. */
async function meadow(
  width: number,
  height: number,
  channels: ChannelCount,
  sampleType: SampleType,
): Promise<Image> {
  const writer = await store.create({ width, height, channels, sampleType });
  const rows = new Float32Array(width * height * channels);
  for (let i = 0; i < rows.length; i++) {
    const [c, pixel] = [i % channels, Math.floor(i / channels)];
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    if (channels % 2 === 0 && c === channels - 1) rows[i] = 0.6 + (0.4 * ((x * 7 + y) % 11)) / 10;
    else rows[i] = 0.3 + (0.3 * y) / height + 0.08 * Math.sin(x * 0.7 + c) + 0.02 * seededNormal(c, pixel);
  }
  await writer.append(rows);
  return writer.finish();
}

const rectangle = (x: number, y: number, width: number, height: number): MaskShape => ({
  kind: 'rectangle',
  x,
  y,
  width,
  height,
  erase: false,
});
const maskOn = (image: Image, ...shapes: MaskShape[]): Mask => ({ ...emptyMask(image), shapes });

function recipeOf(
  step: string,
  mask: Mask | undefined,
  params: Record<string, ParamValue> = {},
  strength = 1,
): Recipe {
  const use: StepUse = {
    id: 'a',
    step,
    version: 1,
    enabled: true,
    strength,
    params,
    ...(mask === undefined ? {} : { mask }),
  };
  return { format: 'heirloom-recipe', version: 1, steps: [use] };
}

/** No model is installed. */
const noModels = { defaultFor: () => undefined } as unknown as ModelHub;

/** The bench the tests run on; no step here asks for a model. */
function bench(): RecipeBench {
  return { store, models: noModels, cache: new StepCache(1e9), photo: { dpi: undefined } };
}

async function run(
  image: Image,
  mask: Mask | undefined,
  params: Record<string, ParamValue> = {},
): Promise<Image> {
  const recipe = recipeOf('remove', mask, params);
  const tools = {
    store,
    models: noModels,
    strength: 1,
    photo: { dpi: undefined },
    ...(mask === undefined ? {} : { mask }),
  };
  checkRecipe(image, recipe, bench());
  return remove.run(image, { ...defaultParams(remove.params), ...params }, tools, quietContext());
}

/** Where the mask with its soft edge is 0 nothing changed, alpha nowhere; returns how many samples did change. */
async function changes(before: Image, after: Image, mask: Mask, featherPx = 2): Promise<number> {
  const [a, b] = [await readAll(before), await readAll(after)];
  const coverage = rasterizeMask(
    { ...mask, featherPx: mask.featherPx + featherPx },
    before,
    fullRect(before),
  );
  let changed = 0;
  let wrong = 0;
  a.forEach((value, i) => {
    if (value === b[i]) return;
    changed++;
    const isAlpha = before.channels % 2 === 0 && i % before.channels === before.channels - 1;
    if (isAlpha || coverage[Math.floor(i / before.channels)] === 0) wrong++;
  });
  expect(wrong).toBe(0);
  return changed;
}

describe('remove', () => {
  const layouts = ([1, 2, 3, 4] as const).flatMap((channels) =>
    (['u8', 'u16', 'f32'] as const).map((type) => [channels, type] as const),
  );
  test.each(layouts)(
    'leaves everything outside of the mask bit-identical: %i channels, %s',
    async (channels, type) => {
      const image = await meadow(90, 70, channels, type);
      const mask = maskOn(image, rectangle(40, 20, 14, 30), {
        kind: 'stroke',
        points: [
          { x: 3, y: 66, pressure: 1 },
          { x: 80, y: 60, pressure: 1 },
        ],
        radiusPx: 1,
        hardness: 1,
        erase: false,
      });
      const result = await run(image, mask);
      expect([result.width, result.height, result.channels, result.sampleType]).toEqual([
        90,
        70,
        channels,
        type,
      ]);
      expect(await changes(image, result, mask)).toBeGreaterThan(300);
    },
  );

  test('leaves 24 megapixels alone but for the mask', async () => {
    const size = { width: 6000, height: 4000 };
    const writer = await store.create({ ...size, channels: 1, sampleType: 'u8' });
    const rows = new Float32Array(size.width * 500);
    for (let strip = 0; strip < 8; strip++) {
      for (let i = 0; i < rows.length; i++) rows[i] = ((i * 7 + strip * 31 + Math.floor(i / size.width)) % 256) / 255;
      await writer.append(rows);
    }
    const image = await writer.finish();
    const mask = maskOn(image, rectangle(5980, 1990, 20, 30), rectangle(10, 10, 3, 900));
    const result = await run(image, mask, { method: 'exemplar' });
    const soft = { ...mask, featherPx: 2 };
    let [changed, wrong] = [0, 0];
    for (let y = 0; y < size.height; y += 500) {
      const rect = { x: 0, y, width: size.width, height: 500 };
      const [before, after] = [await image.read(rect), await result.read(rect)];
      const coverage = rasterizeMask(soft, image, rect);
      for (let i = 0; i < before.length; i++) {
        if (before[i] === after[i]) continue;
        changed++;
        if (coverage[i] === 0) wrong++;
      }
    }
    expect(wrong).toBe(0);
    expect(changed).toBeGreaterThan(1000);
  });

  test('works with a mask along all borders, and with one at a corner', async () => {
    const image = await meadow(80, 60, 3, 'u8');
    const frame = { ...maskOn(image, rectangle(9, 8, 62, 44)), invert: true };
    const framed = await run(image, frame);
    expect(await changes(image, framed, frame)).toBeGreaterThan(3000);
    const corner = maskOn(image, rectangle(-5, -5, 25, 20));
    expect(await changes(image, await run(image, corner), corner)).toBeGreaterThan(500);
  });

  test('does nothing without a selection, and says so', async () => {
    const image = await meadow(40, 30, 3, 'u8');
    for (const mask of [
      undefined,
      maskOn(image),
      maskOn(image, rectangle(100, 100, 5, 5)),
      maskOn(image, rectangle(2, 2, 5, 5), { ...rectangle(0, 0, 40, 30), erase: true }),
    ]) {
      expect(await run(image, mask)).toBe(image);
      expect(recipeNotices(image, recipeOf('remove', mask), bench())).toEqual([
        'Nothing is selected for the step Remove, so it removed nothing.',
      ]);
    }
    expect(recipeNotices(image, recipeOf('remove', maskOn(image, rectangle(2, 2, 5, 5))), bench())).toEqual(
      [],
    );
  });

  test('refuses a mask over everything, and one for another picture, in one sentence', async () => {
    const image = await meadow(40, 30, 3, 'u8');
    await expect(run(image, maskOn(image, rectangle(0, 0, 40, 30)))).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(/^The mask selects the whole picture[^.]*\.$/),
    });
    const other = { ...maskOn(image, rectangle(0, 0, 5, 5)), height: 60 };
    await expect(run(image, other)).rejects.toMatchObject({
      code: 'bad-input',
      message: 'The mask is 40×60 pixels, but the picture is 40×30.',
    });
  });

  test('is the same for the same seed, another variant for another', async () => {
    const image = await meadow(90, 70, 1, 'u16');
    const mask = maskOn(image, rectangle(40, 20, 14, 30));
    const [a, b, c] = await Promise.all(
      [1, 1, 2].map(async (seed) => readAll(await run(image, mask, { seed }))),
    );
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });

  test('fills a long thin region in tiles and a large one coarsely first', async () => {
    const image = await meadow(1180, 90, 1, 'u8');
    const line: MaskShape = {
      kind: 'stroke',
      points: [
        { x: 2, y: 3, pressure: 1 },
        { x: 1177, y: 86, pressure: 1 },
      ],
      radiusPx: 3,
      hardness: 1,
      erase: false,
    };
    const scratch = maskOn(image, line);
    const thin = await run(image, scratch);
    expect(await changes(image, thin, scratch)).toBeGreaterThan(5000);
    const band = maskOn(image, rectangle(30, 40, 1120, 12));
    const wide = await run(image, band);
    expect(await changes(image, wide, band)).toBeGreaterThan(12_000);
    // The slope of the meadow goes on through both.
    for (const [result, rect] of [
      [thin, { x: 600, y: 0, width: 100, height: 90 }],
      [wide, { x: 600, y: 30, width: 100, height: 40 }],
    ] as const) {
      const [a, b] = [await image.read(rect), await result.read(rect)];
      expect(a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length).toBeLessThan(0.035);
    }
  });

  test('shows a draft first: a place as the network draws it, the rest of a large one as it is filled coarsely', async () => {
    let asked = 0;
    const network: FillNetwork = {
      id: 'black',
      windowPx: 320,
      largestHolePx: 160,
      predict: (pixels) => {
        asked++;
        return Promise.resolve(new Float32Array(pixels.length));
      },
    };
    const image = await meadow(1500, 1400, 3, 'u8');
    const mask = maskOn(image, rectangle(20, 20, 40, 40), rectangle(180, 180, 1200, 1110));
    const drafts: (readonly Patch[])[] = [];
    const options = { method: 'together', seed: 1, network, onDraft: (patches: readonly Patch[]) => drafts.push(patches) } as const;
    // Hundreds of patches over a black guide would take minutes: what is drawn comes before, so stop at the first tile.
    const halt = new AbortController();
    let tiles = 0;
    const filler: HoleFiller = async (hole, how) => {
      if (how.guide?.replacesCoarse === true && ++tiles === 2) halt.abort();
      return how.guide === undefined ? hole.pixels.map(() => 1) : hole.pixels.map(() => 0.5);
    };
    await expect(fillPatches(image, mask, { ...options, filler }, createContext(halt.signal))).rejects.toThrow();
    expect(asked).toBeGreaterThan(1);
    const at = async (patches: readonly Patch[], x: number, y: number): Promise<number> =>
      (await patchedImage(image, patches).read({ x, y, width: 1, height: 1 }))[0]!;
    // The small place as the network draws it (black, brought to the tones of the rim), then filled.
    expect(await Promise.all(drafts.map((patches) => at(patches, 40, 40)))).toEqual([expect.closeTo(0.3, 1), 1, 1, 1, 1]);
    // The large one drawn, filled coarsely, and its first tile done.
    const large = await Promise.all(drafts.map((patches) => at(patches, 700, 700)));
    expect(large.slice(0, 2)).toEqual([await at([], 700, 700), await at([], 700, 700)]);
    expect(large[2]).toBeGreaterThan(0.25);
    expect(large[2]).toBeLessThan(0.65);
    expect(large.slice(3)).toEqual([1, 1]);
    const first = await Promise.all(drafts.map((patches) => at(patches, 300, 300)));
    expect(first.at(-1)).toBe(0.5);
    // What is not selected is the photo's own in every draft.
    for (const patches of drafts) expect(await at(patches, 100, 100)).toBe(await at([], 100, 100));
  });

  test('fills hundreds of hair-thin places the fast way, a few or wider ones with patches', async () => {
    const image = await meadow(700, 340, 1, 'u8');
    const specks = Array.from({ length: 20 * 14 }, (_, i) =>
      rectangle(20 + 33 * (i % 20), 6 + 24 * Math.floor(i / 20), 2, 2),
    );
    const dust = maskOn(image, ...specks);
    const auto = await run(image, dust);
    expect(await changes(image, auto, dust)).toBeGreaterThan(1000);
    expect(await readAll(auto)).toEqual(await readAll(await run(image, dust, { method: 'telea' })));
    const one = maskOn(image, rectangle(300, 150, 2, 2));
    expect(await readAll(await run(image, one))).toEqual(
      await readAll(await run(image, one, { method: 'exemplar' })),
    );
  });

  test('stops when it is cancelled', async () => {
    const image = await meadow(90, 70, 3, 'u8');
    const abort = new AbortController();
    const context = createContext(abort.signal, (done) => {
      if (done > 0.2) abort.abort();
    });
    const options = { method: 'exemplar', seed: 1, store } as const;
    await expect(
      fillImage(image, maskOn(image, rectangle(30, 20, 30, 30)), options, context),
    ).rejects.toMatchObject({ name: 'CancelledError' });
  });

  test(`removes what stands before a bench${sharedDataNote}`, async ({ skip }) => {
    if (sharedData === undefined) return skip();
    const path = `${sharedData}/eval/open/object-removal/overture-creations-5sI6fQgYIuo`;
    const { image } = await openPhoto(`${path}.png`, { store });
    const mask = await maskFromImage((await openPhoto(`${path}_mask.png`, { store })).image, quietContext());
    expect(await changes(image, await run(image, mask), mask)).toBeGreaterThan(90_000);
  });
});

describe('a mask on another step', () => {
  const tone = { black: 20, white: 80 };

  test('lets it act there only, or everywhere else', async () => {
    const image = await meadow(60, 40, 3, 'u8');
    const kept = bench();
    kept.cache.retain(image);
    const toned = async (mask?: Mask): Promise<Float32Array> => {
      kept.cache.retain(image);
      return readAll(await runRecipe(image, 'k', recipeOf('tone', mask, tone), kept, quietContext()));
    };
    const all = await toned();
    const before = await readAll(image);
    const mask = { ...maskOn(image, rectangle(10, 10, 20, 20)), featherPx: 4 };
    for (const mode of ['act', 'protect'] as const) {
      const coverage = rasterizeMask({ ...mask, mode }, image, fullRect(image));
      const result = await toned({ ...mask, mode });
      result.forEach((value, i) => {
        const share = coverage[Math.floor(i / 3)]!;
        if (share === 0) expect(value).toBe(before[i]);
        else expect(value).toBeCloseTo(before[i]! + share * (all[i]! - before[i]!), 5);
      });
    }
  });

  test('is part of what a cached result is known by', async () => {
    const image = await meadow(60, 40, 3, 'u8');
    const kept = bench();
    kept.cache.retain(image);
    const results = [];
    for (const x of [5, 30, 5]) {
      kept.cache.retain(image);
      results.push(
        await runRecipe(
          image,
          'k',
          recipeOf('tone', maskOn(image, rectangle(x, 5, 10, 10)), tone),
          kept,
          quietContext(),
        ),
      );
    }
    expect(results[0]).not.toBe(results[1]);
    expect(results[0]).toBe(results[2]);
  });

  test('is refused where the step changes the size, or the mask is for another picture', () => {
    const size = { width: 60, height: 40 };
    const mask = emptyMask(size);
    expect(() => checkRecipe(size, recipeOf('enlarge', mask, { factor: 2 }), bench())).toThrow(
      'changes the size of the picture',
    );
    expect(checkRecipe(size, recipeOf('enlarge', mask, { factor: 1 }), bench())).toEqual(size);
    expect(() => checkRecipe({ width: 50, height: 50 }, recipeOf('tone', mask), bench())).toThrow(
      'The mask is 60×40',
    );
  });
});
