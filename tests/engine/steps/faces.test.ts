import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { quietContext } from '../../../src/engine/context.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import type { ModelHub } from '../../../src/engine/models/model-hub.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { enlarge } from '../../../src/engine/steps/enlarge.ts';
import { faces } from '../../../src/engine/steps/faces.ts';
import { mapRows } from '../../../src/engine/image/map-rows.ts';
import { resizeImage } from '../../../src/engine/image/resize.ts';
import { writeSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { defaultParams } from '../../../src/shared/params.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { openBench } from '../image/make.ts';
import { golden, openHubs, seesOne } from '../faces/face-hubs.ts';
import { compactWeights, halftone, paint, pixelsOf } from '../models/networks.ts';

const bench = openBench();
const { folder, hubOf, close } = openHubs();
const defaults = defaultParams(faces.params);
/** The test networks have random weights: what they give is nobody's face. */
const unguarded = { ...defaults, guard: false };

let hub: ModelHub;
let photo: Image;
beforeAll(async () => {
  const real = hubOf('all', [
    ['detector', 'face-detect', join(golden, 'yu-net.pth')],
    ['restorer', 'face-restore', join(golden, 'gfpgan-v1-clean.pth')],
    ['former', 'face-restore', join(golden, 'restore-former.pth')],
  ]);
  // A picture of 128 pixels is looked at once, at twice its size.
  hub = { ...real, openNetwork: async (id) => seesOne(await real.openNetwork(id), 2) };
  photo = await paint(bench.store, 128, 128, 3, halftone);
});
afterAll(async () => {
  await close();
  await bench.close();
});

const run = (
  params: typeof defaults,
  strength = 1,
  on: Image = photo,
  models: ModelHub = hub,
): Promise<Image> =>
  faces.run(on, params, { store: bench.store, models, strength, photo: { dpi: undefined } }, quietContext());
const distanceTo = async (image: Image): Promise<number> => {
  const before = await pixelsOf(photo);
  return Math.sqrt((await pixelsOf(image)).reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0));
};

describe('the faces step', () => {
  it('says which model is missing', async () => {
    const none = hubOf('none', []);
    const half = hubOf('half', [['detector', 'face-detect', join(golden, 'yu-net.pth')]]);
    await expect(run(defaults, 1, photo, none)).rejects.toThrow(
      'There is no model for finding faces on this machine.',
    );
    await expect(run(defaults, 1, photo, half)).rejects.toThrow(
      'There is no model for restoring faces on this machine.',
    );
    expect(() => faces.models(defaults, none)).toThrow('There is no model for finding faces');
  });

  it.each(['restorer', 'former'])(
    'changes the face and no bit elsewhere, the same on every run (%s)',
    async (model) => {
      const [before, after] = [await pixelsOf(photo), await pixelsOf(await run({ ...unguarded, model }))];
      let changed = 0;
      for (let i = 0; i < before.length; i++) {
        const [x, y] = [Math.floor(i / 3) % 128, Math.floor(i / 3 / 128)];
        if (before[i] === after[i]) continue;
        changed += 1;
        expect(Math.hypot(x - 64, y - 72)).toBeLessThan(50);
      }
      expect(changed).toBeGreaterThan(2000);
      expect(await pixelsOf(await run({ ...unguarded, model }))).toEqual(after);
    },
  );

  it('moves evenly with the strength', async () => {
    const full = await distanceTo(await run(unguarded, 1));
    for (const strength of [0.25, 0.5, 0.75])
      expect((await distanceTo(await run(unguarded, strength))) / full).toBeCloseTo(strength, 1);
    expect(await run(unguarded, 0)).toBe(photo);
  });

  it('leaves a face alone that would become somebody else', async () => {
    expect(await run(defaults)).toBe(photo);
  });

  it('leaves small faces alone', async () => {
    expect(await run({ ...unguarded, smallestEyesPx: 40 })).toBe(photo);
  });

  it('separates the face with a parser when one is installed', async () => {
    const real = hubOf('parsed', [
      ['detector', 'face-detect', join(golden, 'yu-net.pth')],
      ['restorer', 'face-restore', join(golden, 'gfpgan-v1-clean.pth')],
      ['parser', 'face-parse', join(golden, 'parse-net.pth')],
    ]);
    const parsed: ModelHub = {
      ...real,
      openNetwork: async (id) =>
        id === 'detector' ? seesOne(await real.openNetwork(id), 2) : real.openNetwork(id),
    };
    expect(faces.models(defaults, parsed)).toHaveLength(3);
    const plain = await pixelsOf(await run(unguarded));
    expect(await pixelsOf(await run(unguarded, 1, photo, parsed))).not.toEqual(plain);
  });
});

