import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createEngine, type Engine } from '../../src/engine/index.ts';
import type { ImageLayer, Job, PhotoInfo, Preview } from '../../src/shared/contract.ts';
import { emptyMask, type Mask } from '../../src/shared/mask.ts';
import { emptyRecipe, type Recipe } from '../../src/shared/recipe.ts';
import type { Removal } from '../../src/shared/removal.ts';
import { randomSource } from './image/make.ts';

const size = { width: 260, height: 200 };
let folder: string;
let engine: Engine;
let photo: PhotoInfo;
const previews: Preview[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-retouch-'));
  engine = await createEngine({
    dataDirectory: join(folder, 'data'),
    scratchDirectory: join(folder, 'scratch'),
    modelDirectories: [],
    settings: { device: 'auto', tilePx: 0, memoryBudgetMiB: 512, theme: 'system' },
    version: '0.0.0',
  });
  engine.onEvent((name, value) => {
    if (name === 'preview.changed') previews.push(value as Preview);
  });
  const random = randomSource(5);
  const samples = Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % size.width, Math.floor(i / 3 / size.width)];
    return 90 + 40 * Math.sin(x / 9) + 20 * Math.sin(y / 7) + 14 * random();
  });
  const path = join(folder, 'meadow.png');
  await sharp(samples, { raw: { ...size, channels: 3 } })
    .png()
    .toFile(path);
  photo = await engine.handlers['photo.open']({ id: 'photo', path, name: 'meadow.png', allowDamaged: false });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

function removal(id: string, x: number, y: number, change: Partial<Removal> = {}): Removal {
  const mask: Mask = {
    ...emptyMask(size),
    shapes: [{ kind: 'rectangle', x, y, width: 12, height: 14, erase: false }],
  };
  return { id, enabled: true, kind: 'fill', mask, seed: 1, ...change };
}

function recipe(entries: readonly Removal[], more: Recipe['steps'] = []): Recipe {
  const use = { id: 'remove-1', step: 'remove', version: 1, enabled: true, strength: 1, params: {}, entries };
  return { ...emptyRecipe, steps: [use, ...more] };
}

async function finish(job: Job | Promise<Job>): Promise<Job> {
  return engine.jobs.finished((await job).id);
}

async function retouch(entries: readonly Removal[]): Promise<readonly ImageLayer[]> {
  const job = await finish(
    engine.handlers['retouch.run']({ photo: photo.id, recipe: recipe(entries), use: 'remove-1' }),
  );
  expect(job).toMatchObject({ state: 'done', kind: 'retouch' });
  return job.result?.layers ?? [];
}

/** The pixels of a small picture the engine shows. */
async function pixels(image: string): Promise<Buffer> {
  const tile = await engine.pixels(`${image}/tile/0/0/0`);
  return sharp(Buffer.from(tile!.bytes)).removeAlpha().raw().toBuffer();
}

async function wholeResult(entries: readonly Removal[], more: Recipe['steps'] = []): Promise<Buffer> {
  const job = await finish(engine.handlers['recipe.run']({ photo: photo.id, recipe: recipe(entries, more) }));
  expect(job.state).toBe('done');
  return pixels(job.result!.image!.id);
}

function part(whole: Buffer, { x, y, width, height }: ImageLayer['rect']): Buffer {
  return Buffer.concat(
    Array.from({ length: height }, (_, row) => {
      const from = ((y + row) * size.width + x) * 3;
      return whole.subarray(from, from + width * 3);
    }),
  );
}

