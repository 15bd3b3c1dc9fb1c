import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

import { HeirloomError } from '../../shared/failure.ts';
import type { EncodedGraph } from '../graph/graph.ts';
import { createSessionTable, type SessionOptions, type SessionSpec, type TensorData } from './session-table.ts';

export type { SessionOptions, TensorData } from './session-table.ts';

/** A network loaded on a device, ready to run. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the network once. The buffers of `inputs` are handed over and must not be used afterwards.
   *
   * @throws HeirloomError `out-of-memory` or `device`.
   */
  run(inputs: Readonly<Record<string, TensorData>>): Promise<Readonly<Record<string, TensorData>>>;
  /** Frees the device's memory. */
  release(): Promise<void>;
}

/**
 * Where networks run. `session.run` of onnxruntime-node blocks the thread that calls it, so the product runs it in a worker thread; tests and
 * one-shot tools may run it inline.
 */
export interface Runtime {
  load(model: EncodedGraph, options: SessionOptions): Promise<Session>;
  close(): Promise<void>;
}

/** Runs everything in the calling thread. */
export function createInlineRuntime(): Runtime {
  const table = createSessionTable();
  return {
    load: async (model, options) => {
      const loaded = await table.load({ ...model, options });
      return {
        ...loaded,
        run: (inputs) => table.run(loaded.id, inputs),
        release: () => table.release(loaded.id),
      };
    },
    close: () => table.close(),
  };
}

type Operation =
  | { readonly kind: 'load'; readonly spec: SessionSpec }
  | { readonly kind: 'run'; readonly session: number; readonly inputs: Readonly<Record<string, TensorData>> }
  | { readonly kind: 'release'; readonly session: number };

/** What the worker thread is asked; answered by `WorkerAnswer` with the same id. */
export type WorkerRequest = Operation & { readonly id: number };
export type WorkerAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly code: 'out-of-memory' | 'device' | 'corrupt-model'; readonly message: string } };

/**
 * Runs networks in a worker thread, so that the engine process goes on answering while a tile is computed. The worker is never terminated during a
 * run (that would abort the process); closing waits for it.
 *
 * @param entry the built `inference-worker` module.
 */
export function createWorkerRuntime(entry: string): Runtime {
  const ortPath = pathToFileURL(createRequire(import.meta.url).resolve('onnxruntime-node')).href;
  const worker = new Worker(pathToFileURL(entry), { workerData: { ortPath } });
  worker.unref();
  let nextId = 1;
  let broken: HeirloomError | undefined;
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();

  const breakDown = (reason: string): void => {
    broken ??= new HeirloomError('device', `The inference thread stopped: ${reason}`, 'Try again; if it happens again, choose another device in the settings.');
    for (const entry of waiting.values()) entry.reject(broken);
    waiting.clear();
  };
  worker.on('message', (answer: WorkerAnswer) => {
    const entry = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0) worker.unref();
    if ('error' in answer) entry?.reject(new HeirloomError(answer.error.code, answer.error.message));
    else entry?.resolve(answer.value);
  });
  worker.on('error', (error: Error) => breakDown(error.message));
  worker.on('exit', (code) => breakDown(`exit code ${code}`));

  const ask = <T>(operation: Operation, transfer: ArrayBuffer[]): Promise<T> =>
    new Promise((resolve, reject) => {
      if (broken !== undefined) return reject(broken);
      const id = nextId++;
      if (waiting.size === 0) worker.ref();
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.postMessage({ ...operation, id } satisfies WorkerRequest, transfer);
    });

  return {
    load: async (model, options) => {
      const loaded = await ask<{ id: number; inputNames: readonly string[]; outputNames: readonly string[] }>(
        { kind: 'load', spec: { ...model, options } },
        [],
      );
      return {
        inputNames: loaded.inputNames,
        outputNames: loaded.outputNames,
        run: (inputs) =>
          ask({ kind: 'run', session: loaded.id, inputs }, Object.values(inputs).map((tensor) => tensor.data.buffer as ArrayBuffer)),
        release: () => ask({ kind: 'release', session: loaded.id }, []),
      };
    },
    close: async () => {
      if (waiting.size === 0) await worker.terminate();
      else worker.unref();
    },
  };
}
