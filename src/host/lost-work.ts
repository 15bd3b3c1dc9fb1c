import type { CallInput, EngineCalls, Job, Preview } from '../shared/contract.ts';
import { type Failure, HeirloomError } from '../shared/failure.ts';

const kept = 50;

/**
 * Remembers what the engine process is working on, so that after a crash each job and preview can be given a proper
 * end: the user interface must never wait for something that nobody works on.
 */
export class LostWork {
  readonly #active = new Map<string, Job>();
  readonly #lost = new Map<string, Job>();
  /** Jobs that ended lately: the answer that started one may arrive after the event that ended it. */
  readonly #ended = new Set<string>();
  readonly #cancelled = new Set<string>();
  readonly #photoOfJob = new Map<string, string>();
  readonly #previews = new Map<string, CallInput<EngineCalls['preview.request']>>();

  /** Notes that a job was started; `photo` is the name of the photo it works on. */
  noteStarted(job: Job, photo: string | undefined): void {
    if (this.#ended.has(job.id)) return;
    if (photo !== undefined) this.#photoOfJob.set(job.id, photo);
    if (!this.#active.has(job.id)) this.noteJob(job);
  }

  /** Notes the newest state of a job. */
  noteJob(job: Job): void {
    if (isActive(job)) return void this.#active.set(job.id, job);
    this.#active.delete(job.id);
    this.#cancelled.delete(job.id);
    this.#photoOfJob.delete(job.id);
    this.#ended.add(job.id);
    dropOldest(this.#ended);
  }

  noteCancel(job: string): void {
    this.#cancelled.add(job);
  }

  notePreviewRequest(request: CallInput<EngineCalls['preview.request']>): void {
    this.#previews.set(request.request, request);
  }

  notePreview(preview: Preview): void {
    if (preview.state !== 'coarse') this.#previews.delete(preview.request);
  }

  isActive(job: string): boolean {
    return this.#active.has(job);
  }

  isLost(job: string): boolean {
    return this.#lost.has(job);
  }

  /** Jobs that an engine process took with it, oldest first. */
  get lostJobs(): readonly Job[] {
    return [...this.#lost.values()];
  }

  /** Ends everything that was being worked on; `again` tells whether the engine runs again. */
  endAll(again: boolean): { readonly jobs: readonly Job[]; readonly previews: readonly Preview[] } {
    const jobs = [...this.#active.values()].map((job) => this.#end(job, again));
    for (const job of jobs) this.#lost.set(job.id, job);
    dropOldest(this.#lost);
    const failure = stopped('computing a preview', again);
    const previews = [...this.#previews.values()].map(({ request, rect }) => ({ request, rect, state: 'failed' as const, failure }));
    this.#active.clear();
    this.#cancelled.clear();
    this.#photoOfJob.clear();
    this.#previews.clear();
    return { jobs, previews };
  }

  #end(job: Job, again: boolean): Job {
    const { etaSeconds: _none, ...rest } = job;
    if (this.#cancelled.has(job.id)) return { ...rest, state: 'cancelled' };
    const photo = this.#photoOfJob.get(job.id);
    const doing = photo === undefined ? `working on "${job.title}"` : `${verbs[job.kind]} ${photo}`;
    return { ...rest, state: 'failed', failure: stopped(doing, again) };
  }
}

const verbs: Readonly<Record<Job['kind'], string>> = { restore: 'restoring', export: 'saving', model: 'working on', propose: 'looking for damage in', inspect: 'looking at', retouch: 'filling places in', measure: 'measuring' };

function stopped(doing: string, again: boolean): Failure {
  return again
    ? {
        code: 'device',
        message: `The engine stopped while ${doing}; it has been started again.`,
        hint: 'Try once more; if it stops again, choose smaller tiles or another device in the settings.',
      }
    : {
        code: 'device',
        message: `The engine stopped while ${doing} and could not be started again.`,
        hint: 'Start Heirloom again.',
      };
}

function dropOldest(collection: Set<string> | Map<string, unknown>): void {
  for (const id of collection.keys()) {
    if (collection.size <= kept) return;
    collection.delete(id);
  }
}

function isActive(job: Job): boolean {
  return job.state === 'queued' || job.state === 'running';
}

/** What a call fails with when no engine process could be started. */
export function engineFailed(reason: string): HeirloomError {
  return new HeirloomError('device', `The engine could not be started: ${reason}.`, 'Start Heirloom again, or choose another device in the settings.');
}
