import { setActivePinia } from 'pinia';
import { beforeEach, describe, expect, test } from 'vitest';
import { nextTick } from 'vue';
import { measureTables } from '../../../src/renderer/measure-tables.ts';
import { useMeasures } from '../../../src/renderer/stores/measures.ts';
import { usePhoto } from '../../../src/renderer/stores/photo.ts';
import type { CallInput, Job, StudioCalls } from '../../../src/shared/contract.ts';
import type { MeasureReport } from '../../../src/shared/measures.ts';
import { type FakeStudio, fakeStudio, imageInfo, photoInfo, recipeWith } from '../fake-studio.ts';

const report: MeasureReport = { width: 400, height: 200, consistency: 41.5 };
const queued = (id: string): Job => ({ id, kind: 'measure', title: 'Measuring', state: 'queued', progress: 0, stage: '' });
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
let studio: FakeStudio;
let asked: CallInput<StudioCalls['measure.run']>[];
let cancelled: string[];

beforeEach(async () => {
  asked = [];
  cancelled = [];
  studio = fakeStudio({
    'photo.open': ({ source }) => photoInfo(source),
    'recent.list': () => [],
    'measure.run': (input) => queued(`job-${asked.push(input)}`),
    'job.cancel': ({ job }) => {
      cancelled.push(job);
      studio.emit('job.changed', { ...queued(job), state: 'cancelled' });
      return undefined;
    },
  });
  setActivePinia(studio.pinia);
  useMeasures();
  await usePhoto().open({ source: 'photo', name: 'photo.jpg' });
  usePhoto().restored = { image: imageInfo('result', 400, 200), recipe: recipeWith(0.3), notices: [] };
});

async function end(job: string, change: Partial<Job>): Promise<void> {
  studio.emit('job.changed', { ...queued(job), state: 'done', progress: 1, ...change });
  await settle();
}

describe('measures', () => {
  test('measures the result that is shown although the steps changed; another result has no figures yet', async () => {
    const [measures, photo] = [useMeasures(), usePhoto()];
    photo.edit(recipeWith(0.9));
    void measures.run();
    await settle();
    expect(asked).toEqual([{ photo: 'photo', recipe: recipeWith(0.3) }]);
    expect(measures.isBusy).toBe(true);
    await end('job-1', { result: { measures: report } });
    expect(measures.isBusy).toBe(false);
    expect(measures.report).toEqual(report);
    photo.restored = { image: imageInfo('next', 400, 200), recipe: recipeWith(0.9), notices: [] };
    expect(measures.report).toBeUndefined();
  });

  test('without a result nothing is asked', async () => {
    usePhoto().restored = undefined;
    await useMeasures().run();
    expect(asked).toEqual([]);
  });

  test('a reference goes along by its token; what was measured before it was chosen is not shown as measured against it', async () => {
    const measures = useMeasures();
    void measures.run();
    await settle();
    await end('job-1', { result: { measures: report } });
    measures.reference = { source: 'token', name: 'truth.png' };
    expect(measures.report).toBeUndefined();
    void measures.run();
    await settle();
    expect(asked[1]?.reference).toBe('token');
  });

  test('cancelling ends the job and leaves no failure; a newer run is not disturbed by an older one', async () => {
    const measures = useMeasures();
    void measures.run();
    await settle();
    void measures.run();
    await settle();
    expect(cancelled).toEqual(['job-1']);
    expect(measures.isBusy).toBe(true);
    measures.cancel();
    await settle();
    expect(cancelled).toEqual(['job-1', 'job-2']);
    expect([measures.isBusy, measures.report, measures.failure]).toEqual([false, undefined, undefined]);
  });

  test('a failure is kept with what to do, and another photo starts afresh', async () => {
    const [measures, photo] = [useMeasures(), usePhoto()];
    measures.reference = { source: 'token', name: 'letter.txt' };
    void measures.run();
    await settle();
    await end('job-1', { state: 'failed', failure: { code: 'file', message: 'It is no picture.', hint: 'Choose another.' } });
    expect(measures.failure).toMatchObject({ message: 'It is no picture.', hint: 'Choose another.' });
    await photo.open({ source: 'other', name: 'other.jpg' });
    await nextTick();
    expect([measures.failure, measures.reference]).toEqual([undefined, undefined]);
  });
});

describe('the tables of a report', () => {
  test('only what was measured has rows', () => {
    const tables = measureTables({ ...report, reference: { name: 'a.png', width: 2, height: 2, problem: 'It does not fit.' } });
    expect(tables.map(({ title, rows }) => [title, rows.length])).toEqual([
      ['What the original explains', 1],
      ['How much was changed', 0],
      ['Against the reference a.png', 0],
    ]);
    expect(tables[2]?.note).toBe('It does not fit.');
  });

  test('equal pictures, a part of the pixels, and what could not be measured are said', () => {
    const compared = { cropPx: 4, share: 0.254, measures: [{ name: 'psnr-y', value: 'infinite' }, { name: 'niqe' }] } as const;
    const table = measureTables({ ...report, change: compared })[1];
    expect(table?.note).toContain('25 % of the pixels, in nine places but 4 at every border');
    expect(table?.rows.map(({ value }) => value)).toEqual(['equal (∞)', 'not measurable']);
  });
});
