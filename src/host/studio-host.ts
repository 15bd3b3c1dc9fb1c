import { randomUUID } from 'node:crypto';
import {
  type EventValue,
  type HostInfo,
  type Job,
  type Settings,
  type SourceRef,
  type StudioCalls,
  studioCalls,
  type StudioEvents,
} from '../shared/contract.ts';
import { type Handlers, serve, type Transport } from '../shared/rpc.ts';
import type { EngineSupervisor } from './engine-supervisor.ts';
import type { GrantedTarget, Grants } from './grants.ts';
import { Holders } from './holders.ts';
import type { JsonFile } from './json-file.ts';
import type { RecentFiles } from './recent-files.ts';

/** How the user names files to the host. */
export interface StudioDialogs {
  openPhoto(): Promise<readonly string[]>;
  openModel(): Promise<readonly string[]>;
  saveImage(suggestedName: string, format: string): Promise<GrantedTarget | undefined>;
  saveModel(suggestedName: string): Promise<GrantedTarget | undefined>;
  /** Shows a saved file in the system's file manager. */
  show(path: string): void;
}

export interface StudioHostOptions {
  readonly info: HostInfo;
  readonly supervisor: EngineSupervisor;
  readonly grants: Grants;
  readonly dialogs: StudioDialogs;
  readonly settingsFile: JsonFile<Settings>;
  readonly settings: Settings;
  readonly recent: RecentFiles;
  /** Where a user interface without a file system fetches what was saved to a target. */
  readonly downloadUrl?: (target: string) => string;
  /** Hears of every photo that was opened from a place worth remembering. */
  readonly onOpened?: (path: string) => void;
  readonly onInternal?: (error: unknown) => void;
  /** Photos that no connection has asked for during this time are closed after a connection ended. */
  readonly abandonedAfterMs?: number;
}

type Emit = <K extends keyof StudioEvents & string>(name: K, value: EventValue<StudioEvents[K]>) => void;

/** What a window talks to: the engine, plus dialogs, settings and the files the user named. */
export class StudioHost {
  readonly #options: StudioHostOptions;
  readonly #clients = new Set<Emit>();
  readonly #holders: Holders;
  readonly #handlers: Handlers<StudioCalls>;
  readonly #settingsListeners = new Set<(settings: Settings) => void>();
  #settings: Settings;
  /** Photos requested before any window was there to hear of it. */
  #requested: SourceRef[] = [];