describe('after an enlargement', () => {
  let both: ModelHub;
  const background = { ...defaultParams(enlarge.params), factor: 2 };
  beforeAll(() => {
    const weights = join(folder, 'compact.safetensors');
    writeSafetensors(weights, compactWeights({ scale: 2 }), { dtype: 'f32', metadata: {} });
    const real = hubOf('both', [
      ['detector', 'face-detect', join(golden, 'yu-net.pth')],
      ['restorer', 'face-restore', join(golden, 'gfpgan-v1-clean.pth')],
      ['behind', 'enlarge', weights],
    ]);
    both = { ...real, openNetwork: async (id) => seesOne(await real.openNetwork(id), 2) };
  });
  const enlarged = (models: ModelHub): Promise<Image> =>
    enlarge.run(
      photo,
      background,
      { store: bench.store, models, strength: 1, photo: { dpi: undefined } },
      quietContext(),
    );
  const runAfter = (params: typeof defaults, on: Image, models: ModelHub): Promise<Image> =>
    faces.run(
      on,
      params,
      { store: bench.store, models, strength: 1, photo: { dpi: undefined }, facesFrom: photo },
      quietContext(),
    );

  it('keeps the background bit for bit outside the face', async () => {
    const behind = await enlarged(both);
    const result = await runAfter(unguarded, behind, both);
    expect([result.width, result.height]).toEqual([256, 256]);
    const [before, after] = [await pixelsOf(behind), await pixelsOf(result)];
    let changed = 0;
    for (let i = 0; i < before.length; i++) {
      if (before[i] === after[i]) continue;
      changed += 1;
      expect(Math.hypot((Math.floor(i / 3) % 256) - 128, Math.floor(i / 3 / 256) - 144)).toBeLessThan(100);
    }
    expect(changed).toBeGreaterThan(8000);
  });

  it('is the background itself when every face stays as it is', async () => {
    const behind = await enlarged(both);
    expect(await runAfter(defaults, behind, both)).toBe(behind);
  });

  it('gives the restorer the face as it was before the enlargement', async () => {
    const given: Float32Array[] = [];
    const spying: ModelHub = {
      ...both,
      open: async (choice) => {
        const model = await both.open(choice);
        if (choice.id !== 'restorer') return model;
        return { ...model, once: (pixels) => (given.push(pixels.data.slice()), model.once(pixels)) };
      },
    };
    await run(unguarded, 1, photo, spying);
    await runAfter(unguarded, await enlarged(spying), spying);
    expect(given).toHaveLength(2);
    expect(given[1]).toEqual(given[0]);
  });

  it('does not sharpen a face twice: with a restorer that changes nothing it is the plainly enlarged one', async () => {
    const wave = (i: number): number => 0.1 * Math.sin((Math.floor(i / 3) % 256) / 4);
    const same: ModelHub = {
      ...both,
      open: async (choice) => {
        const model = await both.open(choice);
        if (choice.id === 'restorer')
          return {
            ...model,
            info: { ...model.info, fixedSize: { width: 256, height: 256 } },
            once: async (pixels) => pixels,
          };
        return {
          ...model,
          apply: async (image, store, context) =>
            mapRows(
              await resizeImage(image, 256, 256, { kernel: 'lanczos3', store, context }),
              { store },
              (rows) => rows.map((value, k) => value + wave(k)),
              context,
            ),
        };
      },
    };
    const resized = await resizeImage(photo, 256, 256, {
      kernel: 'lanczos3',
      store: bench.store,
      context: quietContext(),
    });
    const plain = await pixelsOf(resized);
    const behind = await enlarged(same);
    const networks = await pixelsOf(behind);
    const pasted = await pixelsOf(await runAfter(defaults, behind, same));
    let [away, was] = [0, 0];
    for (let y = 120; y < 170; y++) {
      for (let i = (y * 256 + 110) * 3; i < (y * 256 + 146) * 3; i++) {
        away += (pasted[i]! - plain[i]!) ** 2;
        was += (networks[i]! - plain[i]!) ** 2;
      }
    }
    expect(was).toBeGreaterThan(10);
    expect(away / was).toBeLessThan(0.01);
    // Over the plainly enlarged picture nothing changes, exactly.
    expect(await pixelsOf(await runAfter(defaults, resized, same))).toEqual(plain);
  });
});

describe.skipIf(sharedData === undefined)(`a real portrait${sharedDataNote}`, () => {
  it('is found, and a network of random numbers does not get past the guard', async () => {
    const real = hubOf('real', [
      ['detector', 'face-detect', `${sharedData}/weights/face_yunet/weights/yunet_n.pth`],
      ['restorer', 'face-restore', join(golden, 'gfpgan-v1-clean.pth')],
    ]);
    const path = `${sharedData}/eval/open/faces/obama_small.jpg`;
    const { image } = await openPhoto(path, { store: bench.store, signal: new AbortController().signal });
    expect(await run(defaults, 1, image, real)).toBe(image);
    const changed = await run(unguarded, 1, image, real);
    expect(await pixelsOf(changed)).not.toEqual(await pixelsOf(image));
  });
});
