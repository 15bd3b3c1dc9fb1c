import { randomUUID } from 'node:crypto';

import type { Job, JobResult, RetouchDraft } from '../shared/contract.ts';
import { CancelledError, HeirloomError, toFailure } from '../shared/failure.ts';
import { type Context, createContext } from './context.ts';

/** What a job does; its progress and its end are told by the queue. */
export interface JobWork {
  readonly kind: Job['kind'];
  readonly title: string;
  run(context: Context, showDraft: (draft: RetouchDraft) => void): Promise<JobResult>;
}

/** Carries out jobs one after another. */
export interface JobQueue {
  start(work: JobWork): Job;
  cancel(id: string): void;
  list(): readonly Job[];
  /** Resolves with the job's final state. */
  finished(id: string): Promise<Job>;
  /** Cancels everything and waits for the running job to stop. */
  close(): Promise<void>;
}

interface Running {
  job: Job;
  readonly work: JobWork;
  readonly abort: AbortController;
  readonly settled: Promise<Job>;
  settle(job: Job): void;
  startedMs: number;
  lastToldMs: number;
}

/** Ended jobs that are still listed. */
const historyLength = 50;
/** Progress is told at most this often; the first, the last and every new stage always. */
const quietMs = 80;

export function createJobQueue(onChange: (job: Job) => void, log: (line: string) => void = () => {}): JobQueue {
  const jobs = new Map<string, Running>();
  let tail = Promise.resolve();

  const change = (running: Running, next: Partial<Job>): void => {
    running.job = { ...running.job, ...next };
    onChange(running.job);
  };

  const progress = (running: Running, done: number, stage: string): void => {
    const now = performance.now();
    const isNews = stage !== running.job.stage || done === 1;
    if (!isNews && now - running.lastToldMs < quietMs) return;
    running.lastToldMs = now;
    const etaSeconds = remainingSeconds(done, (now - running.startedMs) / 1000);
    change(running, { progress: done, stage, ...(etaSeconds === undefined ? {} : { etaSeconds }) });
  };

  const carryOut = async (running: Running): Promise<void> => {
    const end = (last: Partial<Job>): void => {
      const { etaSeconds: _over, draft: _outdated, ...job } = running.job;
      running.job = job;
      change(running, last);
      running.settle(running.job);
    };
    if (running.abort.signal.aborted) return end({ state: 'cancelled' });
    running.startedMs = performance.now();
    change(running, { state: 'running' });
    try {
      const context = createContext(running.abort.signal, (done, stage) => progress(running, done, stage));
      const result = await running.work.run(context, (draft) => change(running, { draft }));
      end({ state: 'done', progress: 1, result });
    } catch (error) {
      if (error instanceof CancelledError || running.abort.signal.aborted) return end({ state: 'cancelled' });
      if (!(error instanceof HeirloomError)) log(`job ${running.job.title}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      end({ state: 'failed', failure: toFailure(error) });
    }
  };

  const forgetOld = (): void => {
    const ended = [...jobs.values()].filter(({ job }) => job.state !== 'queued' && job.state !== 'running');
    for (const { job } of ended.slice(0, Math.max(0, ended.length - historyLength))) jobs.delete(job.id);
  };

  return {
    start: (work) => {
      forgetOld();
      let settle: (job: Job) => void = () => {};
      const settled = new Promise<Job>((resolve) => {
        settle = resolve;
      });
      const job: Job = { id: randomUUID(), kind: work.kind, title: work.title, state: 'queued', progress: 0, stage: '' };
      const running: Running = { job, work, abort: new AbortController(), settled, settle, startedMs: 0, lastToldMs: 0 };
      jobs.set(job.id, running);
      onChange(job);
      tail = tail.then(() => carryOut(running));
      return job;
    },
    cancel: (id) => {
      const running = jobs.get(id);
      if (running === undefined) throw new HeirloomError('bad-input', 'There is no such job.');
      running.abort.abort();
    },
    list: () => [...jobs.values()].map(({ job }) => job),
    finished: async (id) => {
      const running = jobs.get(id);
      if (running === undefined) throw new HeirloomError('bad-input', 'There is no such job.');
      return running.settled;
    },
    close: async () => {
      for (const { abort } of jobs.values()) abort.abort();
      await tail;
    },
  };
}

/** Time left at the average speed so far; silent until there is something to go by. */
function remainingSeconds(done: number, elapsedSeconds: number): number | undefined {
  if (done < 0.02 || elapsedSeconds < 0.5) return undefined;
  return (elapsedSeconds * (1 - done)) / done;
}
