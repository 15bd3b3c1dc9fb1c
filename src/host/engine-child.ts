import { fork } from 'node:child_process';
import { type ProcessOptions, processOptionsVariable } from '../engine/process-options.ts';
import type { Transport } from '../shared/rpc.ts';

/** A started engine process, whatever started it. */
export interface EngineChild {
  /** Closes when the process ends. */
  readonly transport: Transport;
  /** Called once, with how it ended in words: "exit code 134", "signal SIGKILL". */
  onExit(listener: (how: string) => void): void;
  kill(): void;
}

/** The environment an engine process is started with. */
export function engineEnvironment(options: ProcessOptions): Record<string, string | undefined> {
  return { ...process.env, [processOptionsVariable]: JSON.stringify(options) };
}

/** What a transport says to those who wait when the engine process is gone. */
export const engineLostSentence = 'The engine stopped before it could answer; it is being started again.';

/** Starts `entry` as a child of this Node process. Its output goes line by line to `log`. */
export function forkEngine(entry: string, options: ProcessOptions, log: (line: string) => void): EngineChild {
  const child = fork(entry, [], { env: engineEnvironment(options), serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => log(text.trimEnd()));
  let ended: string | undefined;
  const exitListeners: ((how: string) => void)[] = [];
  const end = (how: string): void => {
    if (ended !== undefined) return;
    ended = how;
    for (const listener of exitListeners) listener(how);
  };
  child.on('exit', (code, signal) => end(signal === null ? `exit code ${String(code)}` : `signal ${signal}`));
  child.on('error', (error) => end(error.message));
  const onExit = (listener: (how: string) => void): void => {
    if (ended === undefined) exitListeners.push(listener);
    else listener(ended);
  };
  const transport: Transport = {
    send: (message) => {
      if (child.connected) child.send(message as object, () => {});
    },
    onMessage: (listener) => void child.on('message', listener),
    onClose: (listener) => onExit(() => listener(engineLostSentence)),
  };
  return { transport, onExit, kill: () => void child.kill('SIGKILL') };
}
