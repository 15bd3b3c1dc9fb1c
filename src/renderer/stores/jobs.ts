import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { Job } from '../../shared/contract.ts';
import { injectStudio } from '../inject-studio.ts';

export function isOver(job: Job): boolean {
  return job.state === 'done' || job.state === 'failed' || job.state === 'cancelled';
}

/** Every job the engine has told of; a job is replaced whole when it changes. */
export const useJobs = defineStore('jobs', () => {
  const studio = injectStudio();
  const byId = shallowRef<ReadonlyMap<string, Job>>(new Map());
  const waiting = new Map<string, (job: Job) => void>();

  /** Takes the newest state of a job. What is over stays over: an answer that arrives after its event changes nothing. */
  function take(job: Job): void {
    const known = byId.value.get(job.id);
    if (known !== undefined && isOver(known)) return;
    if (known !== undefined && known.state === 'running' && job.state === 'queued') return;
    byId.value = new Map(byId.value).set(job.id, job);
    if (!isOver(job)) return;
    waiting.get(job.id)?.(job);
    waiting.delete(job.id);
  }

  /** Resolves with the job once it is over, whichever way it ended. */
  function whenOver(job: Job): Promise<Job> {
    take(job);
    const known = byId.value.get(job.id) ?? job;
    return isOver(known) ? Promise.resolve(known) : new Promise((resolve) => waiting.set(job.id, resolve));
  }

  /** Takes the engine's own list; what it no longer knows has ended with the engine that was lost. */
  function takeAll(known: readonly Job[]): void {
    known.forEach(take);
    const ids = new Set(known.map((job) => job.id));
    for (const job of byId.value.values()) {
      if (isOver(job) || ids.has(job.id)) continue;
      const hint = 'Nothing else is lost; start it once more.';
      take({
        ...job,
        state: 'failed',
        failure: { code: 'device', message: 'The engine stopped before this was finished.', hint },
      });
    }
  }

  async function cancel(job: Job): Promise<void> {
    await studio.call('job.cancel', { job: job.id });
  }

  const unfinished = computed(() => [...byId.value.values()].filter((job) => !isOver(job)));

  studio.on('job.changed', take);
  return { byId, unfinished, take, whenOver, takeAll, cancel };
});
