import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { safeFileName } from '../../src/host/file-name.ts';
import { Grants } from '../../src/host/grants.ts';
import { cacheDirectory, dataDirectory, programFiles } from '../../src/host/program-files.ts';
import { recentFiles } from '../../src/host/recent-files.ts';
import { createScratch } from '../../src/host/scratch.ts';
import { defaultSettings, settingsFile } from '../../src/host/settings-file.ts';
import { staticFile } from '../../src/host/static-files.ts';
import { createUploads } from '../../src/host/upload.ts';
import { removeFolder } from './fake-engine.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
});
afterEach(() => removeFolder(folder));

describe('settings', () => {
  test('are the defaults on a first start, and come back as written', async () => {
    const file = settingsFile(folder);
    expect(await file.read()).toEqual({ value: defaultSettings() });
    await file.write({ ...defaultSettings(), theme: 'dark', tilePx: 256 });
    expect((await settingsFile(folder).read()).value).toMatchObject({ theme: 'dark', tilePx: 256 });
    expect(readdirSync(folder)).toEqual(['settings.json']);
  });

  test.each([
    ['cut off in the middle', '{"device":"auto","til'],
    ['of another program', '[1,2,3]'],
    ['with a value out of range', JSON.stringify({ ...defaultSettings(), memoryBudgetMiB: -1 })],
  ])('%s: the defaults are used, the file is kept, and both are said', async (_name, text) => {
    writeFileSync(join(folder, 'settings.json'), text);
    const { value, notice } = await settingsFile(folder).read();
    expect(value).toEqual(defaultSettings());
    expect(notice).toContain('settings.json');
    expect(readFileSync(join(folder, 'settings.json.bad'), 'utf8')).toBe(text);
  });

  test('writes at the same time end with the last one, and never with half a file', async () => {
    const file = settingsFile(folder);
    await Promise.all([128, 256, 512].map((tilePx) => file.write({ ...defaultSettings(), tilePx })));
    expect((await file.read()).value.tilePx).toBe(512);
    expect(readdirSync(folder)).toEqual(['settings.json']);
  });

  test('that cannot be written fail plainly', async () => {
    writeFileSync(join(folder, 'occupied'), '');
    await expect(settingsFile(join(folder, 'occupied')).write(defaultSettings())).rejects.toMatchObject({ code: 'file' });
  });

  test('give a small machine little and a large one no more than 8 GiB', () => {
    expect(defaultSettings(1024 ** 3).memoryBudgetMiB).toBe(512);
    expect(defaultSettings(16 * 1024 ** 3).memoryBudgetMiB).toBe(4096);
    expect(defaultSettings(256 * 1024 ** 3).memoryBudgetMiB).toBe(8192);
  });
});

test('recent files: the latest first, each once, no more than twelve, none that is gone', async () => {
  const recent = recentFiles(folder);
  const paths = Array.from({ length: 14 }, (_, index) => join(folder, `${index}.jpg`));
  for (const path of paths) {
    writeFileSync(path, '');
    await recent.add(path);
  }
  await recent.add(paths[5]!);
  await removeFolder(paths[13]!);
  const listed = await recent.list();
  expect(listed[0]).toBe(paths[5]);
  expect(listed).toHaveLength(11);
  expect(new Set(listed).size).toBe(11);
});

describe('grants', () => {
  test('a path keeps its token; tokens are long and differ; nothing else is granted', () => {
    const grants = new Grants();
    const a = grants.grantSource('/photos/a.jpg');
    expect(a.name).toBe('a.jpg');
    expect(a.source).toMatch(/^[\w-]{32}$/);
    expect(grants.grantSource('/photos/a.jpg').source).toBe(a.source);
    expect(grants.grantSource('/photos/b.jpg').source).not.toBe(a.source);
    expect(grants.source(a.source)).toEqual({ path: '/photos/a.jpg', name: 'a.jpg', temporary: false });
    for (const token of ['', '/photos/a.jpg', 'constructor', '__proto__']) {
      expect(() => grants.source(token)).toThrow(expect.objectContaining({ code: 'bad-input' }) as Error);
      expect(() => grants.target(token)).toThrow(expect.objectContaining({ code: 'bad-input' }) as Error);
    }
  });

  test('a source is no target', () => {
    const grants = new Grants();
    const { source } = grants.grantSource('/photos/a.jpg');
    expect(() => grants.target(source)).toThrow();
    const { target } = grants.grantTarget('/photos/b.png', 'b.png', true);
    expect(() => grants.source(target)).toThrow();
    expect(grants.target(target)).toEqual({ path: '/photos/b.png', label: 'b.png', overwrite: true });
    expect(grants.targetByPath('/photos/b.png')?.target).toBe(target);
  });
});

test.each([
  ['old photo.jpg', 'old photo.jpg'],
  ['../../etc/passwd', 'passwd'],
  ['C:\\Windows\\x.dll', 'x.dll'],
  ['a\u0000b\n\u202Egpj.exe', 'a_b__gpj.exe'],
  ['..', 'fallback'],
  ['', 'fallback'],
  ['CON.png', 'fallback'],
  ['  .hidden  ', 'hidden'],
  ['Großmutter 1920 😀.tif', 'Großmutter 1920 😀.tif'],
])('the file name %j becomes %j', (name, expected) => {
  expect(safeFileName(name, 'fallback')).toBe(expected);
});

