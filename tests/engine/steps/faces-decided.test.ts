import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { quietContext } from '../../../src/engine/context.ts';
import { ffhqTemplate } from '../../../src/engine/faces/geometry.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import { Memo } from '../../../src/engine/memo.ts';
import type { ModelHub } from '../../../src/engine/models/model-hub.ts';
import { faces } from '../../../src/engine/steps/faces.ts';
import type { StepTools } from '../../../src/engine/steps/step.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import { writeSafetensors } from '../../../src/engine/weights/safetensors.ts';
import type { FaceEdit, FaceEdits } from '../../../src/shared/face-edit.ts';
import { emptyMask, type Mask } from '../../../src/shared/mask.ts';
import { defaultParams } from '../../../src/shared/params.ts';
import { golden, openHubs, seesOne } from '../faces/face-hubs.ts';
import { openBench } from '../image/make.ts';
import { halftone, paint, pixelsOf } from '../models/networks.ts';

const bench = openBench();
const { folder, hubOf, close } = openHubs();
/** Random numbers: what they give is nobody's face. */
const defaults = { ...defaultParams(faces.params), model: 'restorer' };
const unguarded = { ...defaults, guard: false };

let hub: ModelHub;
let photo: Image;
/** What the restorer was given. */
const given: Float32Array[] = [];
beforeAll(async () => {
  const perturbed = join(folder, 'perturbed.safetensors');
  const weights = openWeights(join(golden, 'naf-net.safetensors'));
  writeSafetensors(
    perturbed,
    { ...weights, read: (name) => weights.read(name).map((value, i) => value * (1 + 0.3 * Math.sin(i))) },
    { dtype: 'f32', metadata: {} },
  );
  const real = hubOf('decided', [
    ['detector', 'face-detect', join(golden, 'yu-net.pth')],
    ['restorer', 'face-restore', join(golden, 'gfpgan-v1-clean.pth')],
    {
      id: 'fidelity',
      role: 'face-restore',
      path: join(golden, 'naf-net.safetensors'),
      partner: 'perception',
      end: 'fidelity',
    },
    { id: 'perception', role: 'face-restore', path: perturbed, partner: 'fidelity', end: 'perception' },
  ]);
  hub = {
    ...real,
    openNetwork: async (id) => seesOne(await real.openNetwork(id), 2),
    open: async (choice) => {
      const model = await real.open(choice);
      return {
        ...model,
        once: (pixels) => {
          given.push(pixels.data.slice());
          return model.once(pixels);
        },
      };
    },
  };
  photo = await paint(bench.store, 128, 128, 3, halftone);
});
afterAll(async () => {
  await close();
  await bench.close();
});

const tools = (edits?: FaceEdits, more: Partial<StepTools> = {}): StepTools => ({
  store: bench.store,
  models: hub,
  strength: 1,
  photo: { dpi: undefined },
  ...(edits === undefined ? {} : { faces: edits }),
  ...more,
});
const run = async (
  edits?: FaceEdits,
  params = unguarded,
  more: Partial<StepTools> = {},
  on = photo,
): Promise<Float32Array> => pixelsOf(await faces.run(on, params, tools(edits, more), quietContext()));

/** The face that the detector sees. */
const points = ffhqTemplate.map(([x, y]) => ({ x: (x / 512) * 100 + 14, y: (y / 512) * 100 + 14 }));
const found: FaceEdit = {
  id: 'face-1',
  source: 'found',
  box: { x: 34, y: 38, width: 60, height: 70 },
  points,
  state: 'auto',
  protectEyes: false,
  protectMouth: false,
};
const decided = (change: Partial<FaceEdit>, base = found): FaceEdits => ({
  width: 128,
  height: 128,
  faces: [{ ...base, ...change }],
});

const changes = (after: Float32Array, before: Float32Array): Float32Array =>
  after.map((value, i) => Math.abs(value - before[i]!));
const sumOf = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0);
/** Mean change around a point. */
function changeAt(
  change: Float32Array,
  { x, y }: { readonly x: number; readonly y: number },
  reachPx = 2,
): number {
  let [sum, count] = [0, 0];
  for (let py = Math.round(y) - reachPx; py <= y + reachPx; py++)
    for (let px = Math.round(x) - reachPx; px <= x + reachPx; px++, count += 3)
      for (let c = 0; c < 3; c++) sum += change[(py * 128 + px) * 3 + c]!;
  return sum / count;
}

