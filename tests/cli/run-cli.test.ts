import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Terminal } from '../../src/cli/command.ts';
import { commands, runCli } from '../../src/cli/run-cli.ts';
import { programFiles } from '../../src/host/program-files.ts';
import { removeFolder } from '../host/fake-engine.ts';

const files = programFiles();
const built = existsSync(files.entries.inferenceWorker);
const note = built ? '' : ' (skipped: the program is not built)';
const hasWeights = existsSync(join(files.models, 'enlarge-x4-fidelity.safetensors'));

// One for all tests: the devices are tested once.
const data = mkdtempSync(join(tmpdir(), 'hl-test-data-'));
afterAll(() => removeFolder(data));

let folder = '';
let photo = '';
let abort: AbortController;
let out = '';
let err = '';
/** Called with everything that is printed to `out`. */
let onOut = (_text: string): void => {};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
  photo = join(folder, 'old.png');
  abort = new AbortController();
  out = '';
  err = '';
  onOut = () => {};
  vi.stubEnv('HEIRLOOM_DATA', data);
  vi.stubEnv('HEIRLOOM_SCRATCH', join(folder, 'scratch'));
  const pixels = Buffer.from(Uint8Array.from({ length: 120 * 80 * 3 }, (_, index) => (index * 31) % 240));
  await sharp(pixels, { raw: { width: 120, height: 80, channels: 3 } }).png().toFile(photo);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await removeFolder(folder);
});

function run(...args: string[]): Promise<number> {
  const terminal: Terminal = {
    out: (text) => {
      out += text;
      onOut(text);
    },
    err: (text) => void (err += text),
    isInteractive: false,
    columns: 80,
    signal: abort.signal,
  };
  return runCli(args, terminal);
}

const at = (name: string): string => join(folder, name);
/** Nothing temporary is left, and nothing but the named files was made. */
function expectOnly(...names: string[]): void {
  expect(readdirSync(folder).filter((name) => name !== 'scratch').sort()).toEqual(['old.png', ...names].sort());
  if (existsSync(at('scratch'))) expect(readdirSync(at('scratch'))).toEqual([]);
}

describe('without an engine', () => {
  test('help, of the whole and of each command, and the version', async () => {
    expect(await run('--help')).toBe(0);
    for (const { name } of commands) expect(out).toContain(`\n  ${name} `);
    for (const { name } of commands) {
      out = '';
      expect(await run(name, '--help')).toBe(0);
      expect(out).toMatch(new RegExp(`^heirloom ${name}`));
    }
    out = '';
    expect(await run('--version')).toBe(0);
    expect(out).toBe(`${files.version}\n`);
  });

  test('the steps, as text and as JSON', async () => {
    expect(await run('steps')).toBe(0);
    expect(out).toContain('--enlarge-factor');
    out = '';
    expect(await run('steps', '--json')).toBe(0);
    expect((JSON.parse(out) as { id: string }[]).map(({ id }) => id)).toContain('enlarge');
  });

  test.each([
    ['paint'],
    ['restore'],
    ['restore', 'a.jpg', 'b.jpg'],
    ['restore', 'a.jpg', '--enlarge', '99'],
    ['restore', 'a.jpg', '--unknown'],
    ['restore', 'a.jpg', '--plain', '--recipe', 'r.json'],
    ['models', 'paint'],
    ['models', 'inspect'],
    ['models', 'interpolate', 'a', 'b'],
    ['models', 'interpolate', 'a', 'b', '--alpha', '2', '-o', 'c'],
    ['compare', 'a.jpg'],
    ['compare', 'a.jpg', 'b.jpg', '--only', 'beauty'],
    ['degrade', 'a.jpg'],
    ['degrade', 'a.jpg', '-o', 'b.png', '--strength', 'cruel'],
    ['web', '--port', 'x'],
  ])('%s %s %s %s: exit code 2, one sentence and where to read on', async (...args) => {
    expect(await run(...args)).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/--help\.\n$/);
    expect(existsSync(at('scratch'))).toBe(false);
  });
});

