import { setActivePinia } from 'pinia';
import { beforeEach, describe, expect, test } from 'vitest';
import { useJobs } from '../../../src/renderer/stores/jobs.ts';
import { useNotices } from '../../../src/renderer/stores/notices.ts';
import { usePhoto } from '../../../src/renderer/stores/photo.ts';
import { useSession } from '../../../src/renderer/stores/session.ts';
import { nextTick } from 'vue';
import type { Job } from '../../../src/shared/contract.ts';
import { HeirloomError } from '../../../src/shared/failure.ts';
import { type FakeStudio, fakeStudio, imageInfo, photoInfo, recipeWith } from '../fake-studio.ts';

const queued: Job = {
  id: 'job',
  kind: 'restore',
  title: 'Restoring',
  state: 'queued',
  progress: 0,
  stage: '',
};
const settings = { device: 'auto', tilePx: 0, memoryBudgetMiB: 2048, theme: 'system' } as const;
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
let studio: FakeStudio;
let opened = 0;
let nextJob = queued;
let listed: readonly Job[] = [];

beforeEach(() => {
  opened = 0;
  nextJob = queued;
  listed = [];
  studio = fakeStudio({
    'photo.open': ({ source }) => {
      if (source === 'broken')
        throw new HeirloomError('bad-input', '"broken.jpg" ends too early.', 'Scan it again.', {
          retry: 'allow-damaged',
        });
      opened += 1;
      return photoInfo(`${source}${opened}`);
    },
    'recipe.run': () => nextJob,
    'recent.list': () => [],
    'engine.state': () => ({ state: 'ready', message: '' }),
    'engine.info': () => ({ version: '1', device: 'cpu', devices: [] }),
    'settings.get': () => settings,
    'host.info': () => ({ host: 'web', version: '1', platform: 'linux' }),
    'step.list': () => [],
    'job.list': () => listed,
  });
  setActivePinia(studio.pinia);
});

const done = (alphaImage = 'result'): Job => ({
  ...queued,
  state: 'done',
  progress: 1,
  result: { image: imageInfo(alphaImage, 400, 200), consistencyDb: 38 },
});