describe('decisions about a face', () => {
  it('let one through that the guard holds back, and hold one back that it lets through', async () => {
    const plain = await pixelsOf(photo);
    expect(await run(undefined, defaults)).toEqual(plain);
    const accepted = await run(decided({ state: 'accepted' }), defaults);
    expect(accepted).toEqual(await run());
    expect(await run(decided({ state: 'rejected' }))).toEqual(plain);
  });

  it('let a small face through', async () => {
    const largeOnly = { ...unguarded, smallestEyesPx: 60 };
    expect(await run(undefined, largeOnly)).toEqual(await pixelsOf(photo));
    expect(await run(decided({ state: 'accepted' }), largeOnly)).toEqual(await run());
  });

  it("take the face's own strength in place of the step's, evenly", async () => {
    const plain = await pixelsOf(photo);
    const full = sumOf(changes(await run(), plain));
    let last = 0;
    for (const strength of [0.25, 0.5, 0.75, 1]) {
      const sum = sumOf(changes(await run(decided({ strength }), unguarded, { strength: 0.1 }), plain));
      expect(sum).toBeGreaterThan(last);
      expect(sum / full).toBeCloseTo(strength, 1);
      last = sum;
    }
    expect(await run(decided({ strength: 0 }))).toEqual(plain);
  });

  it("take the face's own network, and its own place between the ends of a pair", async () => {
    const plain = await pixelsOf(photo);
    const pair = { ...unguarded, model: 'fidelity', faceAlpha: 0 };
    const fidelity = await run(undefined, pair);
    expect(await run(decided({ model: 'restorer' }), pair)).toEqual(
      await run(undefined, { ...unguarded, model: 'restorer' }),
    );
    expect(fidelity).not.toEqual(plain);
    const perception = await run(decided({ alpha: 1 }), pair);
    expect(perception).toEqual(await run(undefined, { ...pair, faceAlpha: 1 }));
    const middle = await run(decided({ alpha: 0.5 }), pair);
    expect(middle).not.toEqual(fidelity);
    expect(middle).not.toEqual(perception);
    // The pair is the automatic choice, and what a use needs changes with what its faces need.
    expect(await run(undefined, { ...unguarded, model: '', faceAlpha: 0 })).toEqual(fidelity);
    expect(new Set(faces.models(pair, hub, decided({ model: 'restorer' })))).toContain(
      hub.key({ id: 'restorer' }),
    );
    expect(faces.models(pair, hub)).not.toContain(hub.key({ id: 'restorer' }));
  });

  it('protect the eyes, the mouth, both', async () => {
    const plain = await pixelsOf(photo);
    const all = changes(await run(), plain);
    const eyesKept = changes(await run(decided({ protectEyes: true })), plain);
    const mouthKept = changes(await run(decided({ protectMouth: true })), plain);
    const [leftEye, rightEye, nose, leftMouth, rightMouth] = points;
    const mouth = { x: (leftMouth!.x + rightMouth!.x) / 2, y: leftMouth!.y };
    for (const eye of [leftEye!, rightEye!]) {
      expect(changeAt(eyesKept, eye)).toBe(0);
      expect(changeAt(mouthKept, eye)).toBeGreaterThan(0.5 * changeAt(all, eye));
    }
    expect(changeAt(mouthKept, mouth)).toBe(0);
    expect(changeAt(eyesKept, mouth)).toBeGreaterThan(0.5 * changeAt(all, mouth));
    for (const kept of [eyesKept, mouthKept])
      expect(changeAt(kept, nose!)).toBeGreaterThan(0.5 * changeAt(all, nose!));
  });

  it('place a face by its corrected points', async () => {
    const plain = await pixelsOf(photo);
    const moved = points.map(({ x, y }) => ({ x: x - 14, y: y - 10 }));
    const corrected = changes(await run(decided({ source: 'corrected', points: moved })), plain);
    const usual = changes(await run(), plain);
    expect(changeAt(corrected, { x: 88, y: 70 }, 1)).toBeLessThan(changeAt(usual, { x: 88, y: 70 }, 1));
    expect(changeAt(corrected, { x: 26, y: 60 }, 1)).toBeGreaterThan(changeAt(usual, { x: 26, y: 60 }, 1));
  });

  it('restore a face that was drawn where the detector saw none, whatever the guard and the size say', async () => {
    const blind: ModelHub = {
      ...hub,
      openNetwork: async (id) => {
        const network = await hub.openNetwork(id);
        return {
          ...network,
          run: async (inputs) =>
            Object.fromEntries(
              Object.entries(await network.run(inputs)).map(([name, tensor]) => [
                name,
                { ...tensor, data: new Float32Array(tensor.data.length) },
              ]),
            ),
        };
      },
    };
    const plain = await pixelsOf(photo);
    const large = { ...defaults, smallestEyesPx: 100 };
    expect(await run(undefined, large, { models: blind })).toEqual(plain);
    const drawn = decided({ source: 'drawn', box: { x: 60, y: 50, width: 50, height: 60 } });
    const { points: _missing, ...boxOnly } = drawn.faces[0]!;
    const change = changes(await run({ ...drawn, faces: [boxOnly] }, large, { models: blind }), plain);
    expect(changeAt(change, { x: 85, y: 85 })).toBeGreaterThan(0);
    expect(changeAt(change, { x: 20, y: 110 })).toBe(0);
  });
});

