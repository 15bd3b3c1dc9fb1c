import { join } from 'node:path';
import type { ProcessOptions } from '../engine/process-options.ts';
import type { HostInfo } from '../shared/contract.ts';
import type { EngineChild } from './engine-child.ts';
import { EngineSupervisor } from './engine-supervisor.ts';
import { Grants } from './grants.ts';
import { cacheDirectory, dataDirectory, programFiles } from './program-files.ts';
import { recentFiles } from './recent-files.ts';
import { createScratch } from './scratch.ts';
import { settingsFile } from './settings-file.ts';
import { type StudioDialogs, StudioHost } from './studio-host.ts';
import { createUploads, type Uploads } from './upload.ts';

export interface OpenStudioOptions {
  readonly kind: HostInfo['host'];
  /** `scratch` is a folder for files that live as long as this run. */
  dialogs(scratch: string): StudioDialogs;
  spawn(options: ProcessOptions, log: (line: string) => void): EngineChild;
  readonly maxUploadBytes: number;
  readonly log: (line: string) => void;
  readonly downloadUrl?: (target: string) => string;
  readonly onOpened?: (path: string) => void;
}

/** Everything a host with a window needs, put together. */
export interface OpenStudio {
  readonly host: StudioHost;
  readonly supervisor: EngineSupervisor;
  readonly grants: Grants;
  readonly uploads: Uploads;
  /** Ends the engine process and removes every temporary file. */
  close(): Promise<void>;
  /** The same as far as an `exit` handler can. */
  abandon(): void;
}

/** Puts settings, grants, the engine process and the studio host together, and starts the engine. */
export async function openStudio(options: OpenStudioOptions): Promise<OpenStudio> {
  const { log } = options;
  const files = programFiles();
  const data = dataDirectory();
  const scratch = createScratch(cacheDirectory());
  const settings = settingsFile(data);
  const { value: initial, notice } = await settings.read();
  if (notice !== undefined) log(notice);
  const grants = new Grants();
  const onInternal = (error: unknown): void => log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  const supervisor: EngineSupervisor = new EngineSupervisor({
    socketDirectory: scratch.sockets,
    log,
    readyMessage: notice ?? '',
    spawn: (pixelSocket) =>
      options.spawn(
        {
          dataDirectory: data,
          scratchDirectory: join(scratch.directory, 'engine'),
          modelDirectories: [files.models],
          settings: host.settings,
          version: files.version,
          entries: files.entries,
          pixelSocket,
        },
        log,
      ),
  });
  const host: StudioHost = new StudioHost({
    info: { host: options.kind, version: files.version, platform: process.platform },
    supervisor,
    grants,
    dialogs: options.dialogs(scratch.directory),
    settingsFile: settings,
    settings: initial,
    recent: recentFiles(data),
    onInternal,
    ...(options.downloadUrl === undefined ? {} : { downloadUrl: options.downloadUrl }),
    ...(options.onOpened === undefined ? {} : { onOpened: options.onOpened }),
  });
  // The state says so as well; whoever asks next tries again.
  supervisor.start().catch((error: unknown) => supervisor.state.state === 'failed' && log(`The engine did not start: ${(error as Error).message}`));
  return {
    host,
    supervisor,
    grants,
    uploads: createUploads(grants, join(scratch.directory, 'uploads'), options.maxUploadBytes),
    close: async () => {
      await supervisor.close();
      scratch.remove();
    },
    abandon: () => {
      supervisor.kill();
      scratch.remove();
    },
  };
}