describe('removals shown over the photo', () => {
  test('are the pixels that restoring gives, in layers that hold every one that changed', async () => {
    const entries = [
      removal('a', 30, 30),
      removal('b', 200, 150, { kind: 'heal', offset: { x: -80, y: -20 } }),
      removal('c', 120, 60, { kind: 'clone', offset: { x: 40, y: 40 }, enabled: false }),
    ];
    const layers = await retouch(entries);
    expect(layers).toHaveLength(2);
    const original = await pixels(photo.image.id);
    const restored = await wholeResult(entries);
    const covered = Buffer.from(original);
    for (const { image, rect } of layers) {
      const shown = await pixels(image.id);
      expect(shown.equals(part(restored, rect))).toBe(true);
      for (let row = 0; row < rect.height; row++)
        shown.copy(
          covered,
          ((rect.y + row) * size.width + rect.x) * 3,
          row * rect.width * 3,
          (row + 1) * rect.width * 3,
        );
    }
    expect(covered.equals(restored)).toBe(true);
    expect(covered.equals(original)).toBe(false);
  });

  test('what did not change keeps its picture; another variant is another picture', async () => {
    const [a, b] = [removal('a', 30, 30), removal('b', 200, 150)];
    const before = await retouch([a, b]);
    const after = await retouch([a, { ...b, seed: 2 }]);
    expect(after[0]?.image.id).toBe(before[0]?.image.id);
    expect(after[1]?.image.id).not.toBe(before[1]?.image.id);
    expect((await pixels(before[1]!.image.id)).equals(await pixels(after[1]!.image.id))).toBe(false);
    for (let newer = 0; newer < 4; newer++) await retouch([a]);
    expect(await engine.pixels(`${before[1]!.image.id}/tile/0/0/0`)).toBeUndefined();
    expect(await engine.pixels(`${before[0]!.image.id}/tile/0/0/0`)).toBeDefined();
  });

  test('what is done of a removal is shown while the rest is filled, and is not the result of anything', async () => {
    const far: Mask = {
      ...emptyMask(size),
      shapes: [20, 200].map((x) => ({ kind: 'rectangle', x, y: 90, width: 16, height: 16, erase: false })),
    };
    const told: Job[] = [];
    const forget = engine.onEvent((name, value) => {
      if (name === 'job.changed') told.push(value as Job);
    });
    const layers = await retouch([removal('a', 100, 20), removal('two', 0, 0, { mask: far })]);
    forget();
    const drafts = told.flatMap((job) => (job.draft === undefined ? [] : [job.draft]));
    expect(drafts.map(({ removals }) => removals)).toContainEqual(['a', 'two']);
    const draft = drafts.find(({ removals }) => removals.includes('two'))!;
    expect(draft.layers).toHaveLength(2);
    expect(layers).toHaveLength(3);
    expect(layers[0]?.image.id).toBe(draft.layers[0]?.image.id);
    expect(await engine.pixels(`${draft.layers[1]!.image.id}/tile/0/0/0`)).toBeDefined();
    expect(told.at(-1)).not.toHaveProperty('draft');
  });

  test('a preview of a part shows the very pixels of the whole result, wherever it looks', async () => {
    const entries = [removal('a', 60, 40)];
    const tone = { id: 'tone', step: 'tone', version: 1, enabled: true, strength: 1, params: { gamma: 1.3 } };
    const restored = await wholeResult(entries, [tone]);
    // The first cuts through the hole.
    for (const rect of [
      { x: 66, y: 30, width: 50, height: 40 },
      { x: 40, y: 20, width: 60, height: 60 },
    ]) {
      const request = `part-${rect.x}`;
      void engine.handlers['preview.request']({
        request,
        photo: photo.id,
        recipe: recipe(entries, [tone]),
        rect,
      });
      const shown = await vi.waitUntil(() =>
        previews.find((each) => each.request === request && each.state === 'final'),
      );
      expect((await pixels(shown.image!.id)).equals(part(restored, rect))).toBe(true);
    }
  });

  test('a preview without removals lets go of nothing that is still needed', async () => {
    const path = join(folder, 'meadow.png');
    const other = await engine.handlers['photo.open']({
      id: 'other',
      path,
      name: 'meadow.png',
      allowDamaged: false,
    });
    const tone = { id: 'tone', step: 'tone', version: 1, enabled: true, strength: 1, params: { gamma: 1.2 } };
    const rect = { x: 10, y: 10, width: 30, height: 30 };
    for (const steps of [[], [tone]]) {
      const request = `plain-${steps.length}`;
      void engine.handlers['preview.request']({
        request,
        photo: other.id,
        recipe: { ...emptyRecipe, steps },
        rect,
      });
      const shown = await vi.waitUntil(() =>
        previews.find((each) => each.request === request && each.state === 'final'),
      );
      void engine.handlers['image.release']({ image: shown.image!.id });
    }
    const run = engine.handlers['recipe.run']({
      photo: other.id,
      recipe: recipe([removal('late', 90, 90)], [tone]),
    });
    expect(await finish(run)).toMatchObject({ state: 'done' });
    void engine.handlers['photo.close']({ photo: other.id });
  });

  test('a recipe from before, with one mask on the step, does what it did', async () => {
    const { mask } = removal('a', 30, 30);
    const use = { id: 'remove-1', step: 'remove', version: 1, enabled: true, strength: 1, params: {} };
    const job = await finish(
      engine.handlers['recipe.run']({
        photo: photo.id,
        recipe: { ...emptyRecipe, steps: [{ ...use, mask }] },
      }),
    );
    const old = await pixels(job.result!.image!.id);
    expect(old.equals(await wholeResult([removal('a', 30, 30)]))).toBe(true);
  });

  test('what cannot be done is said in a sentence', async () => {
    const all = removal('all', 0, 0, {
      mask: { ...emptyMask(size), shapes: [{ kind: 'rectangle', x: 0, y: 0, ...size, erase: false }] },
    });
    const job = await finish(
      engine.handlers['retouch.run']({ photo: photo.id, recipe: recipe([all]), use: 'remove-1' }),
    );
    expect(job.failure?.message).toBe(
      'The mask selects the whole picture, so there is nothing left to fill it from.',
    );
    const lost = removal('x', 10, 10, { kind: 'clone' });
    const run = (entries: readonly Removal[]) => () =>
      engine.handlers['retouch.run']({ photo: photo.id, recipe: recipe(entries), use: 'remove-1' });
    expect(run([lost])).toThrow('does not say where it copies from');
    expect(run([removal('a', 0, 0), removal('a', 9, 9)])).toThrow('share one id');
    expect(run([removal('a', 0, 0, { method: 'magic' })])).toThrow('should be one of');
  });
});

