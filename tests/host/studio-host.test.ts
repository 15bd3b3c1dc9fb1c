import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineSupervisor } from '../../src/host/engine-supervisor.ts';
import { Grants } from '../../src/host/grants.ts';
import { recentFiles } from '../../src/host/recent-files.ts';
import { defaultSettings, settingsFile } from '../../src/host/settings-file.ts';
import { StudioHost, type StudioHostOptions } from '../../src/host/studio-host.ts';
import type { EngineCalls, Job, SourceRef, StudioCalls, StudioEvents } from '../../src/shared/contract.ts';
import { HeirloomError } from '../../src/shared/failure.ts';
import { connect, type Handlers, type Remote } from '../../src/shared/rpc.ts';
import { emptyRecipe } from '../../src/shared/recipe.ts';
import { memoryTransports } from '../contracts/memory-transport.ts';
import { FakeEngine, job, removeFolder } from './fake-engine.ts';

const exportOptions = { format: 'png', quality: 90, bitDepth: 8, chroma: '4:4:4', profile: 'source', metadata: 'keep' } as const;

let folder = '';
let engines: FakeEngine[] = [];
let answer: Partial<Handlers<EngineCalls>> = {};
let supervisor: EngineSupervisor;
let grants: Grants;
let host: StudioHost;
const shown: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
  engines = [];
  answer = {};
  shown.length = 0;
  open();
});
afterEach(async () => {
  await supervisor.close();
  await removeFolder(folder);
});

function open(options: Partial<StudioHostOptions> = {}): void {
  grants = new Grants();
  supervisor = new EngineSupervisor({
    socketDirectory: folder,
    backOffMs: [0],
    spawn: () => {
      const engine = new FakeEngine(engines.length + 1, '', answer);
      engines.push(engine);
      return engine.child;
    },
  });
  host = new StudioHost({
    info: { host: 'web', version: '1', platform: 'linux' },
    supervisor,
    grants,
    dialogs: {
      openPhoto: () => Promise.resolve([join(folder, 'a.jpg'), join(folder, 'b.jpg')]),
      openModel: () => Promise.resolve([]),
      saveImage: (name) => Promise.resolve({ path: join(folder, name), label: name, overwrite: true }),
      saveModel: () => Promise.resolve(undefined),
      show: (path) => void shown.push(path),
    },
    settingsFile: settingsFile(folder),
    settings: defaultSettings(),
    recent: recentFiles(folder),
    downloadUrl: (target) => `/download/${target}`,
    abandonedAfterMs: 0,
    ...options,
  });
}

function attach(): { readonly remote: Remote<StudioCalls, StudioEvents>; close(): void } {
  const { a, b, close } = memoryTransports();
  host.attach(b);
  return { remote: connect<StudioCalls, StudioEvents>(a), close: () => close('gone') };
}

const next = <K extends keyof StudioEvents & string>(remote: Remote<StudioCalls, StudioEvents>, name: K) => new Promise((resolve) => remote.on(name, resolve));

test('a photo is opened by its token alone; the engine hears the path, the window never does', async () => {
  const { remote } = attach();
  const [first] = await remote.call('dialog.openPhoto');
  const photo = await remote.call('photo.open', { source: first!.source });
  expect(photo.name).toBe('a.jpg');
  expect(JSON.stringify([first, photo])).not.toContain(folder);
  expect(engines[0]!.calls.find(({ name }) => name === 'photo.open')?.input).toMatchObject({ path: join(folder, 'a.jpg'), allowDamaged: false });
});

test.each(['/etc/passwd', '../a.jpg', ''])('a window that names a path (%j) gets nothing', async (source) => {
  const { remote } = attach();
  for (const name of ['photo.open', 'model.add', 'model.inspect'] as const) {
    await expect(remote.call(name, { source })).rejects.toMatchObject({ code: 'bad-input' });
  }
  await expect(
    remote.call('export.start', { photo: 'x', recipe: emptyRecipe, target: source, options: exportOptions }),
  ).rejects.toMatchObject({ code: 'bad-input' });
  expect(engines).toHaveLength(0);
});

test('a window cannot reach the calls of the engine that take paths', async () => {
  const { remote } = attach();
  const raw = remote.call as unknown as (name: string, input: unknown) => Promise<unknown>;
  await expect(raw('settings.apply', defaultSettings())).rejects.toMatchObject({ code: 'bad-input' });
  await expect(raw('photo.open', { id: 'x', path: '/etc/passwd', name: 'x', allowDamaged: false })).rejects.toMatchObject({ code: 'bad-input' });
});

