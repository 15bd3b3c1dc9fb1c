import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { quietContext } from '../../../src/engine/context.ts';
import { ffhqTemplate } from '../../../src/engine/faces/geometry.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { formatCatalog } from '../../../src/engine/models/catalog.ts';
import { openModelFiles } from '../../../src/engine/models/model-files.ts';
import { createModelHub, type ModelHub } from '../../../src/engine/models/model-hub.ts';
import type { Network } from '../../../src/engine/models/network.ts';
import { createInlineRuntime, type TensorData } from '../../../src/engine/models/runtime.ts';
import { enlarge } from '../../../src/engine/steps/enlarge.ts';
import { faces } from '../../../src/engine/steps/faces.ts';
import { mapRows } from '../../../src/engine/image/map-rows.ts';
import { resizeImage } from '../../../src/engine/image/resize.ts';
import { writeSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { defaultParams } from '../../../src/shared/params.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { openBench } from '../image/make.ts';
import { compactWeights, halftone, paint, pixelsOf } from '../models/networks.ts';

const golden = fileURLToPath(new URL('../../fixtures/golden', import.meta.url));
const bench = openBench();
const folder = mkdtempSync(join(tmpdir(), 'heirloom-faces-'));
const hubs: ModelHub[] = [];
const defaults = defaultParams(faces.params);
/** The test networks have random weights: what they give is nobody's face. */
const unguarded = { ...defaults, guard: false };

function hubOf(
  name: string,
  files: readonly (readonly [id: string, role: string, path: string])[],
): ModelHub {
  const shipped = join(folder, name);
  mkdirSync(shipped);
  const entries = files.map(([id, role, path]) => {
    const file = `${id}${extname(path)}`;
    copyFileSync(path, join(shipped, file));
    return { id, title: id, role, origin: 'embedded' as const, file, license: 'test' };
  });
  writeFileSync(join(shipped, 'catalog.json'), formatCatalog(entries));
  const hub = createModelHub({
    files: openModelFiles([shipped], join(folder, `${name}-user`)),
    runtime: createInlineRuntime(),
    settings: { device: 'cpu', tilePx: 0, memoryBudgetMiB: 512, theme: 'system' },
    device: 'cpu',
    threads: 1,
    log: () => {},
  });
  hubs.push(hub);
  return hub;
}

/** A detector with the outputs of YuNet that sees one upright face in the picture's upper left 128 pixels. */
function seesOne(real: Network, factor: number): Network {
  return {
    ...real,
    run: async ({ input }) => {
      const [, , height = 0, width = 0] = input?.dims ?? [];
      const outputs: Record<string, TensorData> = {};
      for (const stride of [8, 16, 32]) {
        const cells = (width / stride) * (height / stride);
        const add = (name: string, per: number): Float32Array => {
          const data = new Float32Array(cells * per);
          outputs[`${name}_${stride}`] = { data, dims: [1, cells, per] };
          return data;
        };
        const [cls, obj, bbox, kps] = [add('cls', 1), add('obj', 1), add('bbox', 4), add('kps', 10)];
        if (stride !== 8) continue;
        const at = (px: number): number => ((px / 512) * 100 + 14) * factor;
        const [x, y] = [at(256), at(300)];
        const [column, row] = [Math.floor(x / 8), Math.floor(y / 8)];
        const cell = row * (width / 8) + column;
        cls[cell] = obj[cell] = 1;
        bbox.set(
          [x / 8 - column, y / 8 - row, Math.log((60 * factor) / 8), Math.log((70 * factor) / 8)],
          4 * cell,
        );
        ffhqTemplate.forEach(([px, py], k) =>
          kps.set([at(px) / 8 - column, at(py) / 8 - row], 10 * cell + 2 * k),
        );
      }
      return outputs;
    },
  };
}

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
  for (const each of hubs) await each.close();
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
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

describe('together with an enlargement', () => {
  let both: ModelHub;
  const together = { ...unguarded, together: true, factor: 2 };
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

  it('enlarges the background as the step Enlarge does, bit for bit outside the face', async () => {
    const tools = { store: bench.store, models: both, strength: 1, photo: { dpi: undefined } };
    const enlarged = await enlarge.run(
      photo,
      { ...defaultParams(enlarge.params), alpha: together.alpha },
      tools,
      quietContext(),
    );
    const result = await run(together, 1, photo, both);
    expect([result.width, result.height]).toEqual([256, 256]);
    expect(faces.outputSize(photo, together, { dpi: undefined })).toEqual({ width: 256, height: 256 });
    expect(faces.models(together, both)).toHaveLength(3);
    const [before, after] = [await pixelsOf(enlarged), await pixelsOf(result)];
    let changed = 0;
    for (let i = 0; i < before.length; i++) {
      if (before[i] === after[i]) continue;
      changed += 1;
      expect(Math.hypot((Math.floor(i / 3) % 256) - 128, Math.floor(i / 3 / 256) - 144)).toBeLessThan(100);
    }
    expect(changed).toBeGreaterThan(8000);
  });

  it('only enlarges when every face stays as it is', async () => {
    const tools = { store: bench.store, models: both, strength: 1, photo: { dpi: undefined } };
    const enlarged = await enlarge.run(
      photo,
      { ...defaultParams(enlarge.params), alpha: together.alpha },
      tools,
      quietContext(),
    );
    const result = await run({ ...together, guard: true }, 1, photo, both);
    expect(await pixelsOf(result)).toEqual(await pixelsOf(enlarged));
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
    const plain = await pixelsOf(
      await resizeImage(photo, 256, 256, { kernel: 'lanczos3', store: bench.store, context: quietContext() }),
    );
    const networks = await pixelsOf(
      await run({ ...together, guard: true, smallestEyesPx: 500 }, 1, photo, same),
    );
    const pasted = await pixelsOf(await run({ ...together, guard: true }, 1, photo, same));
    let [away, was] = [0, 0];
    for (let y = 120; y < 170; y++) {
      for (let i = (y * 256 + 110) * 3; i < (y * 256 + 146) * 3; i++) {
        away += (pasted[i]! - plain[i]!) ** 2;
        was += (networks[i]! - plain[i]!) ** 2;
      }
    }
    expect(was).toBeGreaterThan(10);
    expect(away / was).toBeLessThan(0.01);
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
