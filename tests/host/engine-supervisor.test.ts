import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EngineSupervisor, type SupervisorOptions } from '../../src/host/engine-supervisor.ts';
import type { EngineCalls, EngineState, Job, Preview } from '../../src/shared/contract.ts';
import { HeirloomError } from '../../src/shared/failure.ts';
import type { Handlers } from '../../src/shared/rpc.ts';
import { emptyRecipe } from '../../src/shared/recipe.ts';
import { FakeEngine, job, removeFolder } from './fake-engine.ts';

let folder = '';
let engines: FakeEngine[] = [];
let supervisor: EngineSupervisor;
let states: EngineState[] = [];
let jobs: Job[] = [];
let previews: Preview[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
  engines = [];
  states = [];
  jobs = [];
  previews = [];
});

afterEach(async () => {
  await supervisor.close();
  await removeFolder(folder);
});

function start(answer: (number: number) => Partial<Handlers<EngineCalls>> = () => ({}), options: Partial<SupervisorOptions> = {}): EngineSupervisor {
  supervisor = new EngineSupervisor({
    socketDirectory: folder,
    backOffMs: [0, 1, 1],
    spawn: (pixelSocket) => {
      const engine = new FakeEngine(engines.length + 1, pixelSocket, answer(engines.length + 1));
      engines.push(engine);
      return engine.child;
    },
    ...options,
  });
  supervisor.onState((state) => states.push(state));
  supervisor.onEvent((name, value) => {
    if (name === 'job.changed') jobs.push(value as Job);
    if (name === 'preview.changed') previews.push(value as Preview);
  });
  return supervisor;
}

const engine = (number: number): FakeEngine => engines[number - 1]!;
const open = (id: string, path = `/photos/${id}.jpg`) => supervisor.call('photo.open', { id, path, name: `${id}.jpg`, allowDamaged: false });
const run = (photo: string) => supervisor.call('recipe.run', { photo, recipe: emptyRecipe });
const waitFor = (isSo: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => void (isSo() ? resolve() : setImmediate(look));
    look();
  });

describe('a healthy engine', () => {
  test('starts once however many calls wait for it, and says when it is ready', async () => {
    start();
    await Promise.all([supervisor.start(), supervisor.call('step.list', undefined), supervisor.call('engine.info', undefined)]);
    expect(engines).toHaveLength(1);
    expect(states.map(({ state }) => state)).toEqual(['starting', 'ready']);
  });

  test('passes events on', async () => {
    start();
    await supervisor.start();
    engine(1).emit('job.changed', job('a', 'running', { progress: 0.5 }));
    await waitFor(() => jobs.length === 1);
    expect(jobs[0]).toMatchObject({ id: 'a', progress: 0.5 });
  });

  test('streams pixels, answers undefined for what is no picture, and fails plainly for what is broken', async () => {
    start();
    const answer = await supervisor.pixels('abc/tile/0/1/2');
    expect(answer).toMatchObject({ mime: 'image/webp', sizeBytes: 24, cacheControl: 'private, max-age=31536000, immutable' });
    expect(await text(answer!.body)).toBe('pixels of abc/tile/0/1/2');
    expect(await supervisor.pixels('missing/tile/0/0/0')).toBeUndefined();
    expect(await supervisor.pixels('../../etc/passwd')).toBeUndefined();
    await expect(supervisor.pixels('broken/thumbnail/64')).rejects.toMatchObject({ code: 'internal' });
    expect(engine(1).pixelPaths).not.toContain('../../etc/passwd');
  });
});

