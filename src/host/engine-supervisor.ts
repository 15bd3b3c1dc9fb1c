import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CallInput,
  type CallOutput,
  type EngineCalls,
  type EngineEvents,
  engineEvents,
  type EngineState,
  type EventValue,
  type Job,
  parsePixelPath,
  type PhotoInfo,
} from '../shared/contract.ts';
import { HeirloomError } from '../shared/failure.ts';
import { connect, type Remote } from '../shared/rpc.ts';
import type { EngineChild } from './engine-child.ts';
import { fetchPixels, type PixelAnswer } from './engine-pixels.ts';
import { engineFailed, LostWork } from './lost-work.ts';

export interface SupervisorOptions {
  /** Starts an engine process that serves its pixels on `pixelSocket`. */
  spawn(pixelSocket: string): EngineChild;
  /** A folder only this user can reach, with a short path. */
  readonly socketDirectory: string;
  readonly log?: (line: string) => void;
  /** What is said once the engine is ready for the first time. */
  readonly readyMessage?: string;
  /** Waits before each attempt of one start; their number is the number of attempts. */
  readonly backOffMs?: readonly number[];
  /** An engine that has not answered after this is ended. */
  readonly startTimeoutMs?: number;
  /** A cancelled job that has not ended after this is ended together with the process. */
  readonly cancelGraceMs?: number;
  /** More losses than this within a minute mean that starting again does not help. */
  readonly maxLossesPerMinute?: number;
  readonly now?: () => number;
}

type EngineRemote = Remote<EngineCalls, EngineEvents>;
type Name = keyof EngineCalls & string;
type Input<K extends Name> = CallInput<EngineCalls[K]>;
type Output<K extends Name> = CallOutput<EngineCalls[K]>;
type EventListener = <K extends keyof EngineEvents & string>(name: K, value: EventValue<EngineEvents[K]>) => void;

const jobCalls: ReadonlySet<Name> = new Set<Name>(['recipe.run', 'retouch.run', 'mask.write', 'mask.propose', 'faces.inspect', 'measure.run', 'export.start', 'model.install', 'model.interpolate']);

interface Running {
  readonly child: EngineChild;
  readonly remote: EngineRemote;
  readonly pixelSocket: string;
  ended: string | undefined;
}

interface OpenPhoto {
  readonly input: Input<'photo.open'>;
  /** Id of its picture as the user interface knows it. */
  readonly image: string;
}

/**
 * Keeps one engine process running. Calls wait while it starts; when it is lost, what it was doing gets a plain end,
 * and the photos that were open are opened again under their ids.
 */
export class EngineSupervisor {
  readonly #options: Required<SupervisorOptions>;
  readonly #listeners = new Set<EventListener>();
  readonly #stateListeners = new Set<(state: EngineState) => void>();
  readonly #photos = new Map<string, OpenPhoto>();
  /** Picture ids the user interface knows, to the ids of the same pictures after a restart. */
  readonly #images = new Map<string, string>();
  readonly #work = new LostWork();
  #state: EngineState = { state: 'starting', message: 'The engine is starting.' };
  #running: Promise<Running> | undefined;
  #current: Running | undefined;
  /** The current process, once it is ready. */
  #usable: Running | undefined;
  #losses: number[] = [];
  #starts = 0;
  #closed = false;

  constructor(options: SupervisorOptions) {
    this.#options = {
      log: () => {},
      readyMessage: '',
      backOffMs: [0, 500, 2000],
      startTimeoutMs: 120_000,
      cancelGraceMs: 20_000,
      maxLossesPerMinute: 4,
      now: Date.now,
      ...options,
    };
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Starts the engine if it does not run; resolves once it is ready. */
  async start(): Promise<void> {
    await this.#ready();
  }

  onEvent(listener: EventListener): void {
    this.#listeners.add(listener);
  }

  onState(listener: (state: EngineState) => void): void {
    this.#stateListeners.add(listener);
  }