  constructor(options: StudioHostOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#holders = new Holders(options.abandonedAfterMs ?? 900_000, (photo) => {
      options.supervisor.call('photo.close', { photo }).catch((error: unknown) => options.onInternal?.(error));
    });
    this.#handlers = this.#createHandlers();
    options.supervisor.onState((state) => this.emit('engine.changed', state));
    options.supervisor.onEvent((name, value) => {
      if (name === 'job.changed') this.emit('job.changed', this.#present(value as Job));
      else (this.emit as (name: string, value: unknown) => void)(name, value);
    });
  }

  onSettings(listener: (settings: Settings) => void): void {
    this.#settingsListeners.add(listener);
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** Tells every window. */
  readonly emit: Emit = (name, value) => {
    for (const client of this.#clients) client(name, value);
  };

  /** Asks the windows to open a file the user named outside of them; waits for the first window if there is none yet. */
  requestPhoto(path: string): void {
    const source = this.#options.grants.grantSource(path);
    if (this.#clients.size === 0) this.#requested.push(source);
    else this.emit('photo.requested', source);
  }

  /** Serves a window. The photos it opened are closed some time after it is gone, unless another one uses them. */
  attach(transport: Transport): void {
    const client = Symbol('client');
    const hold = this.#holders;
    const handlers = Object.fromEntries(
      Object.entries(this.#handlers).map(([name, handle]) => [
        name,
        async (input: { readonly photo?: string } | undefined) => {
          if (input?.photo !== undefined) hold.hold(input.photo, client);
          const output = await (handle as (input: unknown) => unknown)(input);
          if (name === 'photo.open') hold.hold((output as { readonly id: string }).id, client);
          if (name === 'photo.close' && input?.photo !== undefined) hold.drop(input.photo);
          // A window asks this once it is ready to hear.
          if (name === 'host.info') setImmediate(() => this.#flushRequested(emit));
          return output;
        },
      ]),
    ) as unknown as Handlers<StudioCalls>;
    const emit = serve<StudioCalls, StudioEvents>(studioCalls, handlers, transport, this.#options.onInternal);
    this.#clients.add(emit);
    transport.onClose(() => {
      this.#clients.delete(emit);
      hold.release(client);
    });
  }

  #flushRequested(emit: Emit): void {
    const requested = this.#requested;
    this.#requested = [];
    for (const source of requested) emit('photo.requested', source);
  }

  #createHandlers(): Handlers<StudioCalls> {
    const { info, supervisor, grants, dialogs, recent } = this.#options;
    const ask = supervisor.call.bind(supervisor);
    const sources = (paths: readonly string[]): readonly SourceRef[] => paths.map((path) => grants.grantSource(path));
    const target = (chosen: GrantedTarget | undefined) =>
      chosen === undefined ? null : grants.grantTarget(chosen.path, chosen.label, chosen.overwrite);
    const named = (source: string): { readonly path: string; readonly name: string } => {
      const { path, name } = grants.source(source);
      return { path, name };
    };
    return {
      'host.info': () => info,
      'engine.state': () => supervisor.state,
      'engine.info': () => ask('engine.info', undefined),
      'settings.get': () => this.#settings,
      'settings.set': (settings) => this.#applySettings(settings),
      'dialog.openPhoto': async () => sources(await dialogs.openPhoto()),
      'dialog.openModel': async () => sources(await dialogs.openModel()),
      'dialog.saveImage': async ({ suggestedName, format }) => target(await dialogs.saveImage(suggestedName, format)),
      'dialog.saveModel': async ({ suggestedName }) => target(await dialogs.saveModel(suggestedName)),
      'recent.list': async () => sources(await recent.list()),
      'target.show': (input) => void dialogs.show(grants.target(input.target).path),
      'step.list': () => ask('step.list', undefined),
      'photo.open': ({ source, allowDamaged }) => this.#openPhoto(source, allowDamaged ?? false),
      'photo.close': (input) => ask('photo.close', input),
      'recipe.run': (input) => ask('recipe.run', input),
      'measure.run': ({ reference, niqe, ...input }) =>
        ask('measure.run', {
          ...input,
          ...(reference === undefined ? {} : { reference: named(reference) }),
          ...(niqe === undefined ? {} : { niqe: named(niqe) }),
        }),
      'faces.inspect': (input) => ask('faces.inspect', input),
      'preview.request': (input) => ask('preview.request', input),
      'preview.cancel': (input) => ask('preview.cancel', input),
      'mask.propose': (input) => ask('mask.propose', input),
      'mask.threshold': (input) => ask('mask.threshold', input),
      'mask.release': (input) => ask('mask.release', input),
      'image.release': (input) => ask('image.release', input),
      'retouch.prepare': (input) => ask('retouch.prepare', input),
      'retouch.run': (input) => ask('retouch.run', input),
      'mask.read': ({ source }) => ask('mask.read', { path: grants.source(source).path }),
      'mask.write': async ({ target: token, ...input }) => {
        const { path, overwrite } = grants.target(token);
        return this.#present(await ask('mask.write', { ...input, path, overwrite }));
      },
      'job.list': async () => (await ask('job.list', undefined)).map((job) => this.#present(job)),
      'job.cancel': (input) => ask('job.cancel', input),
      'model.list': () => ask('model.list', undefined),
      'model.inspect': ({ source }) => ask('model.inspect', { path: grants.source(source).path }),
      'model.add': ({ source }) => ask('model.add', { path: grants.source(source).path }),
      'model.remove': (input) => ask('model.remove', input),
      'model.install': (input) => ask('model.install', input),
      'model.compare': (input) => ask('model.compare', input),
      'model.interpolate': async ({ target: token, ...input }) =>
        this.#present(await ask('model.interpolate', { ...input, path: grants.target(token).path })),
      'export.start': async ({ target: token, ...input }) => {
        const { path, overwrite } = grants.target(token);
        return this.#present(await ask('export.start', { ...input, path, overwrite }));
      },
    };
  }

  async #openPhoto(source: string, allowDamaged: boolean) {
    const { path, name, temporary } = this.#options.grants.source(source);
    const photo = await this.#options.supervisor.call('photo.open', { id: randomUUID(), path, name, allowDamaged });
    if (!temporary) {
      // A full disk must not keep a photo from being shown.
      await this.#options.recent.add(path).catch((error: unknown) => this.#options.onInternal?.(error));
      this.#options.onOpened?.(path);
    }
    return photo;
  }

  async #applySettings(settings: Settings): Promise<Settings> {
    const { supervisor, settingsFile } = this.#options;
    const before = this.#settings;
    // An engine that has to be started is started with the new settings: they may be the cure.
    this.#settings = settings;
    try {
      await supervisor.call('settings.apply', settings);
    } catch (error) {
      if (supervisor.state.state === 'ready') {
        this.#settings = before;
        throw error;
      }
    }
    await settingsFile.write(settings);
    for (const listener of this.#settingsListeners) listener(settings);
    this.emit('settings.changed', settings);
    return settings;
  }

  /** Names a saved file as the user did, never by its path. */
  #present(job: Job): Job {
    if (job.result?.savedAs === undefined) return job;
    const granted = this.#options.grants.targetByPath(job.result.savedAs);
    if (granted === undefined) return job;
    const download = this.#options.downloadUrl?.(granted.target);
    return { ...job, result: { ...job.result, savedAs: granted.label, ...(download === undefined ? {} : { download }) } };
  }
}
