import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { createContext, quietContext } from '../../src/engine/context.ts';
import { FaceInspections } from '../../src/engine/face-inspections.ts';
import { ImageShelf } from '../../src/engine/image-shelf.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { Memo } from '../../src/engine/memo.ts';
import type { ModelHub } from '../../src/engine/models/model-hub.ts';
import { faces } from '../../src/engine/steps/faces.ts';
import type { RecipeBench } from '../../src/engine/steps/run-recipe.ts';
import { StepCache } from '../../src/engine/steps/step-cache.ts';
import { tone } from '../../src/engine/steps/tone.ts';
import { type FaceInspection, pixelPaths } from '../../src/shared/contract.ts';
import type { FaceEdits } from '../../src/shared/face-edit.ts';
import { defaultParams } from '../../src/shared/params.ts';
import type { Recipe, StepUse } from '../../src/shared/recipe.ts';
import { golden, openHubs, seesOne } from './faces/face-hubs.ts';
import { openBench } from './image/make.ts';
import { halftone, paint } from './models/networks.ts';

const { store, close: closeStore } = openBench();
const { hubOf, close: closeHubs } = openHubs();
const shelf = new ImageShelf(store);
const inspections = new FaceInspections(shelf);
let bench: RecipeBench;
let image: Image;

beforeAll(async () => {
  const real = hubOf('inspected', [
    ['detector', 'face-detect', join(golden, 'yu-net.pth')],
    ['restorer', 'face-restore', join(golden, 'gfpgan-v1-clean.pth')],
  ]);
  const models: ModelHub = { ...real, openNetwork: async (id) => seesOne(await real.openNetwork(id), 2) };
  bench = { store, models, cache: new StepCache(64e6), memo: new Memo(64e6), photo: { dpi: undefined } };
  image = await paint(store, 128, 128, 3, halftone);
  bench.cache.retain(image);
});
afterEach(() => inspections.forget('emma'));
afterAll(async () => {
  shelf.clear();
  await closeHubs();
  await closeStore();
});

const use = (edits?: FaceEdits, params: Partial<typeof defaults> = {}): StepUse => ({
  id: 'faces-1',
  step: 'faces',
  version: 2,
  enabled: true,
  strength: 1,
  params: { ...defaults, ...params },
  ...(edits === undefined ? {} : { faces: edits }),
});
const defaults = defaultParams(faces.params);
const recipe = (...steps: StepUse[]): Recipe => ({ format: 'heirloom-recipe', version: 1, steps });
const look = (what: Recipe, context = quietContext()): Promise<FaceInspection> =>
  inspections.look({ photo: 'emma', image, key: 'emma', recipe: what, use: 'faces-1' }, bench, context);
const isShown = async (id: string): Promise<boolean> =>
  (await shelf.pixels(pixelPaths.thumbnail(id, 64))) !== undefined;

describe('looking at the faces of a photo', () => {
  it('tells where each is, how large, how sure, how far from the person, and why it starts off', async () => {
    const { width, height, faces: found } = await look(recipe(use()));
    expect([width, height, found.length]).toEqual([128, 128, 1]);
    const [face] = found;
    expect(face).toMatchObject({ id: 'face-1', source: 'found', score: 1, startsOn: false });
    expect(face?.points).toHaveLength(5);
    expect(face?.eyeDistancePx).toBeCloseTo(24.6, 0);
    // Random weights make nobody's face.
    expect(face?.identityDistance).toBeGreaterThan(0.3);
    expect(face?.warning).toContain('to be surely the same person');
    const before = await shelf.pixels(pixelPaths.thumbnail(face!.before.id, 128));
    const after = await shelf.pixels(pixelPaths.thumbnail(face!.after!.id, 128));
    expect(before?.bytes.length).toBeGreaterThan(0);
    expect(Buffer.from(before!.bytes).equals(Buffer.from(after!.bytes))).toBe(false);
  });

  it('says that a small face is left alone, and restores it for a look once it was accepted', async () => {
    const [small] = (await look(recipe(use(undefined, { smallestEyesPx: 60 })))).faces;
    expect(small?.after).toBeUndefined();
    expect(small?.startsOn).toBe(false);
    expect(small?.warning).toContain('left to the background');
    const { id, box, points } = small!;
    const accepted = {
      id,
      box,
      points,
      source: 'found',
      state: 'accepted',
      protectEyes: false,
      protectMouth: false,
    } as const;
    const [tried] = (
      await look(recipe(use({ width: 128, height: 128, faces: [accepted] }, { smallestEyesPx: 60 })))
    ).faces;
    expect(tried?.after).toBeDefined();
    expect(tried?.id).toBe(id);
  });

  it('looks at the picture as it reaches the step, and at what was drawn', async () => {
    const levels: StepUse = {
      id: 'tone-1',
      step: 'tone',
      version: 1,
      enabled: true,
      strength: 1,
      params: { ...defaultParams(tone.params), gamma: 2 },
    };
    const drawn = {
      id: 'drawn-1',
      source: 'drawn',
      box: { x: 4, y: 4, width: 24, height: 30 },
      state: 'auto',
      protectEyes: false,
      protectMouth: false,
    } as const;
    const plain = await look(recipe(use()));
    const brighter = await look(recipe(levels, use({ width: 128, height: 128, faces: [drawn] })));
    expect(brighter.faces.map(({ id, source, startsOn }) => [id, source, startsOn])).toEqual([
      ['drawn-1', 'drawn', true],
      ['face-1', 'found', false],
    ]);
    expect(brighter.faces[0]?.score).toBeUndefined();
    expect(brighter.faces[0]?.points).toHaveLength(5);
    expect(brighter.faces[1]?.before.id).not.toBe(plain.faces[0]?.before.id);
  });

  it('keeps the crops that did not change, and lets go of all with the photo', async () => {
    const [first] = (await look(recipe(use()))).faces;
    const [again] = (await look(recipe(use(undefined, { guard: false })))).faces;
    expect([again?.before.id, again?.after?.id]).toEqual([first?.before.id, first?.after?.id]);
    expect(again?.startsOn).toBe(true);
    expect(await isShown(first!.before.id)).toBe(true);
    inspections.forget('emma');
    expect([await isShown(first!.before.id), await isShown(first!.after!.id)]).toEqual([false, false]);
  });

  it('knows what a preview must show whole where it shows any of it', async () => {
    expect(inspections.framesOf('emma', 'faces-1')).toEqual([]);
    const [face] = (await look(recipe(use()))).faces;
    const [frame] = inspections.framesOf('emma', 'faces-1');
    expect(frame!.x * 128).toBeLessThan(face!.box.x);
    expect((frame!.x + frame!.width) * 128).toBeGreaterThan(face!.box.x + face!.box.width);
    expect(inspections.framesOf('emma', 'other')).toEqual([]);
  });

  it('is told what it is about, and stops when it is cancelled', async () => {
    await expect(
      inspections.look(
        { photo: 'emma', image, key: 'emma', recipe: recipe(), use: 'faces-1' },
        bench,
        quietContext(),
      ),
    ).rejects.toThrow('has no step "faces-1" that restores faces');
    const abort = new AbortController();
    abort.abort();
    await expect(
      look(recipe(use(undefined, { smallestEyesPx: 13 })), createContext(abort.signal)),
    ).rejects.toThrow('cancelled');
  });
});
