import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Engine } from '../../src/engine/index.ts';
import { formatCatalog } from '../../src/engine/models/catalog.ts';
import { type DamageSearch, damageKinds } from '../../src/shared/damage.ts';
import type { ImageInfo, Job } from '../../src/shared/contract.ts';
import { emptyRecipe, type Recipe, type StepUse } from '../../src/shared/recipe.ts';

/** Searches end to end, with a scratch detector of random weights: what it finds means nothing, how it is passed on does. */
const weights = fileURLToPath(new URL('../fixtures/golden/scratch-u-net.pth', import.meta.url));
let folder: string;
let engine: Engine;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-damage-'));
  const models = join(folder, 'models');
  mkdirSync(models);
  copyFileSync(weights, join(models, 'tiny.pth'));
  const entry = {
    id: 'tiny',
    title: 'Tiny',
    role: 'scratch-detect',
    origin: 'embedded' as const,
    file: 'tiny.pth',
    license: 'test',
  };
  writeFileSync(join(models, 'catalog.json'), formatCatalog([entry]));
  engine = await createEngine({
    dataDirectory: join(folder, 'data'),
    scratchDirectory: join(folder, 'scratch'),
    modelDirectories: [models],
    settings: { device: 'auto', tilePx: 0, memoryBudgetMiB: 512, theme: 'system' },
    version: '0.0.0',
  });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const use = (step: string, params: StepUse['params'] = {}): StepUse => ({
  id: step,
  step,
  version: 1,
  enabled: true,
  strength: 1,
  params,
});
const recipe = (...steps: StepUse[]): Recipe => ({ ...emptyRecipe, steps });

async function open(
  id: string,
  width: number,
  height: number,
  channels: 1 | 2 | 3 | 4 = 3,
  depth: 8 | 16 = 8,
): Promise<string> {
  const path = join(folder, `${id}.png`);
  const samples =
    depth === 8 ? new Uint8Array(width * height * channels) : new Uint16Array(width * height * channels);
  for (let i = 0; i < samples.length; i++)
    samples[i] = ((i * 7919 + (i >> 4) * 31) % 200) * (depth === 8 ? 1 : 257);
  const space = channels <= 2 ? (depth === 8 ? 'b-w' : 'grey16') : depth === 8 ? 'srgb' : 'rgb16';
  await sharp(samples, { raw: { width, height, channels } }).toColourspace(space).png().toFile(path);
  await engine.handlers['photo.open']({ id, path, name: `${id}.png`, allowDamaged: false });
  return id;
}

async function finish(job: Job | Promise<Job>): Promise<Job> {
  return engine.jobs.finished((await job).id);
}

async function search(photo: string, steps = recipe(use('repair'))): Promise<DamageSearch> {
  const job = await finish(engine.handlers['mask.propose']({ photo, recipe: steps, use: 'repair' }));
  expect(job).toMatchObject({ kind: 'propose', state: 'done', progress: 1 });
  return job.result!.damage!;
}

const threshold = (damage: string, sensitivity = 1) =>
  engine.handlers['mask.threshold']({ damage, sensitivity, kinds: [...damageKinds], growPx: 1 });

async function sampleOf({ id }: ImageInfo): Promise<Buffer> {
  const tile = await engine.pixels(`${id}/tile/0/0/0`);
  return sharp(Buffer.from(tile!.bytes)).raw().toBuffer();
}

