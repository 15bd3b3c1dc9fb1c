import { copyFileSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { forkEngine } from '../../src/host/engine-child.ts';
import { EngineSupervisor } from '../../src/host/engine-supervisor.ts';
import { programFiles } from '../../src/host/program-files.ts';
import { defaultSettings } from '../../src/host/settings-file.ts';
import { type Job, pixelPaths } from '../../src/shared/contract.ts';
import type { Recipe } from '../../src/shared/recipe.ts';
import { bundleEntries } from '../bundle-entry.ts';
import { removeFolder } from './fake-engine.ts';

// The real engine in a real process of its own.

let bundle = '';
let folder = '';
let photo = '';
let supervisor: EngineSupervisor;
const jobs: Job[] = [];
const log: string[] = [];

beforeAll(async () => {
  bundle = await bundleEntries('src/engine/process.ts', 'src/engine/models/inference-worker.ts', 'src/engine/fill/fill-worker.ts', 'src/engine/models/device-probe.ts');
});
afterAll(() => rm(bundle, { recursive: true, force: true }));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
  photo = join(folder, 'dora.png');
  jobs.length = 0;
  log.length = 0;
  const noise = Buffer.from(Uint8Array.from({ length: 900 * 700 * 3 }, (_, index) => (index * 7919) % 251));
  await sharp(noise, { raw: { width: 900, height: 700, channels: 3 } }).png().toFile(photo);
  supervisor = new EngineSupervisor({
    socketDirectory: folder,
    log: (line) => log.push(line),
    spawn: (pixelSocket) =>
      forkEngine(
        join(bundle, 'process.js'),
        {
          dataDirectory: join(folder, 'data'),
          scratchDirectory: join(folder, 'scratch'),
          modelDirectories: [programFiles().models],
          settings: { ...defaultSettings(), tilePx: 64 },
          version: 'test',
          entries: { inferenceWorker: join(bundle, 'inference-worker.js'), fillWorker: join(bundle, 'fill-worker.js'), deviceProbe: join(bundle, 'device-probe.js') },
          pixelSocket,
        },
        (line) => log.push(line),
      ),
  });
  supervisor.onEvent((name, value) => {
    if (name === 'job.changed') jobs.push(value as Job);
  });
});
afterEach(async () => {
  await supervisor.close();
  await removeFolder(folder);
});

const open = (path = photo) => supervisor.call('photo.open', { id: 'dora', path, name: 'dora.png', allowDamaged: false });
const waitFor = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** Only the steps named are on. */
function only(recipe: Recipe, ...steps: readonly string[]): Recipe {
  return { ...recipe, steps: recipe.steps.map((use) => ({ ...use, enabled: steps.includes(use.step) })) };
}

test('opens a photo, and serves its pixels over the socket', async () => {
  const { image, format } = await open();
  expect(image).toMatchObject({ width: 900, height: 700, channels: 3 });
  expect(format).toBe('png');
  const answer = await supervisor.pixels(pixelPaths.thumbnail(image.id, 200));
  const shown = await sharp(await buffer(answer!.body)).metadata();
  expect(Math.max(shown.width, shown.height)).toBe(200);
  expect(await supervisor.pixels(pixelPaths.tile(image.id, 0, 99, 99))).toBeUndefined();
});

test('a bad file fails plainly, and the engine goes on', async () => {
  writeFileSync(join(folder, 'text.jpg'), 'not a picture');
  await expect(open(join(folder, 'text.jpg'))).rejects.toMatchObject({ code: 'bad-input' });
  await expect(open(join(folder, 'missing.jpg'))).rejects.toMatchObject({ code: 'file' });
  expect((await open()).image.width).toBe(900);
});

test('killed in the middle of a job: the job ends with a sentence, and the next job runs to its end', async () => {
  const { suggestion } = await open();
  const step = suggestion.steps.some((use) => use.step === 'enlarge') && existsSync(join(programFiles().models, 'enlarge-x4-fidelity.safetensors')) ? 'enlarge' : 'tone';
  const first = await supervisor.call('recipe.run', { photo: 'dora', recipe: only(suggestion, step) });
  await waitFor(() => jobs.some((job) => job.id === first.id && job.state === 'running'));
  supervisor.kill();
  await waitFor(() => jobs.some((job) => job.id === first.id && (job.state === 'failed' || job.state === 'done')));
  expect(jobs.findLast((job) => job.id === first.id)).toMatchObject({
    state: 'failed',
    failure: { code: 'device', message: 'The engine stopped while restoring dora.png; it has been started again.' },
  });
  const second = await supervisor.call('recipe.run', { photo: 'dora', recipe: only(suggestion, 'tone') });
  await waitFor(() => jobs.some((job) => job.id === second.id && job.state === 'done'));
  const { image } = jobs.findLast((job) => job.id === second.id)!.result!;
  const answer = await supervisor.pixels(pixelPaths.thumbnail(image!.id, 64));
  expect((await sharp(await buffer(answer!.body)).metadata()).width).toBe(64);
  const progress = jobs.filter((job) => job.id === second.id).map((job) => job.progress);
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
});

test('an engine that cannot start says why', async () => {
  const models = join(folder, 'models');
  copyFileSync(photo, models);
  const broken = new EngineSupervisor({
    socketDirectory: folder,
    spawn: (pixelSocket) =>
      forkEngine(
        join(bundle, 'process.js'),
        { dataDirectory: models, scratchDirectory: join(models, 'x'), modelDirectories: [], settings: defaultSettings(), version: 'test', entries: { inferenceWorker: '', fillWorker: '', deviceProbe: '' }, pixelSocket },
        (line) => log.push(line),
      ),
  });
  await expect(broken.start()).rejects.toThrow();
  expect(broken.state.state).toBe('failed');
  await broken.close();
  expect(readdirSync(folder).filter((name) => name.endsWith('.sock'))).toEqual([]);
});