describe.skipIf(!built)(`with the engine${note}`, () => {
  test('every step off: the very same pixels, the original untouched, nothing temporary left', async () => {
    const before = readFileSync(photo);
    expect(await run('restore', photo, '-o', at('new.png'), '--plain', '--save-recipe', at('r.json'))).toBe(0);
    expect(readFileSync(photo).equals(before)).toBe(true);
    const [a, b] = await Promise.all([photo, at('new.png')].map((path) => sharp(path).raw().toBuffer()));
    expect(b!.equals(a!)).toBe(true);
    expectOnly('new.png', 'r.json');
    out = '';
    expect(await run('compare', photo, at('new.png'), '--only', 'psnr-rgb', '--json')).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ width: 120, height: 80, crop: 4, measures: { 'psnr-rgb': 'Infinity' } });
    out = '';
    expect(await run('degrade', photo, '-o', at('small.png'), '--strength', 'clean', '--scale', '2')).toBe(0);
    out = '';
    // Of different sizes: the consistency, whichever comes first; what was asked for by name fails.
    expect(await run('compare', photo, at('small.png'))).toBe(0);
    expect(out).toContain('so only their consistency was measured');
    expect(await run('compare', photo, at('small.png'), '--only', 'psnr-y')).toBe(3);
    out = '';
    expect(await run('compare', at('small.png'), photo, '--json')).toBe(0);
    const { consistency, measures } = JSON.parse(out) as { consistency: { psnrDb: number }; measures?: unknown };
    expect(consistency.psnrDb).toBeGreaterThan(30);
    expect(measures).toBeUndefined();
    err = '';
    // The recipe that was written is one that can be read.
    expect(await run('restore', photo, '-o', at('again.png'), '--recipe', at('r.json'))).toBe(0);
    expect(readFileSync(at('again.png')).equals(readFileSync(at('new.png')))).toBe(true);
  });

  test.skipIf(!hasWeights)(`enlarges, and tells JSON lines${hasWeights ? '' : ' (skipped: no weights)'}`, async () => {
    expect(await run('restore', photo, '-o', at('new.jpg'), '--plain', '--enlarge', '2', '--json')).toBe(0);
    const lines = out.trim().split('\n').map((line) => JSON.parse(line) as { event: string; progress?: number });
    expect(lines[0]).toMatchObject({ event: 'opened', photo: { width: 120, height: 80 } });
    expect(lines.at(-1)).toMatchObject({ event: 'done', output: at('new.jpg') });
    const progress = lines.filter(({ event }) => event === 'progress').map((line) => line.progress!);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(await sharp(at('new.jpg')).metadata()).toMatchObject({ width: 240, height: 160, format: 'jpeg' });
    expect(err).toBe('');
  });

  test('an output that exists is kept, unless told otherwise', async () => {
    writeFileSync(at('new.png'), 'precious');
    expect(await run('restore', photo, '-o', at('new.png'), '--plain')).not.toBe(0);
    expect(readFileSync(at('new.png'), 'utf8')).toBe('precious');
    expect(await run('restore', photo, '-o', at('new.png'), '--plain', '--overwrite')).toBe(0);
    expect(statSync(at('new.png')).size).toBeGreaterThan(100);
    expectOnly('new.png');
  });

  test('never to the input, not even when told to', async () => {
    const before = readFileSync(photo);
    expect(await run('restore', photo, '-o', photo, '--plain', '--overwrite')).toBe(3);
    expect(readFileSync(photo).equals(before)).toBe(true);
    expectOnly();
  });

  test('each thing that goes wrong has its exit code and one sentence', async () => {
    writeFileSync(at('text.jpg'), 'not a picture');
    writeFileSync(at('recipe.json'), '{"format":"other"}');
    writeFileSync(at('weights.pth'), 'not weights');
    for (const [code, ...args] of [
      [5, 'restore', at('missing.jpg')],
      [3, 'restore', at('text.jpg')],
      [3, 'restore', photo, '--recipe', at('recipe.json')],
      [5, 'restore', photo, '--recipe', at('none.json')],
      [5, 'restore', photo, '-o', at('no/such/folder.png'), '--plain'],
      [4, 'models', 'inspect', at('weights.pth')],
      [3, 'compare', photo, at('text.jpg')],
    ] as const) {
      err = '';
      expect(await run(...args), args.join(' ')).toBe(code);
      expect(err.trim().split('\n'), args.join(' ')).toHaveLength(1);
    }
    expectOnly('text.jpg', 'recipe.json', 'weights.pth');
  });

  test('failures are JSON lines too where those were asked for', async () => {
    expect(await run('restore', at('missing.jpg'), '--json')).toBe(5);
    expect(JSON.parse(out)).toMatchObject({ event: 'failed', failure: { code: 'file' } });
  });

  test('Ctrl+C: exit code 130, no output, nothing temporary left', async () => {
    onOut = (text) => {
      if (text.includes('"opened"')) abort.abort();
    };
    expect(await run('restore', photo, '-o', at('new.png'), '--enlarge', '8', '--json')).toBe(130);
    expect(out.trim().split('\n').at(-1)).toBe('{"event":"cancelled"}');
    expectOnly();
  });

  test('a degraded copy can be repeated', async () => {
    for (const name of ['a.png', 'b.png']) expect(await run('degrade', photo, '-o', at(name), '--strength', 'medium', '--seed', '1', '--scale', '4')).toBe(0);
    expect(await run('degrade', photo, '-o', at('c.png'), '--strength', 'medium', '--seed', '2', '--scale', '4')).toBe(0);
    expect(await sharp(at('a.png')).metadata()).toMatchObject({ width: 30, height: 20 });
    expect(readFileSync(at('a.png')).equals(readFileSync(at('b.png')))).toBe(true);
    expect(readFileSync(at('a.png')).equals(readFileSync(at('c.png')))).toBe(false);
  });

  test('lists the models of the catalog', async () => {
    expect(await run('models', '--json')).toBe(0);
    expect((JSON.parse(out) as { id: string }[]).map(({ id }) => id)).toContain('enlarge-x4-fidelity');
  });
});