describe('looking for damage', () => {
  test.each([
    ['rgb', 70, 50, 3, 8],
    ['gray16', 70, 50, 1, 16],
    ['alpha', 33, 70, 4, 8],
    ['gray-alpha', 40, 40, 2, 16],
    ['dot', 1, 1, 3, 8],
    ['line', 300, 1, 1, 8],
  ] as const)('leaves what a slider needs: %s', async (name, width, height, channels, depth) => {
    const photo = await open(name, width, height, channels, depth);
    const found = await search(photo);
    expect(found).toMatchObject({ width, height, kinds: ['scratch', 'tear'] });
    expect(found.notices.join()).toContain('No face detector is installed');
    const shares = await Promise.all(
      [0, 0.5, 1].map(async (sensitivity) => (await threshold(found.id, sensitivity)).share),
    );
    expect(shares[0]).toBeLessThanOrEqual(shares[1]!);
    expect(shares[1]).toBeLessThanOrEqual(shares[2]!);
    const { mask } = await threshold(found.id);
    expect([mask.width, mask.height, mask.growPx]).toEqual([width, height, 1]);
  });

  test('is applied only once accepted: without a mask the step gives the photo itself, with it another', async () => {
    const photo = await open('applied', 90, 60);
    const found = await search(photo);
    const run = async (steps: Recipe): Promise<Job> =>
      finish(engine.handlers['recipe.run']({ photo, recipe: steps }));
    const without = await run(recipe(use('repair')));
    expect(without.result?.notices).toEqual([
      'No damage was looked for and accepted yet, so Repair changed nothing.',
    ]);
    const plain = await run(recipe());
    expect(await sampleOf(without.result!.image!)).toEqual(await sampleOf(plain.result!.image!));
    const proposal = await threshold(found.id, 0.6);
    const rectangle = { kind: 'rectangle' as const, x: 10, y: 10, width: 20, height: 5, erase: false };
    const mask = { ...proposal.mask, shapes: [...proposal.mask.shapes.slice(0, 0), rectangle] };
    const repaired = await run(recipe({ ...use('repair', { method: 'telea' }), mask }));
    expect(repaired.state).toBe('done');
    expect(await sampleOf(repaired.result!.image!)).not.toEqual(await sampleOf(plain.result!.image!));
  });

  test('sees what the steps before leave to it', async () => {
    const photo = await open('later', 40, 30);
    const size = use('enlarge', { factor: 1 });
    const before = await search(
      photo,
      recipe(use('tone', { gamma: 2.5 }), use('repair'), use('descreen'), { ...size, enabled: false }),
    );
    const alone = await search(photo);
    expect([before.width, before.height]).toEqual([alone.width, alone.height]);
    const curve = async ({ id }: DamageSearch): Promise<number[]> =>
      Promise.all(Array.from({ length: 101 }, async (_, i) => (await threshold(id, i / 100)).share));
    expect(await curve(before)).not.toEqual(await curve(alone));
  });

  test('forgets old searches, those let go, and those of a closed photo, and says so', async () => {
    const gone = 'This search for damage is not kept any more.';
    const photo = await open('forgetful', 20, 20);
    const [first, second, third] = [await search(photo), await search(photo), await search(photo)];
    expect(() =>
      engine.handlers['mask.threshold']({ damage: first.id, sensitivity: 1, kinds: [], growPx: 0 }),
    ).toThrow(gone);
    await threshold(second.id);
    await engine.handlers['mask.release']({ damage: second.id });
    expect(() =>
      engine.handlers['mask.threshold']({ damage: second.id, sensitivity: 1, kinds: [], growPx: 0 }),
    ).toThrow(gone);
    await threshold(third.id);
    await engine.handlers['photo.close']({ photo });
    expect(() =>
      engine.handlers['mask.threshold']({ damage: third.id, sensitivity: 1, kinds: [], growPx: 0 }),
    ).toThrow(gone);
  });

  test('refuses a use that is not there or looks for nothing', async () => {
    const photo = await open('refused', 20, 20);
    const ask = (steps: Recipe, id: string) => () =>
      engine.handlers['mask.propose']({ photo, recipe: steps, use: id });
    expect(ask(recipe(), 'repair')).toThrow('The recipe has no such step to look for damage for.');
    expect(ask(recipe(use('tone')), 'tone')).toThrow('The recipe has no such step');
  });

  test('can be cancelled', async () => {
    const photo = await open('cancelled', 800, 700);
    const job = await engine.handlers['mask.propose']({
      photo,
      recipe: recipe(use('repair')),
      use: 'repair',
    });
    await engine.handlers['job.cancel']({ job: job.id });
    expect((await engine.jobs.finished(job.id)).state).toBe('cancelled');
  });
});
