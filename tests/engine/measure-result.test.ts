import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Engine } from '../../src/engine/index.ts';
import type { Job } from '../../src/shared/contract.ts';
import { emptyRecipe, type Recipe, type StepUse } from '../../src/shared/recipe.ts';

const [width, height] = [240, 200];
let folder: string;
let engine: Engine;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heirloom-measure-'));
  engine = await createEngine({
    dataDirectory: join(folder, 'data'),
    scratchDirectory: join(folder, 'scratch'),
    modelDirectories: [],
    settings: { device: 'auto', tilePx: 0, memoryBudgetMiB: 512, theme: 'system' },
    version: '0.0.0',
  });
  await draw('photo.png', 0);
  await draw('noisy.png', 24);
  await sharp(join(folder, 'photo.png')).resize(100, 80).toFile(join(folder, 'small.png'));
  await engine.handlers['photo.open']({ id: 'photo', path: join(folder, 'photo.png'), name: 'photo.png', allowDamaged: false });
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

/** Waves, with `noise` levels of 255 to and fro on a board of 3-pixel squares. */
async function draw(name: string, noise: number): Promise<void> {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 128 + 60 * Math.sin(x / 9) * Math.cos(y / 7) + ((Math.floor(x / 3) + Math.floor(y / 3)) % 2 === 0 ? noise : -noise);
  });
  await sharp(data, { raw: { width, height, channels: 3 } }).png().toFile(join(folder, name));
}

const file = (name: string) => ({ path: join(folder, name), name });
const tone: StepUse = { id: 'tone-1', step: 'tone', version: 1, enabled: true, strength: 1, params: {} };

async function measure(recipe: Recipe, more: { readonly reference?: string; readonly niqe?: string } = {}): Promise<Job> {
  const job = await engine.handlers['measure.run']({
    photo: 'photo',
    recipe,
    ...(more.reference === undefined ? {} : { reference: file(more.reference) }),
    ...(more.niqe === undefined ? {} : { niqe: file(more.niqe) }),
  });
  expect(job.kind).toBe('measure');
  return engine.jobs.finished(job.id);
}

describe('measuring a result', () => {
  test('a recipe that does nothing changed nothing', async () => {
    const { result } = await measure({ ...emptyRecipe, steps: [{ ...tone, enabled: false }] });
    expect(result?.measures).toEqual({
      width,
      height,
      consistency: 'infinite',
      change: {
        cropPx: 4,
        share: 1,
        measures: [
          { name: 'psnr-y', value: 'infinite' },
          { name: 'ssim-y', value: expect.closeTo(1, 9) as number },
          { name: 'psnr-rgb', value: 'infinite' },
          { name: 'ssim-rgb', value: expect.closeTo(1, 9) as number },
        ],
      },
    });
  });

  test('a reference of the same size: the figures follow from the noise that was put in, and are those of a JSON message', async () => {
    const { result } = await measure(emptyRecipe, { reference: 'noisy.png' });
    const compared = result?.measures?.reference?.compared;
    const value = Object.fromEntries((compared?.measures ?? []).map((each) => [each.name, each.value]));
    // Every sample is off by 24 of 255 in all channels.
    expect(value['psnr-rgb']).toBeCloseTo(20 * Math.log10(255 / 24), 1);
    expect(value['psnr-y']).toBeGreaterThan(value['psnr-rgb'] as number);
    expect(value['ssim-y']).toBeLessThan(0.9);
    expect(value['ms-ssim-y']).toBeLessThan(1);
    expect(value['feature-distance']).toBeGreaterThan(0.05);
    expect(JSON.parse(JSON.stringify(result?.measures))).toEqual(result?.measures);
  });

  test('a reference of another size is said in one sentence, and the rest is measured', async () => {
    const { state, result } = await measure({ ...emptyRecipe, steps: [{ ...tone, params: { gamma: 1.4 } }] }, { reference: 'small.png' });
    expect(state).toBe('done');
    expect(result?.measures?.reference).toEqual({
      name: 'small.png',
      width: 100,
      height: 80,
      problem: `"small.png" is 100 × 80 pixels but the result is ${width} × ${height}, so they cannot be compared: choose a reference of the size of the result.`,
    });
    // The size stayed, so consistency is the PSNR of all pixels; without the border it is nearly the same.
    const changed = result?.measures?.change?.measures.find(({ name }) => name === 'psnr-rgb')?.value;
    expect(changed).toBeLessThan(40);
    expect(Math.abs(Number(changed) - Number(result?.measures?.consistency))).toBeLessThan(0.5);
  });

  test('a file that is no picture, or no parameters, fails in a sentence that names it and not where it lies', async () => {
    await writeFile(join(folder, 'letter.txt'), 'Dear Emma,');
    for (const more of [{ reference: 'letter.txt' }, { niqe: 'letter.txt' }]) {
      const { state, failure } = await measure(emptyRecipe, more);
      expect(state).toBe('failed');
      expect(failure?.message).toContain('letter.txt');
      expect(failure?.message).not.toContain(folder);
    }
  });

  test('a cancelled measurement ends as cancelled', async () => {
    const job = await engine.handlers['measure.run']({ photo: 'photo', recipe: emptyRecipe, reference: file('noisy.png') });
    engine.jobs.cancel(job.id);
    expect((await engine.jobs.finished(job.id)).state).toBe('cancelled');
  });
});
