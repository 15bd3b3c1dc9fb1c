import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
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

const [width, height] = [96, 64];
let folder = '';
let out = '';
let err = '';
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
  out = '';
  err = '';
  vi.stubEnv('HEIRLOOM_DATA', data);
  vi.stubEnv('HEIRLOOM_SCRATCH', at('scratch'));
  const samples = Uint16Array.from(
    { length: width * height * 3 },
    (_, i) => 20_000 + 150 * Math.floor(i / 3 / width) + ((i * 7919) % 2000),
  );
  await sharp(samples, { raw: { width, height, channels: 3 } })
    .toColourspace('rgb16')
    .png()
    .toFile(at('photo.png'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await removeFolder(folder);
});

/** A mask picture that is white inside the rectangle. */
async function saveMask(
  name: string,
  [x, y, w, h]: readonly [number, number, number, number],
  size = { width, height },
): Promise<void> {
  const samples = Uint8Array.from({ length: size.width * size.height }, (_, i) => {
    const [px, py] = [i % size.width, Math.floor(i / size.width)];
    return px >= x && py >= y && px < x + w && py < y + h ? 255 : 0;
  });
  await sharp(samples, { raw: { ...size, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toFile(at(name));
}

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

describe(`heirloom remove${note}`, () => {
  test.skipIf(!built)(
    'fills what the mask shows and leaves every other pixel, 16 bit, as it was',
    async () => {
      await saveMask('mask.png', [40, 20, 12, 16]);
      expect(
        await run(
          'remove',
          at('photo.png'),
          '--mask',
          at('mask.png'),
          '-o',
          at('new.png'),
          '--seed',
          '3',
          '--feather',
          '1',
        ),
      ).toBe(0);
      expect(out).toContain('new.png (');
      const [before, after] = [await pixels('photo.png'), await pixels('new.png')];
      let changed = 0;
      before.forEach((value, i) => {
        if (value === after[i]) return;
        changed++;
        const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
        expect(x >= 38 && x < 54 && y >= 18 && y < 38).toBe(true);
      });
      expect(changed).toBeGreaterThan(400);
      expect(readdirSync(folder).sort()).toEqual(['mask.png', 'new.png', 'photo.png', 'scratch']);
    },
  );

  test.skipIf(!built)('says so when the mask is empty, full or of another size', async () => {
    await saveMask('empty.png', [0, 0, 0, 0]);
    expect(await run('remove', at('photo.png'), '--mask', at('empty.png'), '-o', at('same.png'))).toBe(0);
    expect(err).toContain('Nothing is selected');
    expect(await pixels('same.png')).toEqual(await pixels('photo.png'));
    await saveMask('full.png', [0, 0, width, height]);
    expect(await run('remove', at('photo.png'), '--mask', at('full.png'), '-o', at('full-out.png'))).toBe(3);
    expect(err).toContain('The mask selects the whole picture');
    await saveMask('other.png', [5, 5, 9, 9], { width: 2 * width, height: 2 * height });
    expect(await run('remove', at('photo.png'), '--mask', at('other.png'), '-o', at('other-out.png'))).toBe(
      3,
    );
    expect(err).toContain('The mask is 192×128 pixels, but the picture is 96×64.');
    expect(existsSync(at('full-out.png')) || existsSync(at('other-out.png'))).toBe(false);
  });
});

test('what is missing or wrong on the command line is said before anything is opened', async () => {
  expect(await run('remove')).toBe(2);
  expect(await run('remove', at('photo.png'))).toBe(2);
  expect(err).toContain('--mask FILE');
  expect(await run('remove', at('photo.png'), '--mask', at('none.png'), '--method', 'magic')).toBe(2);
  expect(err).toContain('one of auto, together, network, exemplar, telea');
  expect(await run('remove', at('photo.png'), '--mask', at('none.png'), '--grow', '9999')).toBe(2);
  expect(await run('remove', at('photo.png'), '--mask', at('none.png'))).toBe(5);
});
