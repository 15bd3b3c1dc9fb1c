import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

import { HeirloomError } from '../../shared/failure.ts';
import type { FillOptions, HoleFiller } from './fill-hole.ts';
import type { HoleImage } from './patch-level.ts';

/** What the thread is asked; it tells how far it is, then the result or why there is none. */
export interface FillRequest {
  readonly id: number;
  readonly image: HoleImage;
  readonly options: Omit<FillOptions, 'report'>;
}
export type FillAnswer =
  | { readonly id: number; readonly done: number }
  | { readonly id: number; readonly pixels: Float32Array }
  | { readonly id: number; readonly error: string };

/** Fills holes in a thread of its own, so that the engine goes on answering meanwhile. */
export interface FillThread {
  readonly fill: HoleFiller;
  close(): Promise<void>;
}

interface Waiting {
  report(done: number): Promise<void>;
  resolve(pixels: Float32Array): void;
  reject(error: unknown): void;
}

function failureOf(error: Error): HeirloomError {
  return 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? new HeirloomError('out-of-memory', 'There is not enough memory to fill this place.', 'Select less at once.')
    : new HeirloomError('internal', `The thread that fills stopped: ${error.message}`);
}

/**
 * Starts the thread with the first hole. A fill whose `report` rejects ends at once: the thread runs nothing but this code, so it is ended
 * and started anew; what else waited in it is asked again.
 *
 * @param entry the built `fill-worker` module.
 */
export function createFillThread(entry: string): FillThread {
  let worker: Worker | undefined;
  let nextId = 1;
  const waiting = new Map<number, { readonly request: FillRequest; readonly job: Waiting }>();

  const settle = (id: number, use: (job: Waiting) => void): void => {
    const job = waiting.get(id)?.job;
    waiting.delete(id);
    if (waiting.size === 0) worker?.unref();
    if (job !== undefined) use(job);
  };
  const breakDown = (from: Worker, failure: HeirloomError): void => {
    if (from !== worker) return;
    worker = undefined;
    for (const id of [...waiting.keys()]) settle(id, (job) => job.reject(failure));
  };
  const start = (): Worker => {
    const started = new Worker(pathToFileURL(entry));
    started.on('message', (answer: FillAnswer) => {
      if (started !== worker) return;
      if ('pixels' in answer) settle(answer.id, (job) => job.resolve(answer.pixels));
      else if ('error' in answer) settle(answer.id, (job) => job.reject(new Error(answer.error)));
      else waiting.get(answer.id)?.job.report(answer.done).catch((error: unknown) => cancel(answer.id, error));
    });
    started.on('error', (error: Error) => breakDown(started, failureOf(error)));
    started.on('exit', (code) => breakDown(started, failureOf(new Error(`exit code ${code}`))));
    return started;
  };
  const cancel = (id: number, reason: unknown): void => {
    if (!waiting.has(id)) return;
    const ended = worker;
    worker = undefined;
    void ended?.terminate();
    settle(id, (job) => job.reject(reason));
    for (const { request } of waiting.values()) send(request);
  };
  const send = (request: FillRequest): void => {
    worker ??= start();
    worker.ref();
    worker.postMessage(request);
  };

  return {
    fill: (image, { report = () => Promise.resolve(), ...options }) =>
      new Promise((resolve, reject) => {
        const request = { id: nextId++, image, options };
        waiting.set(request.id, { request, job: { report, resolve, reject } });
        send(request);
      }),
    close: async () => {
      const ended = worker;
      worker = undefined;
      await ended?.terminate();
    },
  };
}