describe('a crash in the middle of a job', () => {
  test('ends the job with a plain sentence, starts again, and the next job runs', async () => {
    start();
    await open('dora');
    const { id } = await run('dora');
    engine(1).crash('signal SIGSEGV');
    await waitFor(() => jobs.some(({ state }) => state === 'failed'));
    expect(jobs.at(-1)).toMatchObject({
      id,
      state: 'failed',
      failure: { code: 'device', message: 'The engine stopped while restoring dora.jpg; it has been started again.' },
    });
    expect((await run('dora')).state).toBe('running');
    expect(engine(2).calls.map(({ name }) => name)).toEqual(['engine.info', 'photo.open', 'recipe.run']);
    expect(states.map(({ state }) => state)).toEqual(['starting', 'ready', 'restarting', 'ready']);
    expect(states.at(-1)?.message).toBe('The engine stopped and has been started again.');
  });

  test('leaves jobs alone that had ended, and lists those it took', async () => {
    start();
    await open('dora');
    const first = await run('dora');
    engine(1).emit('job.changed', { ...first, state: 'done', progress: 1 });
    const second = await run('dora');
    await waitFor(() => jobs.length === 1);
    engine(1).crash('exit code 134');
    const listed = await supervisor.call('job.list', undefined);
    expect(listed.map(({ id, state }) => [id, state])).toEqual([[second.id, 'failed']]);
    expect(await supervisor.call('job.cancel', { job: second.id })).toBeUndefined();
    expect(engine(2).calls.some(({ name }) => name === 'job.cancel')).toBe(false);
  });

  test('does not take a job for running whose end was heard before its start was answered', async () => {
    start(() => ({
      'recipe.run': () => {
        engine(1).emit('job.changed', job('quick', 'done', { progress: 1 }));
        return job('quick', 'queued');
      },
    }));
    await open('dora');
    await run('dora');
    engine(1).crash('exit code 1');
    await supervisor.call('step.list', undefined);
    expect(jobs.map(({ state }) => state)).toEqual(['done']);
  });

  test('fails a call that waits for its answer, and the preview that was being computed', async () => {
    start((number) => (number === 1 ? { 'preview.request': () => undefined, 'model.list': () => new Promise(() => {}) } : {}));
    await open('dora');
    const rect = { x: 0, y: 0, width: 8, height: 8 };
    await supervisor.call('preview.request', { request: 'p1', photo: 'dora', recipe: emptyRecipe, rect });
    await supervisor.call('preview.request', { request: 'p2', photo: 'dora', recipe: emptyRecipe, rect });
    engine(1).emit('preview.changed', { request: 'p1', state: 'superseded', rect });
    const waiting = supervisor.call('model.list', undefined).catch((error: unknown) => error);
    await waitFor(() => engine(1).calls.some(({ name }) => name === 'model.list') && previews.length === 1);
    engine(1).crash('exit code 1');
    expect(await waiting).toMatchObject({ code: 'device' });
    await supervisor.start();
    expect(previews.map(({ request, state }) => [request, state])).toEqual([
      ['p1', 'superseded'],
      ['p2', 'failed'],
    ]);
  });

  test('opens known photos again under their ids, and shows their pixels under the ids the window knows', async () => {
    start();
    const { image } = await open('dora');
    await open('emil');
    await supervisor.call('photo.close', { photo: 'emil' });
    engine(1).crash('exit code 1');
    const answer = await supervisor.pixels(`${image.id}/tile/0/0/0`);
    expect(await text(answer!.body)).toBe('pixels of dora-image-2/tile/0/0/0');
    expect(engine(2).opened).toEqual(['dora']);
    engine(2).crash('exit code 1');
    const again = await supervisor.pixels(`${image.id}/thumbnail/64`);
    expect(await text(again!.body)).toBe('pixels of dora-image-3/thumbnail/64');
  });

  test('forgets a photo that ends the engine while it is opened again, and one whose file is gone', async () => {
    let opens = 0;
    start((number) => ({
      ...(number === 2
        ? {
            'photo.open': ({ id, name }) => {
              opens++;
              if (id === 'bad') engine(2).crash('signal SIGSEGV');
              return { id, name, image: { id: `${id}-2` } } as never;
            },
          }
        : {}),
    }));
    await open('good');
    await open('bad');
    engine(1).crash('exit code 1');
    await supervisor.start();
    expect(opens).toBe(2);
    expect(engine(3).opened).toEqual(['good']);
    expect(states.at(-1)?.state).toBe('ready');
  });
});

