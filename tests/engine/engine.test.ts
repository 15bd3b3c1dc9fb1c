import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { createEngine, type Engine } from '../../src/engine/index.ts';
import { formatCatalog } from '../../src/engine/models/catalog.ts';
import { writeSafetensors } from '../../src/engine/weights/safetensors.ts';
import type { Job, PhotoInfo, Preview } from '../../src/shared/contract.ts';
import { emptyRecipe, type Recipe, type StepUse } from '../../src/shared/recipe.ts';
import { compactWeights } from './models/networks.ts';

let folder: string;
let engine: Engine;
const previews: Preview[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-engine-'));
  const models = join(folder, 'models');
  mkdirSync(models);
  const entries = (['fidelity', 'perception'] as const).map((end, index) => {
    const file = `tiny-${end}.safetensors`;
    writeSafetensors(join(models, file), compactWeights({ scale: 2, seed: 1 + index }), { dtype: 'f32', metadata: {} });
    const partner = end === 'fidelity' ? 'tiny-perception' : 'tiny-fidelity';
    return { id: `tiny-${end}`, title: `Tiny, ${end}`, role: 'enlarge', origin: 'embedded' as const, file, license: 'test', partner, end };
  });
  writeFileSync(join(models, 'catalog.json'), formatCatalog(entries));
  engine = await createEngine({
    dataDirectory: join(folder, 'data'),
    scratchDirectory: join(folder, 'scratch'),
    modelDirectories: [models],
    settings: { device: 'auto', tilePx: 0, memoryBudgetMiB: 512, theme: 'system' },
    version: '0.0.0',
  });
  engine.onEvent((name, value) => {
    if (name === 'preview.changed') previews.push(value as Preview);
  });
});

afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

function use(step: string, params: StepUse['params'] = {}): StepUse {
  return { id: step, step, version: 1, enabled: true, strength: 1, params };
}

function recipe(...steps: StepUse[]): Recipe {
  return { ...emptyRecipe, steps };
}

async function openPhoto(id: string, width = 90, height = 60, depth: 8 | 16 = 8): Promise<{ photo: PhotoInfo; path: string }> {
  const path = join(folder, `${id}.png`);
  const samples = depth === 8 ? new Uint8Array(width * height * 3) : new Uint16Array(width * height * 3);
  for (let i = 0; i < samples.length; i++) samples[i] = (i * 7919 + (i >> 4) * 31) % (depth === 8 ? 256 : 65536);
  const input = sharp(samples, { raw: { width, height, channels: 3 } });
  await (depth === 16 ? input.toColourspace('rgb16') : input).png().toFile(path);
  return { photo: await engine.handlers['photo.open']({ id, path, name: `${id}.png`, allowDamaged: false }), path };
}

async function finish(job: Job | Promise<Job>): Promise<Job> {
  return engine.jobs.finished((await job).id);
}