describe('a face', () => {
  it('of a gray photo stays gray, also one kept as RGB', async () => {
    const gray = await paint(bench.store, 128, 128, 1, (x, y) => halftone(x, y, 0));
    const asRgb = await paint(bench.store, 128, 128, 3, (x, y) => halftone(x, y, 0));
    const one = await run(undefined, unguarded, {}, gray);
    expect(one).toHaveLength(128 * 128);
    const three = await run(undefined, unguarded, {}, asRgb);
    expect(sumOf(changes(three, await pixelsOf(asRgb)))).toBeGreaterThan(10);
    for (let i = 0; i < three.length; i += 3) {
      expect(Math.abs(three[i]! - three[i + 1]!)).toBeLessThan(1e-6);
      expect(Math.abs(three[i]! - three[i + 2]!)).toBeLessThan(1e-6);
    }
  });

  it('of 16 bits keeps them: levels between those of 8 bits inside of the mask, the very same outside', async () => {
    const writer = await bench.store.create({ width: 128, height: 128, channels: 3, sampleType: 'u16' });
    const deep = Float32Array.from({ length: 128 * 128 * 3 }, (_, i) => 0.02 + (0.05 * (i % 977)) / 977);
    await writer.append(deep);
    const image = await writer.finish();
    const before = await pixelsOf(image);
    const result = await faces.run(image, unguarded, tools(), quietContext());
    expect(result.sampleType).not.toBe('u8');
    const after = await pixelsOf(result);
    let between = 0;
    for (let i = 0; i < after.length; i++) {
      if (after[i] !== before[i] && Math.abs(after[i]! * 255 - Math.round(after[i]! * 255)) > 0.02)
        between += 1;
    }
    expect(between).toBeGreaterThan(2000);
    for (let i = 0; i < 128 * 3 * 6; i++) expect(after[i]).toBe(before[i]);
  });

  it('is restored without the scratch that crosses it, when a later step will fill that', async () => {
    const scratched = await paint(bench.store, 128, 128, 3, (x, y, c) =>
      Math.abs(x - 64) < 2 ? 1 : halftone(x, y, c),
    );
    const scratch: Mask = {
      ...emptyMask(photo),
      shapes: [{ kind: 'rectangle', x: 61, y: 0, width: 6, height: 128, erase: false }],
    };
    given.length = 0;
    await run(undefined, unguarded, {}, scratched);
    await run(undefined, unguarded, { damage: [scratch] }, scratched);
    await run();
    const [torn, mended, whole] = given as [Float32Array, Float32Array, Float32Array];
    const away = (input: Float32Array): number => sumOf(changes(input, whole)) / whole.length;
    expect(away(torn)).toBeGreaterThan(0.01);
    expect(away(mended)).toBeLessThan(0.2 * away(torn));
  });

  it('goes through its network once for the same input, however often its strength is moved', async () => {
    given.length = 0;
    const remember = new Memo(64e6).under('photo');
    const first = await run(decided({ strength: 0.9 }), unguarded, { remember });
    await run(decided({ strength: 0.5, protectEyes: true }), unguarded, { remember });
    expect(await run(decided({ strength: 0.9 }), unguarded, { remember })).toEqual(first);
    expect(given).toHaveLength(1);
    await run(
      decided({ source: 'corrected', points: points.map(({ x, y }) => ({ x: x + 1, y })) }),
      unguarded,
      { remember },
    );
    expect(given).toHaveLength(2);
    expect(await run(decided({ strength: 0.9 }))).toEqual(first);
  });
});
