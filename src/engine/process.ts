import { constants, setPriority } from 'node:os';

import { type EngineCalls, engineCalls, type EngineEvents } from '../shared/contract.ts';
import { type Handlers, serve } from '../shared/rpc.ts';
import { createEngine, type Engine } from './index.ts';
import { parentTransport } from './parent-transport.ts';
import { servePixels } from './pixel-server.ts';
import { processOptionsSchema, processOptionsVariable } from './process-options.ts';

/** The engine as a process of its own: a crash or an exhausted memory in native code costs one job, never the window. */
async function main(): Promise<void> {
  yieldToTheWindow();
  const transport = parentTransport();
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const onInternal = (error: unknown): void => log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  let engine: Engine | undefined;
  transport.onClose(() => {
    // The work of a host that is gone is of no use to anybody.
    const end = (): never => process.exit(0);
    if (engine === undefined) end();
    else void engine.close().then(end, end);
  });
  try {
    const { pixelSocket, ...options } = processOptionsSchema.parse(JSON.parse(process.env[processOptionsVariable] ?? 'null'));
    const ready = await createEngine({ ...options, log });
    engine = ready;
    await servePixels(pixelSocket, (path) => ready.pixels(path), onInternal);
    const emit = serve<EngineCalls, EngineEvents>(engineCalls, ready.handlers, transport, onInternal);
    ready.onEvent(emit);
  } catch (error) {
    // An engine that cannot start says why to everyone who asks; starting it again would not help.
    onInternal(error);
    const refuse = (): never => {
      throw error;
    };
    const handlers = Object.fromEntries(Object.keys(engineCalls).map((name) => [name, refuse])) as unknown as Handlers<EngineCalls>;
    serve<EngineCalls, EngineEvents>(engineCalls, handlers, transport);
  }
}

/** The window is drawn on the same cores: what is computed waits for it. Threads started later inherit this. */
function yieldToTheWindow(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Not allowed here: everything works, only less smoothly.
  }
}

await main();