describe('photo', () => {
  test('opens with the proposed recipe; undo brings it back after changes', async () => {
    const photo = usePhoto();
    await photo.open({ source: 'a', name: 'a.jpg' });
    expect(photo.isProposal).toBe(true);
    photo.edit(recipeWith(0.5));
    photo.edit(recipeWith(0.6));
    photo.commit();
    expect(photo.isProposal).toBe(false);
    photo.undo();
    expect(photo.isProposal).toBe(true);
    photo.redo();
    expect(photo.recipe).toEqual(recipeWith(0.6));
  });

  test('a result belongs to the recipe it was made with', async () => {
    const photo = usePhoto();
    await photo.open({ source: 'a', name: 'a.jpg' });
    const running = photo.restore();
    await settle();
    expect(photo.restoring?.state).toBe('queued');
    photo.edit(recipeWith(0.9));
    studio.emit('job.changed', done());
    await running;
    expect(photo.restored?.recipe).toEqual(recipeWith(0.3));
    expect(photo.isStale).toBe(true);
    photo.undo();
    expect(photo.isStale).toBe(false);
  });

  test('a job that ends before its call is answered is not missed', async () => {
    const photo = usePhoto();
    await photo.open({ source: 'a', name: 'a.jpg' });
    const running = photo.restore();
    studio.emit('job.changed', done());
    await running;
    expect(photo.restored?.image.id).toBe('result');
    expect(useJobs().unfinished).toEqual([]);
  });

  test('a failure keeps the photo and the result before it', async () => {
    const photo = usePhoto();
    await photo.open({ source: 'a', name: 'a.jpg' });
    const first = photo.restore();
    await settle();
    studio.emit('job.changed', done());
    await first;
    nextJob = { ...queued, id: 'second' };
    const second = photo.restore();
    await settle();
    studio.emit('job.changed', {
      ...nextJob,
      state: 'failed',
      failure: { code: 'out-of-memory', message: 'Too large.' },
    });
    await second;
    expect(photo.failure).toEqual({ code: 'out-of-memory', message: 'Too large.' });
    expect(photo.info?.id).toBe('a1');
    expect(photo.restored?.image.id).toBe('result');
  });

  test('a photo that cannot be opened leaves the open one alone and offers what can be read', async () => {
    const photo = usePhoto();
    await photo.open({ source: 'a', name: 'a.jpg' });
    await photo.open({ source: 'broken', name: 'broken.jpg' });
    expect(photo.info?.id).toBe('a1');
    const [notice] = useNotices().shown;
    expect(notice).toMatchObject({
      kind: 'failure',
      text: '"broken.jpg" ends too early.',
      hint: 'Scan it again.',
    });
    notice?.action?.run();
    await settle();
    expect(studio.calls.at(-1)).toMatchObject({ name: 'photo.open', input: { allowDamaged: true } });
  });

  test('of two photos opened one after the other the later one stays', async () => {
    const photo = usePhoto();
    const first = photo.open({ source: 'a', name: 'a.jpg' });
    const second = photo.open({ source: 'b', name: 'b.jpg' });
    await Promise.all([first, second]);
    expect(photo.info?.name).toBe('b2.jpg');
    expect(studio.calls).toContainEqual({ name: 'photo.close', input: { photo: 'a1' } });
  });

  test('after the engine was lost, recipe and history stay and the job is told as failed', async () => {
    const session = useSession();
    const photo = usePhoto();
    await session.load();
    await photo.open({ source: 'a', name: 'a.jpg' });
    photo.edit(recipeWith(0.7));
    const running = photo.restore();
    await settle();
    studio.emit('engine.changed', { state: 'restarting', message: '' });
    studio.emit('engine.changed', { state: 'ready', message: '' });
    await running;
    await settle();
    expect(photo.failure?.code).toBe('device');
    expect(photo.info?.id).toBe('a1');
    expect(photo.recipe).toEqual(recipeWith(0.7));
    expect(photo.canUndo).toBe(true);
    expect(useNotices().shown.some((notice) => notice.text.includes('has been started again'))).toBe(true);
  });

  test('restoring that is asked for while the photo is opened again waits for it', async () => {
    const [photo, session] = [usePhoto(), useSession()];
    await photo.open({ source: 'photo', name: 'photo.jpg' });
    const before = photo.info!;
    studio.gone.add(before.image.id);
    session.engineRun += 1;
    await nextTick();
    nextJob = { ...queued, state: 'cancelled' };
    await photo.restore();
    const asked = studio.calls.find(({ name }) => name === 'recipe.run')?.input as { photo: string } | undefined;
    expect(photo.info?.id).not.toBe(before.id);
    expect(asked?.photo).toBe(photo.info?.id);
  });

  test('what the host lost is opened again, a result that is gone is dropped', async () => {
    const session = useSession();
    const photo = usePhoto();
    await session.load();
    await photo.open({ source: 'a', name: 'a.jpg' });
    const running = photo.restore();
    await settle();
    studio.emit('job.changed', done());
    await running;
    photo.edit(recipeWith(0.7));
    studio.gone.add('result').add('a1-pixels');
    studio.setConnection('lost');
    expect(session.connection).toBe('lost');
    studio.setConnection('connected');
    for (let turn = 0; turn < 5; turn++) await settle();
    expect(photo.info?.id).toBe('a2');
    expect(photo.restored).toBeUndefined();
    expect(photo.recipe).toEqual(recipeWith(0.7));
  });

  test('a job goes on while the connection is broken', async () => {
    const photo = usePhoto();
    await useSession().load();
    await photo.open({ source: 'a', name: 'a.jpg' });
    const running = photo.restore();
    await settle();
    studio.setConnection('lost');
    listed = [done()];
    studio.setConnection('connected');
    await running;
    expect(photo.restored?.image.id).toBe('result');
  });
});

test('what is over stays over', () => {
  const jobs = useJobs();
  studio.emit('job.changed', done());
  jobs.take(queued);
  expect(jobs.byId.get('job')?.state).toBe('done');
});
