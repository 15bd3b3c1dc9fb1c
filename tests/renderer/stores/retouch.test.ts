import { setActivePinia } from 'pinia';
import { beforeEach, describe, expect, test } from 'vitest';
import { nextTick } from 'vue';
import { useMasks } from '../../../src/renderer/stores/masks.ts';
import { useNotices } from '../../../src/renderer/stores/notices.ts';
import { usePhoto } from '../../../src/renderer/stores/photo.ts';
import { useRetouch } from '../../../src/renderer/stores/retouch.ts';
import { useSession } from '../../../src/renderer/stores/session.ts';
import type { Job, StepDescription } from '../../../src/shared/contract.ts';
import type { MaskShape } from '../../../src/shared/mask.ts';
import type { Recipe } from '../../../src/shared/recipe.ts';
import { type FakeStudio, fakeStudio, imageInfo, photoInfo } from '../fake-studio.ts';

const step: StepDescription = {
  id: 'remove',
  version: 2,
  title: 'Remove',
  summary: '',
  strength: 'none',
  params: {},
  needsMask: true,
  holdsEntries: true,
};
const box = (x: number): MaskShape => ({ kind: 'rectangle', x, y: 5, width: 10, height: 10, erase: false });
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
const queued: Job = { id: '', kind: 'retouch', title: 'Removing', state: 'queued', progress: 0, stage: '' };
let studio: FakeStudio;
let jobs: { readonly id: string; readonly recipe: Recipe }[];
let cancelled: string[];
let prepared: string[];

beforeEach(async () => {
  globalThis.requestAnimationFrame ??= (() => 0) as typeof requestAnimationFrame;
  jobs = [];
  cancelled = [];
  prepared = [];
  studio = fakeStudio({
    'photo.open': ({ source }) => photoInfo(source),
    'photo.close': () => undefined,
    'recent.list': () => [],
    'retouch.prepare': ({ model }) => void prepared.push(model),
    'retouch.run': ({ recipe }) => {
      const id = `job-${jobs.length + 1}`;
      jobs.push({ id, recipe });
      return { ...queued, id };
    },
    'job.cancel': ({ job }) => {
      cancelled.push(job);
      studio.emit('job.changed', { ...queued, id: job, state: 'cancelled' });
      return undefined;
    },
  });
  setActivePinia(studio.pinia);
  useSession().steps = [step];
  useRetouch();
  await usePhoto().open({ source: 'photo', name: 'photo.jpg' });
  await settle();
});

/** The engine answers a job; the viewer has the pixels at once. */
async function done(id: string, layers = 1): Promise<void> {
  const result = {
    layers: Array.from({ length: layers }, (_, index) => ({
      image: imageInfo(`${id}-${index}`, 64, 64),
      rect: { x: 0, y: 0, width: 64, height: 64 },
    })),
  };
  studio.emit('job.changed', { ...queued, id, state: 'done', progress: 1, result });
  await settle();
  const retouch = useRetouch();
  if (retouch.incoming !== undefined) retouch.present(retouch.incoming);
  await settle();
}

/** The engine has a draft of the removals so far; the viewer has its pixels at once. */
async function drafted(id: string, removals: readonly string[]): Promise<void> {
  const rect = { x: 0, y: 0, width: 64, height: 64 };
  const layers = removals.map((each) => ({ image: imageInfo(`${id}-draft-${each}`, 64, 64), rect }));
  studio.emit('job.changed', { ...queued, id, state: 'running', progress: 0.3, draft: { layers, removals } });
  await settle();
  const retouch = useRetouch();
  if (retouch.incoming !== undefined) retouch.present(retouch.incoming);
  await settle();
}
const layerIds = () => useRetouch().shown.layers.map(({ image }) => image.id);

const asked = (index: number) =>
  jobs[index]?.recipe.steps[0]?.entries?.map(({ id, seed }) => `${id}/${seed}`);

