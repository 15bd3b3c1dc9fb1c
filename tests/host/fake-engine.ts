import { rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { servePixels } from '../../src/engine/pixel-server.ts';
import type { EngineChild } from '../../src/host/engine-child.ts';
import { engineLostSentence } from '../../src/host/engine-child.ts';
import { type EngineCalls, engineCalls, type EngineEvents, type EventValue, type Job, type PhotoInfo } from '../../src/shared/contract.ts';
import { HeirloomError } from '../../src/shared/failure.ts';
import { type Handlers, serve } from '../../src/shared/rpc.ts';
import { memoryTransports } from '../contracts/memory-transport.ts';

type Emit = <K extends keyof EngineEvents & string>(name: K, value: EventValue<EngineEvents[K]>) => void;

/** One engine process that is none: it answers the calls, and dies when told to. */
export class FakeEngine {
  readonly calls: { readonly name: string; readonly input: unknown }[] = [];
  readonly opened: string[] = [];
  readonly pixelPaths: string[] = [];
  readonly child: EngineChild;
  readonly number: number;
  /** Set by a test to answer a call in its own way. */
  answer: Partial<Handlers<EngineCalls>> = {};
  killed = false;
  readonly #exit: ((how: string) => void)[] = [];
  readonly #close: (reason: string) => void;
  readonly #emit: Emit;
  #server: Promise<Server> | undefined;
  #jobs = 0;

  constructor(number: number, pixelSocket: string, answer: Partial<Handlers<EngineCalls>> = {}) {
    this.number = number;
    this.answer = answer;
    const { a, b, close } = memoryTransports();
    this.#close = close;
    this.#emit = serve<EngineCalls, EngineEvents>(engineCalls, this.#handlers(), b);
    this.child = {
      transport: a,
      onExit: (listener) => void this.#exit.push(listener),
      kill: () => {
        this.killed = true;
        this.crash('signal SIGKILL');
      },
    };
    if (pixelSocket !== '') {
      this.#server = servePixels(pixelSocket, (path) => {
        this.pixelPaths.push(path);
        if (path.startsWith('missing')) return Promise.resolve(undefined);
        if (path.startsWith('broken')) return Promise.reject(new Error('out of ink'));
        return Promise.resolve({ bytes: Buffer.from(`pixels of ${path}`), mime: 'image/webp', immutable: true });
      });
    }
  }

  emit<K extends keyof EngineEvents & string>(name: K, value: EventValue<EngineEvents[K]>): void {
    this.#emit(name, value);
  }

  crash(how: string): void {
    void this.#server?.then((server) => server.close());
    this.#close(engineLostSentence);
    for (const listener of this.#exit.splice(0)) listener(how);
  }

  #handlers(): Handlers<EngineCalls> {
    const usual: Partial<Handlers<EngineCalls>> = {
      'engine.info': () => ({ version: '1', devices: [], device: 'cpu' }),
      'photo.open': ({ id, path, name }) => {
        if (path.includes('gone')) throw new HeirloomError('file', `There is no file ${name}.`);
        this.opened.push(id);
        return { id, name, image: { id: `${id}-image-${this.number}`, width: 8, height: 8, channels: 3, tilePx: 256, levels: 1 } } as PhotoInfo;
      },
      'recipe.run': () => job(`job-${this.number}-${++this.#jobs}`, 'running'),
      'job.list': () => [],
      'step.list': () => [],
    };
    return Object.fromEntries(
      Object.keys(engineCalls).map((name) => [
        name,
        (input: unknown) => {
          this.calls.push({ name, input });
          const handle = (this.answer[name as keyof EngineCalls] ?? usual[name as keyof EngineCalls]) as ((input: unknown) => unknown) | undefined;
          return handle?.(input);
        },
      ]),
    ) as unknown as Handlers<EngineCalls>;
  }
}

export function job(id: string, state: Job['state'], rest: Partial<Job> = {}): Job {
  return { id, kind: 'restore', title: 'Restoring', state, progress: 0, stage: '', ...rest };
}

/** Deletes what a test left. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
