import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { needsBuild } from '../scripts/needs-build.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'heirloom-build-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes a file as of a second; its folders are as old. */
function write(name: string, second: number): void {
  const file = join(root, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, name);
  for (let path = file; path !== root; path = dirname(path)) utimesSync(path, second, second);
}

test('a folder is built when it never was, and when a source, a package or the list of files has changed since', () => {
  write('src/main/index.ts', 100);
  write('package-lock.json', 100);
  expect(needsBuild(root)).toBe(true);
  write('out/main/web.js', 200);
  expect(needsBuild(root)).toBe(true);
  write('out/renderer/index.html', 201);
  expect(needsBuild(root)).toBe(false);
  write('src/main/index.ts', 300);
  expect(needsBuild(root)).toBe(true);
  write('src/main/index.ts', 100);
  write('package-lock.json', 300);
  expect(needsBuild(root)).toBe(true);
  write('package-lock.json', 100);
  expect(needsBuild(root)).toBe(false);
  utimesSync(join(root, 'src/main'), 300, 300);
  expect(needsBuild(root)).toBe(true);
});