describe('masks as pictures', () => {
  test('a mask that was saved is read back as the same selection; the photo is never written over', async () => {
    const { mask } = removal('a', 31, 47);
    const path = join(folder, 'mask.png');
    const job = await finish(
      engine.handlers['mask.write']({
        photo: photo.id,
        mask: { ...mask, mode: 'protect' },
        path,
        overwrite: false,
      }),
    );
    expect(job.state).toBe('done');
    const saved = await sharp(readFileSync(path))
      .toColourspace('b-w')
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(saved.info).toMatchObject({ ...size, channels: 1 });
    expect(saved.data[50 * size.width + 35]).toBe(255);
    expect(saved.data[50 * size.width + 20]).toBe(0);
    const read = await engine.handlers['mask.read']({ path });
    expect(read.shapes).toEqual([{ kind: 'bitmap', runs: expect.any(Array), erase: false }]);
    const again = join(folder, 'again.png');
    await finish(
      engine.handlers['mask.write']({ photo: photo.id, mask: read, path: again, overwrite: false }),
    );
    expect(readFileSync(again).equals(readFileSync(path))).toBe(true);
    const before = readFileSync(join(folder, 'meadow.png'));
    const refused = await finish(
      engine.handlers['mask.write']({
        photo: photo.id,
        mask,
        path: join(folder, 'meadow.png'),
        overwrite: true,
      }),
    );
    expect(refused.state).toBe('failed');
    expect(readFileSync(join(folder, 'meadow.png')).equals(before)).toBe(true);
  });
});