describe('the engine', () => {
  it('opens, restores, shows and saves a photo without touching the original', async () => {
    const { photo, path } = await openPhoto('main');
    const original = readFileSync(path);
    const job = await finish(engine.handlers['recipe.run']({ photo: photo.id, recipe: recipe(use('enlarge', { factor: 3, alpha: 0.4 })) }));
    expect(job).toMatchObject({ state: 'done', progress: 1 });
    expect(job.result?.image).toMatchObject({ width: 270, height: 180, channels: 3 });
    expect(job.result?.consistencyDb).toBeGreaterThan(5);
    const tile = await engine.pixels(`${job.result?.image?.id}/tile/0/0/0`);
    expect(tile?.mime).toBe('image/png');
    const shown = await sharp(Buffer.from(tile?.bytes ?? [])).metadata();
    expect([shown.width, shown.height]).toEqual([270, 180]);
    const target = join(folder, 'out.png');
    const saved = await finish(engine.handlers['export.start']({ photo: photo.id, recipe: recipe(use('enlarge', { factor: 3, alpha: 0.4 })), path: target, options: photo.exportDefaults, overwrite: false }));
    expect(saved).toMatchObject({ state: 'done', result: { savedAs: target } });
    expect((await sharp(target).metadata()).width).toBe(270);
    expect(readFileSync(path).equals(original)).toBe(true);
  });

  it.each([8, 16] as const)('gives back exactly the same pixels at %i bits when every step is off', async (depth) => {
    const { photo, path } = await openPhoto(`identity-${depth}`, 33, 21, depth);
    const target = join(folder, `identity-${depth}-out.png`);
    const off = recipe({ ...use('enlarge'), enabled: false }, { ...use('clean'), enabled: false }, { ...use('tone'), strength: 0 });
    await finish(engine.handlers['export.start']({ photo: photo.id, recipe: off, path: target, options: photo.exportDefaults, overwrite: false }));
    const raw = (file: string): Promise<Buffer> => (depth === 16 ? sharp(file).toColourspace('rgb16').raw({ depth: 'ushort' }) : sharp(file).raw()).toBuffer();
    expect((await raw(target)).equals(await raw(path))).toBe(true);
    expect((await sharp(target).metadata()).depth).toBe(depth === 16 ? 'ushort' : 'uchar');
  });

  it('recomputes only what changed: the same recipe again is answered from the cache', async () => {
    const { photo } = await openPhoto('cached', 300, 200);
    const run = (): Promise<Job> => finish(engine.handlers['recipe.run']({ photo: photo.id, recipe: recipe(use('enlarge', { factor: 2 })) }));
    const opened = vi.spyOn(engine.models, 'open');
    await run();
    expect(opened).toHaveBeenCalledTimes(1);
    await run();
    expect(opened).toHaveBeenCalledTimes(1);
    opened.mockRestore();
  });

  it('interpolates: α = 0 and 1 are the two ends, and between them pixels move', async () => {
    const { photo } = await openPhoto('alpha', 24, 24);
    const at = async (alpha: number): Promise<Buffer> => {
      const job = await finish(engine.handlers['recipe.run']({ photo: photo.id, recipe: recipe(use('enlarge', { factor: 2, alpha })) }));
      const tile = await engine.pixels(`${job.result?.image?.id}/tile/0/0/0`);
      return sharp(Buffer.from(tile?.bytes ?? [])).raw().toBuffer();
    };
    const end = async (model: string): Promise<Buffer> => {
      const job = await finish(engine.handlers['recipe.run']({ photo: photo.id, recipe: recipe(use('enlarge', { factor: 2, alpha: 0, model })) }));
      const tile = await engine.pixels(`${job.result?.image?.id}/tile/0/0/0`);
      return sharp(Buffer.from(tile?.bytes ?? [])).raw().toBuffer();
    };
    const sweep = [];
    for (const alpha of [0, 0.25, 0.5, 0.75, 1]) sweep.push(await at(alpha));
    expect(sweep[0]?.equals(await end('tiny-fidelity'))).toBe(true);
    expect(sweep[4]?.equals(await end('tiny-perception'))).toBe(true);
    for (let i = 1; i < sweep.length; i++) expect(sweep[i]?.equals(sweep[i - 1] as Buffer)).toBe(false);
  });

  it('previews a region with exactly the pixels of the final result', async () => {
    const { photo } = await openPhoto('preview', 400, 300);
    const what = recipe(use('enlarge', { size: 'long-side', longSidePx: 800, alpha: 0.5 }));
    previews.length = 0;
    await engine.handlers['preview.request']({ request: 'one', photo: photo.id, recipe: what, rect: { x: 100, y: 60, width: 250, height: 200 } });
    await expect.poll(() => previews.at(-1)?.state).toBe('final');
    expect(previews.map(({ state }) => state)).toEqual(['coarse', 'final']);
    const job = await finish(engine.handlers['recipe.run']({ photo: photo.id, recipe: what }));
    const whole = await pixelsOf(job.result?.image?.id, 800, 600);
    for (const { image, rect } of previews) {
      const part = await pixelsOf(image?.id, image?.width ?? 0, image?.height ?? 0);
      expect([image?.width, image?.height]).toEqual([rect.width * 2, rect.height * 2]);
      let worst = 0;
      for (let y = 0; y < rect.height * 2; y += 7) {
        for (let x = 0; x < rect.width * 2 * 3; x++) {
          const difference = Math.abs((part[y * rect.width * 6 + x] as number) - (whole[(y + rect.y * 2) * 2400 + rect.x * 6 + x] as number));
          worst = Math.max(worst, difference);
        }
      }
      expect(worst).toBeLessThanOrEqual(1);
    }
  });

  it('lets the newest preview win', async () => {
    const { photo } = await openPhoto('newest', 600, 500);
    previews.length = 0;
    for (const alpha of [0.1, 0.2, 0.3]) {
      const rect = { x: 0, y: 0, width: 600, height: 500 };
      await engine.handlers['preview.request']({ request: `a${alpha}`, photo: photo.id, recipe: recipe(use('enlarge', { factor: 2, alpha })), rect });
    }
    await expect.poll(() => previews.some(({ state, request }) => state === 'final' && request === 'a0.3'), { timeout: 30_000 }).toBe(true);
    expect(previews.filter(({ state }) => state === 'final').map(({ request }) => request)).toEqual(['a0.3']);
    expect(previews.filter(({ state }) => state === 'superseded').map(({ request }) => request).sort()).toEqual(['a0.1', 'a0.2']);
  });

  it('refuses a bad recipe before any work and names what is wrong', async () => {
    const { photo } = await openPhoto('refused', 10, 10);
    const run = (steps: StepUse): unknown => engine.handlers['recipe.run']({ photo: photo.id, recipe: recipe(steps) });
    expect(() => run(use('sharpen-lots'))).toThrow(/no step "sharpen-lots"/);
    expect(() => run(use('enlarge', { factor: 900 }))).toThrow(/factor should be/);
    expect(() => run(use('enlarge', { size: 'print', printLongSideCm: 500, printDpi: 1200 }))).toThrow(/result would be/);
    expect(() => run({ ...use('enlarge'), version: 99 })).toThrow(/version 99/);
  });

  it('says which model is missing', async () => {
    const { photo } = await openPhoto('missing', 10, 10);
    const job = await finish(engine.handlers['recipe.run']({ photo: photo.id, recipe: recipe(use('clean')) }));
    expect(job).toMatchObject({ state: 'failed', failure: { code: 'missing-model' } });
  });
});

async function pixelsOf(id: string | undefined, width: number, height: number): Promise<Buffer> {
  const result = Buffer.alloc(width * height * 3);
  for (let row = 0; row * 512 < height; row++) {
    for (let column = 0; column * 512 < width; column++) {
      const tile = await engine.pixels(`${id}/tile/0/${column}/${row}`);
      const { data, info } = await sharp(Buffer.from(tile?.bytes ?? [])).raw().toBuffer({ resolveWithObject: true });
      for (let y = 0; y < info.height; y++) data.copy(result, ((row * 512 + y) * width + column * 512) * 3, y * info.width * 3, (y + 1) * info.width * 3);
    }
  }
  return result;
}
