import { randomUUID } from 'node:crypto';
import sharp from 'sharp';
import {
  type EngineState,
  type ImageInfo,
  type Job,
  parsePixelPath,
  type PhotoInfo,
  type Settings,
  type StudioEvents,
} from '../../src/shared/contract.ts';
import type { HeirloomError } from '../../src/shared/failure.ts';
import type { Recipe } from '../../src/shared/recipe.ts';

/** How the next jobs go. */
export interface Script {
  jobSteps: number;
  stepMs: number;
  failWith: HeirloomError | undefined;
  holdJob: boolean;
}

export interface Stored {
  readonly info: ImageInfo;
  readonly pixels: Buffer;
}

const tilePx = 512;

export type Emit = <K extends keyof StudioEvents & string>(
  name: K,
  value: Exclude<StudioEvents[K]['value'], undefined>,
) => void;

/** Stands in for the engine: real pixels, scripted jobs. */
export class FakeEngine {
  readonly images = new Map<string, Stored>();
  readonly photos = new Map<string, PhotoInfo>();
  readonly jobs = new Map<string, Job>();
  readonly listeners = new Set<Emit>();
  readonly script: Script = { jobSteps: 4, stepMs: 30, failWith: undefined, holdJob: false };
  state: EngineState = { state: 'ready', message: '' };
  settings: Settings = { device: 'auto', tilePx: 0, memoryBudgetMiB: 2048, theme: 'system' };

  emit: Emit = (name, value) => {
    for (const listener of this.listeners) listener(name, value);
  };

  async store(pixels: Buffer): Promise<ImageInfo> {
    const { width = 1, height = 1, channels = 3 } = await sharp(pixels).metadata();
    const levels = 1 + Math.max(0, Math.ceil(Math.log2(Math.max(width, height) / tilePx)));
    const info: ImageInfo = {
      id: randomUUID(),
      width,
      height,
      channels: channels as ImageInfo['channels'],
      tilePx,
      levels,
    };
    this.images.set(info.id, { info, pixels });
    return info;
  }

  async tile(path: string): Promise<Buffer | undefined> {
    const wanted = parsePixelPath(path);
    const stored = wanted && this.images.get(wanted.image);
    if (stored === undefined || wanted === undefined) return undefined;
    if (wanted.kind === 'thumbnail')
      return sharp(stored.pixels).resize(wanted.maxPx, wanted.maxPx, { fit: 'inside' }).png().toBuffer();
    const width = Math.max(1, Math.ceil(stored.info.width / 2 ** wanted.level));
    const height = Math.max(1, Math.ceil(stored.info.height / 2 ** wanted.level));
    const left = wanted.column * tilePx;
    const top = wanted.row * tilePx;
    if (left >= width || top >= height) return undefined;
    const level = await sharp(stored.pixels).resize(width, height, { fit: 'fill' }).png().toBuffer();
    return sharp(level)
      .extract({ left, top, width: Math.min(tilePx, width - left), height: Math.min(tilePx, height - top) })
      .png()
      .toBuffer();
  }

  /** Something that can be told from the original: larger, brighter, with more contrast. */
  async restore(pixels: Buffer, recipe: Recipe): Promise<Buffer> {
    const enlarge = recipe.steps.find((use) => use.step === 'enlarge' && use.enabled);
    const scale = enlarge === undefined ? 1 : Number(String(enlarge.params['size'] ?? 'x2').slice(1));
    const { width = 1, height = 1 } = await sharp(pixels).metadata();
    const alpha = Number(enlarge?.params['alpha'] ?? 0);
    return sharp(pixels)
      .resize(width * scale, height * scale, { fit: 'fill' })
      .linear(1.15, -10)
      .sharpen({ sigma: 0.5 + 2 * alpha })
      .png()
      .toBuffer();
  }

  start(kind: Job['kind'], title: string, finish: () => Promise<Job['result']>): Job {
    const job: Job = { id: randomUUID(), kind, title, state: 'queued', progress: 0, stage: '' };
    this.jobs.set(job.id, job);
    void this.#run(job.id, finish);
    return job;
  }

  update(id: string, change: Partial<Job>): void {
    const job = this.jobs.get(id);
    if (job === undefined || job.state === 'cancelled' || job.state === 'failed') return;
    const next = { ...job, ...change };
    this.jobs.set(id, next);
    this.emit('job.changed', next);
  }

  async #run(id: string, finish: () => Promise<Job['result']>): Promise<void> {
    const { jobSteps, stepMs, failWith } = this.script;
    for (let step = 0; step < jobSteps || this.script.holdJob; step++) {
      await pause(stepMs);
      if (!['queued', 'running'].includes(this.jobs.get(id)?.state ?? '')) return;
      const progress = Math.min(0.62, step / jobSteps);
      this.update(id, { state: 'running', progress, stage: 'Enlarge, tile 23 of 37', etaSeconds: 41 });
    }
    if (failWith !== undefined) {
      const { code, message, hint } = failWith;
      return this.update(id, {
        state: 'failed',
        failure: { code, message, ...(hint === undefined ? {} : { hint }) },
      });
    }
    const result = await finish();
    this.update(id, { state: 'done', progress: 1, ...(result === undefined ? {} : { result }) });
  }

  async lose(stayAway = false): Promise<void> {
    this.script.holdJob = false;
    this.images.clear();
    this.photos.clear();
    const lost = [...this.jobs.values()].filter((job) => job.state === 'running' || job.state === 'queued');
    for (const job of lost) {
      const failure = {
        code: 'device',
        message: 'The engine stopped while restoring the photo; it has been started again.',
      } as const;
      this.jobs.set(job.id, { ...job, state: 'failed', failure });
    }
    this.#turn({ state: 'restarting', message: 'The engine stopped; it is being started again.' });
    await pause(250);
    for (const job of lost) this.emit('job.changed', this.jobs.get(job.id) ?? job);
    this.#turn(
      stayAway
        ? { state: 'failed', message: 'The engine stopped three times in a row and stays off.' }
        : { state: 'ready', message: '' },
    );
  }

  #turn(state: EngineState): void {
    this.state = state;
    this.emit('engine.changed', state);
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