test('an export goes where the user said, and its job names the file as the user did', async () => {
  answer = {
    'export.start': ({ path, overwrite }) => {
      expect(overwrite).toBe(true);
      setImmediate(() => engines[0]!.emit('job.changed', job('e1', 'done', { kind: 'export', result: { savedAs: path } })));
      return job('e1', 'queued', { kind: 'export' });
    },
  };
  const { remote } = attach();
  const target = await remote.call('dialog.saveImage', { suggestedName: 'new.png', format: 'png' });
  const changed = next(remote, 'job.changed');
  await remote.call('export.start', { photo: 'x', recipe: emptyRecipe, target: target!.target, options: exportOptions });
  expect(((await changed) as Job).result).toEqual({ savedAs: 'new.png', download: `/download/${target!.target}` });
  await remote.call('target.show', { target: target!.target });
  expect(shown).toEqual([join(folder, 'new.png')]);
  expect(await remote.call('dialog.saveModel', { suggestedName: 'm' })).toBeNull();
});

test('settings are kept, told to every window and to the engine', async () => {
  const [one, two] = [attach(), attach()];
  const heard = next(two.remote, 'settings.changed');
  const wanted = { ...defaultSettings(), theme: 'dark' as const };
  expect(await one.remote.call('settings.set', wanted)).toEqual(wanted);
  expect(await heard).toEqual(wanted);
  expect((await settingsFile(folder).read()).value).toEqual(wanted);
  expect(engines[0]!.calls.some(({ name }) => name === 'settings.apply')).toBe(true);
  expect(await two.remote.call('settings.get')).toEqual(wanted);
});

test('settings the engine refuses are not kept', async () => {
  answer = {
    'settings.apply': () => {
      throw new HeirloomError('device', 'This device was struck off.');
    },
  };
  const { remote } = attach();
  await expect(remote.call('settings.set', { ...defaultSettings(), device: 'cuda' })).rejects.toMatchObject({ code: 'device' });
  expect(await remote.call('settings.get')).toEqual(defaultSettings());
});

test('settings can be changed while the engine does not start: they may be the cure', async () => {
  answer = {
    'engine.info': () => {
      if (host.settings.device === 'webgpu') throw new HeirloomError('device', 'No.');
      return { version: '1', devices: [], device: 'cpu' };
    },
  };
  open({ settings: { ...defaultSettings(), device: 'webgpu' } });
  const { remote } = attach();
  await expect(remote.call('step.list')).rejects.toMatchObject({ code: 'device' });
  expect((await remote.call('engine.state')).state).toBe('failed');
  await remote.call('settings.set', { ...defaultSettings(), device: 'cpu' });
  expect((await remote.call('engine.state')).state).toBe('ready');
});

test('photos opened lately are listed, uploads are not', async () => {
  writeFileSync(join(folder, 'a.jpg'), '');
  const { remote } = attach();
  const [first] = await remote.call('dialog.openPhoto');
  await remote.call('photo.open', { source: first!.source });
  await remote.call('photo.open', { source: grants.grantSource(join(folder, 'upload.jpg'), 'upload.jpg', true).source });
  expect((await remote.call('recent.list')).map(({ name }) => name)).toEqual(['a.jpg']);
});

test('a photo requested before there is a window waits for the first one', async () => {
  host.requestPhoto(join(folder, 'early.jpg'));
  const { remote } = attach();
  const heard = next(remote, 'photo.requested');
  await remote.call('host.info');
  expect((await heard) as SourceRef).toMatchObject({ name: 'early.jpg' });
  const second = attach();
  const late = next(second.remote, 'photo.requested');
  host.requestPhoto(join(folder, 'late.jpg'));
  expect(await late).toMatchObject({ name: 'late.jpg' });
});

test('the photos of a window that is gone are closed, unless another one uses them', async () => {
  const [one, two] = [attach(), attach()];
  const [a, b] = await one.remote.call('dialog.openPhoto');
  const kept = await one.remote.call('photo.open', { source: a!.source });
  const left = await one.remote.call('photo.open', { source: b!.source });
  await two.remote.call('preview.cancel', { photo: kept.id });
  one.close();
  const closed = (): unknown[] => engines[0]!.calls.filter(({ name }) => name === 'photo.close').map(({ input }) => input);
  while (closed().length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(closed()).toEqual([{ photo: left.id }]);
});
