/**
 * Every folder here is a case: `case.json` says what the photo is and how far the result may be from `expected.png`, `recipe.json` is what is done to it.
 * `UPDATE_RECIPES=1 npx vitest run tests/recipes` writes `expected.png` anew; look at it before committing.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createEngine, type Engine } from '../../src/engine/index.ts';
import { formatCatalog } from '../../src/engine/models/catalog.ts';
import { seededNumbers } from '../../src/engine/models/seeded-numbers.ts';
import { writeSafetensors } from '../../src/engine/weights/safetensors.ts';
import { parseRecipe } from '../../src/shared/recipe.ts';
import { number, object, oneOf, string } from '../../src/shared/schema.ts';
import { compactWeights } from '../engine/models/networks.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const caseSchema = object({
  about: string(),
  width: number(1, 200),
  height: number(1, 200),
  channels: oneOf(1, 2, 3, 4),
  bitDepth: oneOf(8, 16),
  /** Largest difference of one sample, in steps of the depth. */
  tolerance: number(0),
});

let folder: string;
let engine: Engine;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-recipes-'));
  const models = join(folder, 'models');
  mkdirSync(models);
  const pair = (role: string, scale: number, ends: readonly [string, string]): unknown[] =>
    ends.map((end, i) => {
      const id = `${role}-${end}`;
      writeSafetensors(join(models, `${id}.safetensors`), compactWeights({ scale, seed: 40 + i + scale }), { dtype: 'f32', metadata: {} });
      return { id, title: id, role, origin: 'embedded', file: `${id}.safetensors`, license: 'test', partner: `${role}-${ends[1 - i]}`, end };
    });
  const entries = [...pair('enlarge', 2, ['fidelity', 'perception']), ...pair('clean', 1, ['gentle', 'strong'])];
  writeFileSync(join(models, 'catalog.json'), formatCatalog(entries as Parameters<typeof formatCatalog>[0]));
  engine = await createEngine({
    dataDirectory: join(folder, 'data'),
    scratchDirectory: join(folder, 'scratch'),
    modelDirectories: [models],
    settings: { device: 'cpu', tilePx: 0, memoryBudgetMiB: 512, theme: 'system' },
    version: '0.0.0',
  });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('recipe cases', () => {
  const cases = readdirSync(here).filter((name) => /^\d{4}-/.test(name));
  it('are there', () => expect(cases.length).toBeGreaterThan(4));

  it.each(cases)('%s', async (name) => {
    const files = (file: string): string => join(here, name, file);
    const about = caseSchema.parse(JSON.parse(readFileSync(files('case.json'), 'utf8')));
    const recipe = parseRecipe(readFileSync(files('recipe.json'), 'utf8'), 'recipe.json');
    const source = join(folder, `${name}.png`);
    await writePhoto(source, about);
    const photo = await engine.handlers['photo.open']({ id: name, path: source, name, allowDamaged: false });
    const output = join(folder, `${name}-out.png`);
    const job = await engine.handlers['export.start']({ photo: name, recipe, path: output, options: { ...photo.exportDefaults, format: 'png' }, overwrite: false });
    expect(await engine.jobs.finished(job.id)).toMatchObject({ state: 'done' });
    if (process.env['UPDATE_RECIPES'] !== undefined || !existsSync(files('expected.png'))) {
      expect(process.env['CI']).toBeUndefined();
      writeFileSync(files('expected.png'), readFileSync(output));
    }
    const [actual, expected] = [await samplesOf(output, about.bitDepth), await samplesOf(files('expected.png'), about.bitDepth)];
    expect(actual.shape).toEqual(expected.shape);
    let worst = 0;
    for (let i = 0; i < expected.samples.length; i++) worst = Math.max(worst, Math.abs((actual.samples[i] as number) - (expected.samples[i] as number)));
    expect(worst).toBeLessThanOrEqual(about.tolerance);
  });
});

/** A faded, tinted, textured picture of seeded numbers. */
async function writePhoto(path: string, { width, height, channels, bitDepth }: { width: number; height: number; channels: 1 | 2 | 3 | 4; bitDepth: 8 | 16 }): Promise<void> {
  const numbers = seededNumbers(width * 1000 + height);
  const top = bitDepth === 8 ? 255 : 65535;
  const samples = bitDepth === 8 ? new Uint8Array(width * height * channels) : new Uint16Array(width * height * channels);
  const alpha = channels % 2 === 0;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const wave = 0.5 + 0.25 * Math.sin(x * 0.9) * Math.cos(y * 0.6) + 0.1 * (numbers() - 0.5);
      for (let c = 0; c < channels; c++, i++) {
        const value = alpha && c === channels - 1 ? Math.min(1, x / (width / 2)) : 0.25 + 0.5 * wave + 0.04 * c;
        samples[i] = Math.round(value * top);
      }
    }
  }
  const raw = { width, height, channels };
  const space = channels <= 2 ? (bitDepth === 16 ? 'grey16' : 'b-w') : bitDepth === 16 ? 'rgb16' : 'srgb';
  await sharp(samples, { raw }).toColourspace(space).png().toFile(path);
}

async function samplesOf(path: string, bitDepth: 8 | 16): Promise<{ readonly shape: readonly (number | undefined)[]; readonly samples: Uint8Array | Uint16Array }> {
  const { width, height, channels, depth } = await sharp(path).metadata();
  const space = (channels ?? 3) <= 2 ? (bitDepth === 16 ? 'grey16' : 'b-w') : bitDepth === 16 ? 'rgb16' : 'srgb';
  const bytes = await sharp(path).toColourspace(space).raw(bitDepth === 16 ? { depth: 'ushort' } : {}).toBuffer();
  expect(depth).toBe(bitDepth === 16 ? 'ushort' : 'uchar');
  const copy = new Uint8Array(bytes);
  return { shape: [width, height, channels], samples: bitDepth === 16 ? new Uint16Array(copy.buffer) : copy };
}