describe('an engine that does not start', () => {
  test('is tried a few times, then said to have failed; the next call tries again', async () => {
    let works = false;
    start(() => (works ? {} : { 'engine.info': () => (setImmediate(() => engines.at(-1)?.crash('exit code 127')), new Promise(() => {})) }));
    await expect(supervisor.call('step.list', undefined)).rejects.toMatchObject({ code: 'device', message: expect.stringContaining('exit code 127') as string });
    expect(engines).toHaveLength(3);
    expect(supervisor.state.state).toBe('failed');
    works = true;
    expect(await supervisor.call('step.list', undefined)).toEqual([]);
    expect(supervisor.state.state).toBe('ready');
  });

  test('that runs and says why it cannot work is not started again and again', async () => {
    start(() => ({
      'engine.info': () => {
        throw new HeirloomError('corrupt-model', 'The catalog of models is damaged.', 'Install Heirloom again.');
      },
    }));
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'corrupt-model' });
    expect(engines).toHaveLength(1);
    expect(engine(1).killed).toBe(true);
    expect(supervisor.state).toEqual({ state: 'failed', message: 'The catalog of models is damaged.' });
  });

  test('that does not answer is ended', async () => {
    start((number) => (number === 1 ? { 'engine.info': () => new Promise(() => {}) } : {}), { startTimeoutMs: 5 });
    await supervisor.start();
    expect(engine(1).killed).toBe(true);
    expect(engines).toHaveLength(2);
  });

  test('that keeps stopping is given up, with what to do', async () => {
    start(() => ({}), { maxLossesPerMinute: 2, now: () => 1000 });
    for (let crash = 1; crash <= 3; crash++) {
      await supervisor.start();
      engines.at(-1)?.crash('exit code 1');
      await waitFor(() => states.at(-1)?.state !== 'ready');
    }
    expect(engines).toHaveLength(3);
    expect(supervisor.state.state).toBe('failed');
    expect(supervisor.state.message).toContain('keeps stopping');
  });

  test('losses that lie far apart are no reason to give up', async () => {
    let time = 0;
    start(() => ({}), { maxLossesPerMinute: 1, now: () => (time += 61_000) });
    for (let crash = 1; crash <= 4; crash++) {
      await supervisor.start();
      engines.at(-1)?.crash('exit code 1');
      await waitFor(() => engines.length === crash + 1);
    }
    await supervisor.start();
    expect(supervisor.state.state).toBe('ready');
  });
});

describe('cancelling', () => {
  test('a job that does not end takes the process with it, and counts as cancelled', async () => {
    start(() => ({}), { cancelGraceMs: 5 });
    await open('dora');
    const { id } = await run('dora');
    await supervisor.call('job.cancel', { job: id });
    await waitFor(() => jobs.length > 0);
    expect(engine(1).killed).toBe(true);
    expect(jobs.at(-1)).toMatchObject({ id, state: 'cancelled' });
    expect(jobs.at(-1)?.failure).toBeUndefined();
  });

  test('also when the engine does not even answer', async () => {
    start((number) => (number === 1 ? { 'job.cancel': () => new Promise(() => {}) } : {}), { cancelGraceMs: 5 });
    await open('dora');
    const { id } = await run('dora');
    expect(await supervisor.call('job.cancel', { job: id })).toBeUndefined();
    await waitFor(() => jobs.length > 0);
    expect(jobs.at(-1)).toMatchObject({ id, state: 'cancelled' });
  });

  test('a job that ends in time harms nobody', async () => {
    start(() => ({}), { cancelGraceMs: 300 });
    await open('dora');
    const { id } = await run('dora');
    engine(1).answer = { 'job.cancel': () => engine(1).emit('job.changed', job(id, 'cancelled')) as undefined };
    await supervisor.call('job.cancel', { job: id });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(engine(1).killed).toBe(false);
    expect(engines).toHaveLength(1);
  });
});

test('closing ends the process; what is asked afterwards fails plainly', async () => {
  start();
  await supervisor.start();
  await supervisor.close();
  expect(engine(1).killed).toBe(true);
  await expect(supervisor.call('step.list', undefined)).rejects.toMatchObject({ code: 'device' });
  expect(engines).toHaveLength(1);
});
