import type { UtilityProcess, utilityProcess } from 'electron';
import type { ProcessOptions } from '../engine/process-options.ts';
import { type EngineChild, engineEnvironment, engineLostSentence } from '../host/engine-child.ts';
import type { Transport } from '../shared/rpc.ts';

/** Starts `entry` as a utility process of Electron. */
export function forkUtilityEngine(
  utility: Pick<typeof utilityProcess, 'fork'>,
  entry: string,
  options: ProcessOptions,
  log: (line: string) => void,
): EngineChild {
  const environment = Object.entries(engineEnvironment(options)).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const child: UtilityProcess = utility.fork(entry, [], { env: Object.fromEntries(environment), stdio: 'pipe', serviceName: 'Heirloom engine' });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => log(data.toString('utf8').trimEnd()));
  let ended: string | undefined;
  const exitListeners: ((how: string) => void)[] = [];
  child.on('exit', (code) => {
    ended = `exit code ${code}`;
    for (const listener of exitListeners) listener(ended);
  });
  const onExit = (listener: (how: string) => void): void => {
    if (ended === undefined) exitListeners.push(listener);
    else listener(ended);
  };
  const transport: Transport = {
    send: (message) => {
      if (ended === undefined) child.postMessage(message);
    },
    onMessage: (listener) => void child.on('message', listener),
    onClose: (listener) => onExit(() => listener(engineLostSentence)),
  };
  return { transport, onExit, kill: () => endProcess(child) };
}

/** Electron asks politely; a process that is busy in native code does not hear that. */
function endProcess(child: UtilityProcess): void {
  if (child.pid === undefined) return void child.kill();
  try {
    process.kill(child.pid, 'SIGKILL');
  } catch {
    child.kill();
  }
}
