import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fillHole } from '../../../src/engine/fill/fill-hole.ts';
import { createFillThread, type FillThread } from '../../../src/engine/fill/fill-thread.ts';
import { bundleEntries } from '../../bundle-entry.ts';
import { textured, textures } from './textures.ts';

let folder: string;
let thread: FillThread;
beforeAll(async () => {
  folder = await bundleEntries('src/engine/fill/fill-worker.ts');
  thread = createFillThread(join(folder, 'fill-worker.js'));
});
afterAll(async () => {
  await thread.close();
  rmSync(folder, { recursive: true, force: true });
});

const { image } = textured(textures[0]!, 96, 3, (x, y) => x >= 36 && x < 60 && y >= 34 && y < 58);

test('fills as the engine would itself, telling how far it is', async () => {
  const heard: number[] = [];
  const report = async (done: number): Promise<void> => void heard.push(done);
  const filled = await thread.fill(image, { method: 'exemplar', seed: 5, report });
  expect(filled).toEqual(await fillHole(image, { method: 'exemplar', seed: 5 }));
  expect(heard.length).toBeGreaterThan(3);
  expect(heard).toEqual([...heard].sort((a, b) => a - b));
});

test('stops at once when it is told to, and finishes what else waits', async () => {
  const stopped = thread.fill(image, { method: 'exemplar', seed: 1, report: () => Promise.reject(new Error('stop')) });
  const other = thread.fill(image, { method: 'exemplar', seed: 2 });
  await expect(stopped).rejects.toThrow('stop');
  expect(await other).toEqual(await fillHole(image, { method: 'exemplar', seed: 2 }));
});

test('says so when it cannot run', async () => {
  const broken = createFillThread(join(folder, 'missing.js'));
  await expect(broken.fill(image, { method: 'exemplar', seed: 1 })).rejects.toMatchObject({ code: 'internal' });
});
