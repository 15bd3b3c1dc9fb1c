import { describe, expect, it } from 'vitest';

import { createJobQueue } from '../../src/engine/jobs.ts';
import type { Job } from '../../src/shared/contract.ts';
import { HeirloomError } from '../../src/shared/failure.ts';

function queue(): { readonly told: Job[]; readonly jobs: ReturnType<typeof createJobQueue> } {
  const told: Job[] = [];
  return { told, jobs: createJobQueue((job) => told.push(job)) };
}

describe('the job queue', () => {
  it('runs one job after another, with progress that never falls and ends at 1', async () => {
    const { told, jobs } = queue();
    const order: string[] = [];
    const work = (title: string) => ({
      kind: 'restore' as const,
      title,
      run: async (context: Parameters<Parameters<typeof jobs.start>[0]['run']>[0]) => {
        order.push(`${title} begins`);
        for (const done of [0.5, 0.2, 0.9]) {
          context.part(0, 0.5).report(done, `stage ${done}`);
          await Promise.resolve();
        }
        order.push(`${title} ends`);
        return {};
      },
    });
    const [first, second] = [jobs.start(work('a')), jobs.start(work('b'))];
    expect(second.state).toBe('queued');
    expect((await jobs.finished(second.id)).state).toBe('done');
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    const progress = told.filter(({ id }) => id === first.id).map((job) => job.progress);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
    expect(told.some(({ stage }) => stage === 'stage 0.9')).toBe(true);
  });

  it('tells a failure in its own words and goes on with the next job', async () => {
    const { jobs } = queue();
    const bad = jobs.start({ kind: 'export', title: 'x', run: () => Promise.reject(new HeirloomError('file', 'The disk is full.', 'Free some space.')) });
    const bug = jobs.start({ kind: 'export', title: 'y', run: () => Promise.reject(new TypeError('x is undefined')) });
    const good = jobs.start({ kind: 'export', title: 'z', run: async () => ({ savedAs: 'z.png' }) });
    expect(await jobs.finished(bad.id)).toMatchObject({ state: 'failed', failure: { code: 'file', message: 'The disk is full.', hint: 'Free some space.' } });
    expect(await jobs.finished(bug.id)).toMatchObject({ state: 'failed', failure: { code: 'internal' } });
    expect(await jobs.finished(good.id)).toMatchObject({ state: 'done', result: { savedAs: 'z.png' } });
  });

  it('tells of drafts while a job runs, and drops them with its end', async () => {
    const { told, jobs } = queue();
    const draft = { layers: [], removals: ['a'] };
    const job = jobs.start({
      kind: 'retouch',
      title: 'x',
      run: (_context, showDraft) => {
        showDraft(draft);
        return Promise.resolve({ layers: [] });
      },
    });
    const last = await jobs.finished(job.id);
    expect(told.filter((each) => each.draft === draft).map(({ state }) => state)).toEqual(['running']);
    expect(last).not.toHaveProperty('draft');
  });

  it('cancels a running job where it reports and a waiting one at once', async () => {
    const { jobs } = queue();
    let reached = 0;
    const running = jobs.start({
      kind: 'restore',
      title: 'long',
      run: async (context) => {
        for (; reached < 1000; reached++) {
          context.report(reached / 1000);
          await new Promise((resolve) => setImmediate(resolve));
          if (reached === 3) jobs.cancel(running.id);
        }
        return {};
      },
    });
    const waiting = jobs.start({ kind: 'restore', title: 'next', run: async () => ({}) });
    jobs.cancel(waiting.id);
    expect((await jobs.finished(running.id)).state).toBe('cancelled');
    expect((await jobs.finished(waiting.id)).state).toBe('cancelled');
    expect(reached).toBe(4);
  });
});