describe('the Remove tool', () => {
  test('what is painted is filled at once; its mask is seen until the result is', async () => {
    const [retouch, photo] = [useRetouch(), usePhoto()];
    retouch.start();
    expect(photo.recipe.steps.map((use) => use.step)).toEqual(['enlarge']);
    retouch.take(box(5));
    await settle();
    expect(photo.recipe.steps.map((use) => use.step)).toEqual(['remove', 'enlarge']);
    expect(asked(0)).toEqual(['fill-1/1']);
    expect(retouch.pending).toHaveLength(1);
    expect(retouch.overlayMask?.shapes).toEqual([box(5)]);
    await done('job-1');
    expect(retouch.overlayMask).toBeUndefined();
    expect(retouch.shown.layers).toHaveLength(1);
    photo.undo();
    await settle();
    await done('none', 0);
    expect(photo.recipe.steps.map((use) => use.step)).toEqual(['enlarge']);
    expect(retouch.shown.layers).toEqual([]);
  });

  test('what fills is loaded as soon as the tool is taken up, once', () => {
    const retouch = useRetouch();
    retouch.start('heal');
    expect(prepared).toEqual([]);
    retouch.stop();
    retouch.start();
    retouch.start();
    expect(prepared).toEqual(['']);
  });

  test('strokes painted meanwhile wait for their turn together, and none is lost', async () => {
    const retouch = useRetouch();
    retouch.start();
    retouch.take(box(5));
    await settle();
    retouch.take(box(25));
    await settle();
    retouch.take(box(45));
    await settle();
    expect(jobs).toHaveLength(1);
    expect(retouch.overlayMask?.shapes).toEqual([box(5), box(25), box(45)]);
    await done('job-1');
    expect(retouch.overlayMask?.shapes).toEqual([box(25), box(45)]);
    expect(asked(1)).toEqual(['fill-1/1', 'fill-2/1', 'fill-3/1']);
    expect(cancelled).toEqual([]);
  });

  test('a draft is shown in place of what was painted until the filling is there, and counts as none', async () => {
    const retouch = useRetouch();
    retouch.start();
    retouch.take(box(5));
    await settle();
    expect(retouch.isDrafted).toBe(false);
    await drafted('job-1', ['fill-1']);
    expect(layerIds()).toEqual(['job-1-draft-fill-1']);
    expect(retouch.overlayMask).toBeUndefined();
    expect(retouch.pending.map(({ id }) => id)).toEqual(['fill-1']);
    expect(retouch.isDrafted).toBe(true);
    retouch.take(box(25));
    await settle();
    expect(retouch.overlayMask?.shapes).toEqual([box(25)]);
    expect(retouch.isDrafted).toBe(false);
    await done('job-1');
    expect(layerIds()).toEqual(['job-1-0']);
    expect(retouch.pending.map(({ id }) => id)).toEqual(['fill-2']);
    await drafted('job-2', ['fill-1', 'fill-2']);
    expect(retouch.shown.entries.map(({ id }) => id)).toEqual(['fill-1']);
    await done('job-2', 2);
    expect(retouch.pending).toEqual([]);
  });

  test('when a filling is stopped or fails, its draft is taken away and the others stay', async () => {
    const retouch = useRetouch();
    retouch.start();
    retouch.take(box(5));
    await settle();
    await done('job-1');
    retouch.take(box(25));
    await settle();
    await drafted('job-2', ['fill-1', 'fill-2']);
    await retouch.cancel();
    await settle();
    expect(asked(2)).toEqual(['fill-1/1']);
    await done('job-3');
    expect(layerIds()).toEqual(['job-3-0']);
    expect(retouch.pending).toEqual([]);
    usePhoto().undo();
    usePhoto().undo();
    await settle();
    await done('none', 0);
    expect(layerIds()).toEqual([]);
    retouch.take(box(60));
    await settle();
    await drafted('job-4', ['fill-1']);
    const failure = { code: 'bad-input' as const, message: 'No.' };
    studio.emit('job.changed', { ...queued, id: 'job-4', state: 'failed', failure });
    await settle();
    await done('none', 0);
    expect(layerIds()).toEqual([]);
    expect(jobs).toHaveLength(4);
  });

  test('one that somebody else stopped before it was drafted is not asked for again', async () => {
    const retouch = useRetouch();
    retouch.start();
    retouch.take(box(5));
    await settle();
    studio.emit('job.changed', { ...queued, id: 'job-1', state: 'cancelled' });
    await settle();
    expect(jobs).toHaveLength(1);
    expect(retouch.pending).toEqual([]);
  });

  test('again asks for another variant without showing the mask; undo brings the first back', async () => {
    const [retouch, photo] = [useRetouch(), usePhoto()];
    retouch.start();
    retouch.take(box(5));
    await settle();
    await done('job-1');
    retouch.again();
    await settle();
    expect(asked(1)).toEqual(['fill-1/2']);
    expect(retouch.overlayMask).toBeUndefined();
    await done('job-2');
    photo.undo();
    await settle();
    expect(asked(2)).toEqual(['fill-1/1']);
  });

  test('a removal that is undone while it is being filled is cancelled', async () => {
    const retouch = useRetouch();
    retouch.start();
    retouch.take(box(5));
    await settle();
    usePhoto().undo();
    await settle();
    expect(cancelled).toEqual(['job-1']);
    expect(retouch.pending).toEqual([]);
  });

  test('one that is opened shows its mask, is painted on, and is not a new one', async () => {
    const [retouch, photo, masks] = [useRetouch(), usePhoto(), useMasks()];
    retouch.start();
    retouch.take(box(5));
    await settle();
    await done('job-1');
    retouch.open('fill-1');
    expect(retouch.overlayMask?.shapes).toEqual([box(5)]);
    retouch.take({ ...box(9), erase: true });
    await settle();
    expect(photo.recipe.steps[0]?.entries).toHaveLength(1);
    expect(photo.recipe.steps[0]?.entries?.[0]?.mask.shapes).toEqual([box(5), { ...box(9), erase: true }]);
    await done('job-2');
    expect(retouch.overlayMask).toBeUndefined();
    expect(masks.target).toEqual({ use: 'remove-1', entry: 'fill-1' });
    retouch.close();
    retouch.take(box(60));
    expect(photo.recipe.steps[0]?.entries).toHaveLength(2);
  });

  test('clone asks for a source, and keeps the way to it from the first stroke on', async () => {
    const [retouch, photo] = [useRetouch(), usePhoto()];
    retouch.start('clone');
    expect(retouch.mayPaint({ x: 50, y: 50 })).toBe(false);
    expect(useNotices().shown.at(-1)?.text).toContain('hold Alt and click');
    retouch.takeFrom({ x: 80, y: 20 });
    expect(retouch.mayPaint({ x: 50, y: 50 })).toBe(true);
    retouch.take(box(45));
    expect(retouch.mayPaint({ x: 10, y: 10 })).toBe(true);
    retouch.take(box(5));
    expect(photo.recipe.steps[0]?.entries?.map(({ kind, offset }) => [kind, offset])).toEqual([
      ['clone', { x: 30, y: -30 }],
      ['clone', { x: 30, y: -30 }],
    ]);
    retouch.takeFrom({ x: 10, y: 10 });
    retouch.mayPaint({ x: 20, y: 20 });
    expect(retouch.offset).toEqual({ x: -10, y: -10 });
    await settle();
  });

  test('one that cannot be filled is said and left out; the others are shown', async () => {
    const retouch = useRetouch();
    retouch.start();
    retouch.take(box(5));
    await settle();
    await done('job-1');
    retouch.take(box(25));
    await settle();
    const failure = { code: 'bad-input', message: 'The mask selects the whole picture.' } as const;
    studio.emit('job.changed', { ...queued, id: 'job-2', state: 'failed', failure });
    await settle();
    expect(useNotices().shown.at(-1)?.text).toBe('The mask selects the whole picture.');
    expect(retouch.failed.map(({ id }) => id)).toEqual(['fill-2']);
    expect(asked(2)).toEqual(['fill-1/1']);
    await done('job-3');
    expect(jobs).toHaveLength(3);
    retouch.change('fill-2', { seed: 5 });
    await settle();
    expect(asked(3)).toEqual(['fill-1/1', 'fill-2/5']);
  });

  test('an engine that came back is asked again; another photo has nothing of this one', async () => {
    const [retouch, photo, session] = [useRetouch(), usePhoto(), useSession()];
    retouch.start();
    retouch.take(box(5));
    await settle();
    await done('job-1');
    session.engineRun += 1;
    await settle();
    expect(jobs).toHaveLength(2);
    await done('job-2');
    await photo.open({ source: 'other', name: 'other.jpg' });
    await nextTick();
    await settle();
    expect(retouch.active).toBe(false);
    expect(retouch.shown.layers).toEqual([]);
    expect(jobs).toHaveLength(2);
  });
});
