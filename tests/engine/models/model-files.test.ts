import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createContext, quietContext } from '../../../src/engine/context.ts';
import { formatCatalog, readCatalog } from '../../../src/engine/models/catalog.ts';
import { openModelFiles } from '../../../src/engine/models/model-files.ts';

const bytes = new TextEncoder().encode('these are the weights');
const sha256 = createHash('sha256').update(bytes).digest('hex');
let folder: string;
let user: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-files-'));
  user = join(folder, 'user');
  mkdirSync(join(folder, 'shipped'));
  const entry = { id: 'big', title: 'Big', role: 'enlarge', origin: 'catalog' as const, file: 'big.pth', license: 'MIT', url: 'https://models.example/big.pth', sizeBytes: bytes.length, sha256 };
  writeFileSync(join(folder, 'shipped', 'catalog.json'), formatCatalog([entry]));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(answer: () => Response | Promise<Response> = () => new Response(bytes)): ReturnType<typeof openModelFiles> {
  return openModelFiles([join(folder, 'shipped')], user, (async () => answer()) as typeof fetch);
}

describe('installing a catalog model', () => {
  it('fetches, checks and keeps the file, with progress', async () => {
    const files = open();
    expect(files.path('big')).toBeUndefined();
    const progress: number[] = [];
    await files.install('big', createContext(new AbortController().signal, (done) => progress.push(done)));
    expect(readFileSync(files.path('big') ?? '')).toEqual(Buffer.from(bytes));
    expect(progress.at(-1)).toBe(1);
    await files.remove('big');
    expect(files.path('big')).toBeUndefined();
  });

  it.each([
    ['other bytes of the same length', () => new Response(bytes.map((b) => b ^ 1)), 'is not Big'],
    ['too many bytes', () => new Response(new Uint8Array(1000)), 'larger than the catalog says'],
    ['an error page', () => new Response('gone', { status: 404 }), 'answered 404'],
    ['no network', () => Promise.reject(new TypeError('fetch failed')), 'no connection to models.example'],
  ])('refuses %s and leaves nothing behind', async (_what, answer, message) => {
    const files = open(answer);
    await expect(files.install('big', quietContext())).rejects.toThrow(message);
    expect(files.path('big')).toBeUndefined();
    expect(readdirSync(user)).toEqual([]);
  });
});

describe('models the user adds', () => {
  it('are copied, listed, kept over a restart and removed', async () => {
    const source = join(folder, 'My Model (v2).SAFETENSORS');
    writeFileSync(source, 'abc');
    const entry = await open().add(source, { title: 'Mine', role: 'clean' });
    expect(entry).toMatchObject({ id: 'my-model-v2', origin: 'added', role: 'clean', sizeBytes: 3 });
    rmSync(source);
    const again = open();
    expect(readFileSync(again.path('my-model-v2') ?? '', 'utf8')).toBe('abc');
    expect(readCatalog(user)).toHaveLength(1);
    await again.remove('my-model-v2');
    expect(existsSync(join(user, entry.file))).toBe(false);
    expect(() => again.entry('my-model-v2')).toThrow('There is no model');
  });

  it('are not added twice, and names that collide get a number', async () => {
    const [a, b] = [join(folder, 'a.pth'), join(folder, 'x', 'a.pth')];
    mkdirSync(join(folder, 'x'));
    writeFileSync(a, 'one');
    writeFileSync(b, 'two');
    const files = open();
    expect((await files.add(a, { title: 'A', role: 'other' })).id).toBe('a');
    expect((await files.add(a, { title: 'A', role: 'other' })).id).toBe('a');
    expect((await files.add(b, { title: 'B', role: 'other' })).id).toBe('a-2');
    expect(files.entries).toHaveLength(3);
  });
});
