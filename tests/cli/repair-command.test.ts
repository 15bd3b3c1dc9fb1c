import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runCli } from '../../src/cli/run-cli.ts';
import { programFiles } from '../../src/host/program-files.ts';
import { removeFolder } from '../host/fake-engine.ts';

const built = existsSync(programFiles().entries.inferenceWorker);
const note = built ? '' : ' (skipped: the program is not built)';
const data = mkdtempSync(join(tmpdir(), 'hl-test-data-'));
afterAll(() => removeFolder(data));

const [width, height] = [160, 120];
let folder = '';
let out = '';
let err = '';
const at = (name: string): string => join(folder, name);

/** A soft pattern, 16 bit, without black and white; the corner beyond the diagonal is missing where `isTorn`. */
async function savePhoto(name: string, isTorn: boolean): Promise<Uint16Array> {
  const samples = new Uint16Array(width * height * 3);
  for (let i = 0; i < samples.length; i++) {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    const value = 25_000 + 9000 * Math.sin(x / 9 + (i % 3)) * Math.cos(y / 7);
    samples[i] = isTorn && x + y < 40 ? 65_000 : value;
  }
  await sharp(samples, { raw: { width, height, channels: 3 } })
    .toColourspace('rgb16')
    .png()
    .toFile(at(name));
  return samples;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
  out = '';
  err = '';
  vi.stubEnv('HEIRLOOM_DATA', data);
  vi.stubEnv('HEIRLOOM_SCRATCH', at('scratch'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await removeFolder(folder);
});

async function pixels(name: string): Promise<Uint16Array> {
  const raw = await sharp(at(name)).toColourspace('rgb16').raw({ depth: 'ushort' }).toBuffer();
  return new Uint16Array(raw.buffer, raw.byteOffset, raw.length / 2);
}

function run(...args: string[]): Promise<number> {
  return runCli(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    isInteractive: false,
    columns: 80,
    signal: new AbortController().signal,
  });
}

describe(`heirloom repair${note}`, () => {
  test.skipIf(!built)('fills a torn corner, writes what it repaired, and changes nothing else', async () => {
    const before = await savePhoto('torn.png', true);
    const original = readFileSync(at('torn.png'));
    expect(
      await run(
        'repair',
        at('torn.png'),
        '-o',
        at('whole.png'),
        '--write-mask',
        at('mask.png'),
        '--feather',
        '0',
      ),
    ).toBe(0);
    expect(err).toContain('Found 1 missing part: ');
    expect(out).toContain('whole.png');
    expect(readFileSync(at('torn.png')).equals(original)).toBe(true);
    const { data: mask, info } = await sharp(at('mask.png'))
      .toColourspace('b-w')
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([width, height, 1]);
    const after = await pixels('whole.png');
    let [masked, corner, changed] = [0, 0, 0];
    for (let i = 0; i < width * height; i++) {
      const differs = [0, 1, 2].some((c) => before[3 * i + c] !== after[3 * i + c]);
      if (mask[i]! > 0) masked++;
      else if (differs) changed++;
      if (before[3 * i] === 65_000 && after[3 * i]! < 40_000) corner++;
    }
    // The corner has 820 pixels; the mask reaches a few pixels beyond.
    expect([changed, corner]).toEqual([0, 820]);
    expect(masked).toBeGreaterThan(820);
    expect(masked).toBeLessThan(1300);
  });

  test.skipIf(!built)('leaves a clean photo as it is, to the last bit, and says so', async () => {
    const before = await savePhoto('clean.png', false);
    expect(await run('repair', at('clean.png'), '--json', '--write-mask', at('mask.png'))).toBe(0);
    expect(readdirSync(folder)).toContain('clean-repaired.png');
    expect(await pixels('clean-repaired.png')).toEqual(before);
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toContainEqual({ event: 'found', share: 0, found: [] });
    expect(String(events.at(-1)?.['notices'])).toContain('Nothing that needs repair was found');
    expect(Math.max(...(await sharp(at('mask.png')).toColourspace('b-w').raw().toBuffer()))).toBe(0);
    out = '';
    await savePhoto('torn.png', true);
    expect(await run('repair', at('torn.png'), '-o', at('same.png'), '--no-tears')).toBe(0);
    expect(await pixels('same.png')).toEqual(await pixels('torn.png'));
  });

  test.skipIf(!built)('is a step of restore too; the recipe tells what was repaired', async () => {
    await savePhoto('torn.png', true);
    expect(
      await run(
        'restore',
        at('torn.png'),
        '--plain',
        '--repair',
        '-o',
        at('a.png'),
        '--save-recipe',
        at('r.json'),
      ),
    ).toBe(0);
    expect(err).toContain('Found 1 missing part: ');
    const saved = JSON.parse(readFileSync(at('r.json'), 'utf8')) as {
      steps: { step: string; mask?: { shapes: unknown[] } }[];
    };
    expect(saved.steps.find(({ step }) => step === 'repair')?.mask?.shapes).toHaveLength(1);
    expect(await run('restore', at('torn.png'), '--recipe', at('r.json'), '-o', at('b.png'))).toBe(0);
    expect(await pixels('b.png')).toEqual(await pixels('a.png'));
  });

  test('says what is wrong with how it is called', async () => {
    expect(await run('repair')).toBe(2);
    expect(await run('repair', at('a.png'), at('b.png'))).toBe(2);
    expect(await run('repair', at('a.png'), '--sensitivity', '2')).toBe(2);
    expect(err).toContain('sensitivity should be a number from 0 to 1');
    expect(await run('repair', at('a.png'), '--method', 'magic')).toBe(2);
    expect(await run('repair', at('none.png'))).toBe(5);
    expect(await run('repair', '--help')).toBe(0);
    expect(out).toContain('--write-mask FILE');
    expect(out).toContain('--no-dust');
    expect(out).toMatch(/^ +--stains /m);
  });
});