  /** Asks the engine; waits while it is being started. */
  async call<K extends Name>(name: K, input: Input<K>): Promise<Output<K>> {
    if (name === 'photo.close') this.#forget((input as Input<'photo.close'>).photo);
    if (name === 'job.cancel') {
      const { job } = input as Input<'job.cancel'>;
      if (this.#work.isLost(job)) return undefined as Output<K>;
      this.#watchCancel(job);
    }
    const running = await this.#ready();
    if (name === 'preview.request') this.#work.notePreviewRequest(input as Input<'preview.request'>);
    const sent = name === 'image.release' ? { image: this.#imageId((input as Input<'image.release'>).image) } : input;
    const ask = running.remote.call as (name: K, input: unknown) => Promise<Output<K>>;
    const output = await ask(name, sent).catch((error: unknown) => {
      // The process is gone, and the job with it: that is what was asked for.
      if (name === 'job.cancel' && running.ended !== undefined) return undefined as Output<K>;
      throw error;
    });
    this.#noteAnswer(name, input, output);
    return name === 'job.list' ? ([...this.#work.lostJobs, ...(output as readonly Job[])] as Output<K>) : output;
  }

  /** Pixels at a path of `pixelPaths`; undefined when it is no such path or there is no such picture. */
  async pixels(path: string): Promise<PixelAnswer | undefined> {
    const parsed = parsePixelPath(path);
    if (parsed === undefined) return undefined;
    const { pixelSocket } = await this.#ready();
    const image = encodeURIComponent(this.#imageId(parsed.image));
    return fetchPixels(pixelSocket, `${image}${path.slice(path.indexOf('/'))}`);
  }

  /** Ends the engine process, whatever it is doing. */
  kill(): void {
    this.#current?.child.kill();
  }

  /** Ends the engine process for good. */
  async close(): Promise<void> {
    this.#closed = true;
    const running = this.#current;
    if (running === undefined || running.ended !== undefined) return;
    const ended = new Promise<void>((resolve) => running.child.onExit(() => resolve()));
    running.child.kill();
    await ended;
    await rm(running.pixelSocket, { force: true });
  }

  #ready(): Promise<Running> {
    if (this.#closed) return Promise.reject(new HeirloomError('device', 'Heirloom is closing.'));
    this.#running ??= this.#bringUp(this.#starts === 0 ? 'starting' : 'restarting').catch((error: unknown) => {
      // The next call tries again.
      this.#running = undefined;
      throw error;
    });
    return this.#running;
  }

  async #bringUp(state: 'starting' | 'restarting'): Promise<Running> {
    this.#setState(state, state === 'starting' ? 'The engine is starting.' : 'The engine stopped and is being started again.');
    let reason = 'it stopped at once';
    for (const waitMs of this.#options.backOffMs) {
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (this.#closed) throw new HeirloomError('device', 'Heirloom is closing.');
      const running = this.#spawn();
      const timeout = setTimeout(() => running.child.kill(), this.#options.startTimeoutMs);
      try {
        await running.remote.call('engine.info').finally(() => clearTimeout(timeout));
        this.#endLostWork(true);
        await this.#reopenPhotos(running);
        this.#usable = running;
        this.#setState('ready', state === 'starting' ? this.#options.readyMessage : 'The engine stopped and has been started again.');
        return running;
      } catch (error) {
        if (running.ended === undefined) {
          // It runs and says why it cannot work: another attempt would say the same.
          running.child.kill();
          this.#fail(error instanceof Error ? error.message : String(error));
          throw error;
        }
        reason = `it ended with ${running.ended}`;
      }
    }
    this.#fail(`The engine could not be started: ${reason}.`);
    throw engineFailed(reason);
  }

  #fail(message: string): void {
    this.#endLostWork(false);
    this.#setState('failed', message);
  }

  #spawn(): Running {
    const name = `pixels-${++this.#starts}`;
    const pixelSocket =
      process.platform === 'win32' ? `\\\\.\\pipe\\heirloom-${process.pid}-${name}` : join(this.#options.socketDirectory, `${name}.sock`);
    const child = this.#options.spawn(pixelSocket);
    const running: Running = { child, remote: connect(child.transport), pixelSocket, ended: undefined };
    this.#current = running;
    for (const event of Object.keys(engineEvents) as (keyof EngineEvents)[]) {
      running.remote.on(event, (value) => this.#noteEvent(event, value));
    }
    child.onExit((how) => {
      running.ended = how;
      void rm(pixelSocket, { force: true });
      if (this.#closed) return;
      this.#options.log(`The engine process ended with ${how}.`);
      if (this.#usable === running) this.#lost();
    });
    return running;
  }

  /** The process that was ready is gone: starts another one, unless that happens too often to help. */
  #lost(): void {
    const now = this.#options.now();
    this.#losses = [...this.#losses.filter((time) => now - time < 60_000), now];
    this.#running = undefined;
    this.#usable = undefined;
    if (this.#losses.length > this.#options.maxLossesPerMinute) {
      this.#losses = [];
      return this.#fail('The engine keeps stopping. Choose another device or smaller tiles in the settings, or close other programs.');
    }
    this.#ready().catch((error: unknown) => this.#options.log(String(error)));
  }

  /** Opens the known photos again, one at a time; one that ends the process a second time is forgotten. */
  async #reopenPhotos(running: Running): Promise<void> {
    for (const [id, photo] of this.#photos) {
      try {
        const info = await running.remote.call('photo.open', photo.input);
        this.#images.set(photo.image, info.image.id);
      } catch (error) {
        this.#forget(id);
        if (running.ended !== undefined) throw error;
        this.#options.log(`${photo.input.name} could not be opened again: ${(error as Error).message}`);
      }
    }
  }

  #noteAnswer(name: Name, input: unknown, output: unknown): void {
    if (name === 'photo.open') {
      const opened = input as Input<'photo.open'>;
      this.#photos.set(opened.id, { input: opened, image: (output as PhotoInfo).image.id });
    }
    if (jobCalls.has(name)) {
      const photo = this.#photos.get((input as Partial<Input<'recipe.run'>>).photo ?? '');
      this.#work.noteStarted(output as Job, photo?.input.name);
    }
  }

  #noteEvent<K extends keyof EngineEvents & string>(name: K, value: EventValue<EngineEvents[K]>): void {
    if (name === 'job.changed') this.#work.noteJob(value as Job);
    if (name === 'preview.changed') this.#work.notePreview(value as EventValue<EngineEvents['preview.changed']>);
    this.#emit(name, value);
  }

  #emit<K extends keyof EngineEvents & string>(name: K, value: EventValue<EngineEvents[K]>): void {
    for (const listener of this.#listeners) listener(name, value);
  }

  #endLostWork(again: boolean): void {
    const { jobs, previews } = this.#work.endAll(again);
    for (const job of jobs) this.#emit('job.changed', job);
    for (const preview of previews) this.#emit('preview.changed', preview);
  }

  #watchCancel(job: string): void {
    this.#work.noteCancel(job);
    const running = this.#current;
    setTimeout(() => {
      if (!this.#work.isActive(job) || this.#current !== running || this.#closed) return;
      this.#options.log(`Job ${job} did not end after it was cancelled; the engine process is ended.`);
      running?.child.kill();
    }, this.#options.cancelGraceMs).unref();
  }

  #forget(photo: string): void {
    const known = this.#photos.get(photo);
    if (known !== undefined) this.#images.delete(known.image);
    this.#photos.delete(photo);
  }

  #imageId(known: string): string {
    return this.#images.get(known) ?? known;
  }

  #setState(state: EngineState['state'], message: string): void {
    this.#state = { state, message };
    for (const listener of this.#stateListeners) listener(this.#state);
  }
}