test('a very long file name is shortened and keeps its extension', () => {
  const name = safeFileName(`${'ä'.repeat(500)}.tiff`, 'fallback');
  expect([...name]).toHaveLength(150);
  expect(name.endsWith('.tiff')).toBe(true);
});

describe('scratch folders', () => {
  test('are removed, and so are those of a process that is gone, but not those of one that lives', () => {
    mkdirSync(join(folder, 'run-999999999-abc'));
    mkdirSync(join(folder, `run-${process.ppid}-abc`));
    mkdirSync(join(folder, 'something else'));
    const scratch = createScratch(folder);
    writeFileSync(join(scratch.directory, 'picture'), 'x');
    expect(scratch.sockets.length).toBeLessThan(80);
    expect(existsSync(join(folder, 'run-999999999-abc'))).toBe(false);
    expect(existsSync(join(folder, `run-${process.ppid}-abc`))).toBe(true);
    scratch.remove();
    scratch.remove();
    expect(existsSync(scratch.directory)).toBe(false);
    expect(existsSync(scratch.sockets)).toBe(false);
    expect(existsSync(join(folder, 'something else'))).toBe(true);
  });
});

describe('uploads', () => {
  const bytes = (...parts: string[]): Readable => Readable.from(parts.map((part) => Buffer.from(part)));

  test('become a file that only its token reaches', async () => {
    const grants = new Grants();
    const { source, name } = await createUploads(grants, folder, 100).receive(bytes('abc', 'def'), '../../old.jpg');
    expect(name).toBe('old.jpg');
    const granted = grants.source(source);
    expect(granted.temporary).toBe(true);
    expect(granted.path.startsWith(folder)).toBe(true);
    expect(readFileSync(granted.path, 'utf8')).toBe('abcdef');
  });

  test('too many bytes, none at all, and a connection that breaks leave nothing', async () => {
    const uploads = createUploads(new Grants(), folder, 10);
    await expect(uploads.receive(bytes('0123456', '789ab'), 'a.jpg')).rejects.toMatchObject({ code: 'bad-input' });
    await expect(uploads.receive(bytes(), 'a.jpg')).rejects.toMatchObject({ code: 'bad-input' });
    const broken = new Readable({ read() {} });
    broken.push('abc');
    setImmediate(() => broken.destroy(new Error('ECONNRESET')));
    await expect(uploads.receive(broken, 'a.jpg')).rejects.toMatchObject({ code: 'file' });
    expect(readdirSync(folder)).toEqual([]);
    // What was refused does not count.
    await uploads.receive(bytes('0123456789'), 'b.jpg');
    await expect(uploads.receive(bytes('0'), 'c.jpg')).rejects.toMatchObject({ code: 'bad-input' });
  });
});

describe('files of the window', () => {
  beforeEach(() => {
    mkdirSync(join(folder, 'renderer', 'assets'), { recursive: true });
    writeFileSync(join(folder, 'renderer', 'index.html'), '<!doctype html>');
    writeFileSync(join(folder, 'renderer', 'assets', 'a.js'), '1');
    writeFileSync(join(folder, 'renderer', 'notes.txt'), 'x');
    writeFileSync(join(folder, 'secret.json'), '{}');
    symlinkSync(join(folder, 'secret.json'), join(folder, 'renderer', 'link.json'));
  });

  test('are found with their types', async () => {
    expect(await staticFile(join(folder, 'renderer'), '/')).toMatchObject({ mime: 'text/html; charset=utf-8', sizeBytes: 15 });
    expect(await staticFile(join(folder, 'renderer'), '/assets/a.js')).toMatchObject({ mime: 'text/javascript; charset=utf-8' });
  });

  test.each(['/../secret.json', '/%2e%2e/secret.json', '/..%2fsecret.json', '/assets/..%5c..%5csecret.json', '/link.json', '/notes.txt', '/assets', '/assets/', '/%', '/a.js%00.html', 'index.html', '/./index.html'])(
    'no way out: %s',
    async (path) => {
      expect(await staticFile(join(folder, 'renderer'), path)).toBeUndefined();
    },
  );
});

test('the program finds its own files, and the folders a system has for data and caches', () => {
  const files = programFiles();
  expect(existsSync(join(files.root, 'src', 'host'))).toBe(true);
  expect(files.version).toMatch(/^\d+\.\d+\.\d+/);
  expect(dataDirectory({ HEIRLOOM_DATA: '/x' })).toBe('/x');
  expect(dataDirectory({ XDG_DATA_HOME: '/d' }, 'linux')).toBe(join('/d', 'heirloom'));
  expect(dataDirectory({ APPDATA: 'R' }, 'win32')).toBe(join('R', 'Heirloom', 'data'));
  expect(cacheDirectory({}, 'darwin')).toContain(join('Library', 'Caches'));
});
