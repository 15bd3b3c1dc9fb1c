import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createEngine, type Engine } from '../engine/index.ts';
import { cacheDirectory, dataDirectory, programFiles } from '../host/program-files.ts';
import { createScratch } from '../host/scratch.ts';
import { settingsFile } from '../host/settings-file.ts';
import { type CallInput, type CallOutput, type EngineCalls, engineCalls } from '../shared/contract.ts';
import type { Terminal } from './command.ts';

/** The engine in this very process. */
export interface LocalEngine {
  readonly engine: Engine;
  /** The same check of the input as on the way to an engine process. */
  call<K extends keyof EngineCalls & string>(name: K, input: CallInput<EngineCalls[K]>): Promise<CallOutput<EngineCalls[K]>>;
}

/** Opens the engine for as long as `use` takes, and leaves no temporary file behind. */
export async function withEngine<T>(terminal: Terminal, verbose: boolean, use: (engine: LocalEngine) => Promise<T>): Promise<T> {
  const files = programFiles();
  const data = dataDirectory();
  mkdirSync(data, { recursive: true });
  const scratch = createScratch(cacheDirectory());
  process.once('exit', scratch.remove);
  try {
    const { value: settings, notice } = await settingsFile(data).read();
    if (notice !== undefined) terminal.err(`${notice}\n`);
    const engine = await createEngine({
      dataDirectory: data,
      scratchDirectory: join(scratch.directory, 'engine'),
      modelDirectories: [files.models],
      settings,
      version: files.version,
      entries: files.entries,
      log: (line) => verbose && terminal.err(`${line}\n`),
    });
    try {
      return await use({
        engine,
        call: async (name, input) => {
          const checked = engineCalls[name].input.parse(input, name);
          const handle = engine.handlers[name] as (input: unknown) => unknown;
          return (await handle(checked)) as CallOutput<EngineCalls[typeof name]>;
        },
      });
    } finally {
      await engine.close();
    }
  } finally {
    scratch.remove();
    process.off('exit', scratch.remove);
  }
}
