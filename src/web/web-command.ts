import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { forkEngine } from '../host/engine-child.ts';
import { openStudio } from '../host/open-studio.ts';
import { programFiles } from '../host/program-files.ts';
import { HeirloomError } from '../shared/failure.ts';
import { startWebServer } from './web-server.ts';
import { webDialogs } from './web-dialogs.ts';

const maxUploadBytes = 8 * 1024 ** 3;
const loopback = ['127.0.0.1', '::1', 'localhost'];

export const webHelp = `heirloom web [photo ...] [--port N] [--host ADDRESS] [--open]

Shows the studio in a browser. Only this machine can reach it, and only with the printed address.

  --port N        the port to listen on; any free one if left out
  --host ADDRESS  listen on this address instead of 127.0.0.1 (0.0.0.0: all of this machine's)
  --open          open the address in the default browser
  --verbose       print the log
`;

export interface WebArguments {
  readonly photos: readonly string[];
  readonly port: number;
  readonly address: string;
  readonly open: boolean;
  readonly verbose: boolean;
  readonly help: boolean;
}

/** @throws HeirloomError `bad-input`, or a TypeError of `parseArgs` with a sentence of its own. */
export function parseWebArguments(args: readonly string[]): WebArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      open: { type: 'boolean' },
      verbose: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const port = values.port === undefined ? 0 : Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new HeirloomError('bad-input', `--port should be a whole number from 0 to 65535, but is "${values.port ?? ''}".`);
  }
  return {
    photos: positionals.map((path) => resolve(path)),
    port,
    address: values.host ?? '127.0.0.1',
    open: values.open ?? false,
    verbose: values.verbose ?? false,
    help: values.help ?? false,
  };
}

/** Runs the web host until it is told to end. */
export async function runWebHost({ photos, port, address, open, verbose }: WebArguments): Promise<void> {
  const files = programFiles();
  if (!existsSync(join(files.renderer, 'index.html'))) {
    throw new HeirloomError('file', 'The window is not built yet.', 'Run "npm run build" in the folder of Heirloom.');
  }
  const log = (line: string): void => void (verbose && process.stderr.write(`${line}\n`));
  const studio = await openStudio({
    kind: 'web',
    dialogs: (scratch) => webDialogs(join(scratch, 'downloads')),
    spawn: (options, childLog) => forkEngine(files.engine, options, childLog),
    maxUploadBytes,
    log,
    downloadUrl: (target) => `/download/${target}`,
  });
  process.once('exit', studio.abandon);
  for (const photo of photos) studio.host.requestPhoto(photo);
  const server = await startWebServer({
    address,
    port,
    renderer: files.renderer,
    attach: (transport) => studio.host.attach(transport),
    pixels: (path) => studio.supervisor.pixels(path),
    target: (token) => studio.grants.target(token),
    uploads: studio.uploads,
    onInternal: (error) => log(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  }).catch(async (error: unknown) => {
    await studio.close();
    throw error;
  });
  if (!loopback.includes(address)) {
    process.stdout.write('Warning: anyone on the network who learns this address can use this studio, and its traffic is not encrypted.\n');
  }
  process.stdout.write(`Heirloom is open at ${server.url}\nPress Ctrl+C to end it.\n`);
  if (open) openInBrowser(server.url);
  await new Promise<void>((end) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => end());
  });
  await server.close();
  await studio.close();
}

function openInBrowser(url: string): void {
  const [command, ...args] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['explorer.exe'] : ['xdg-open'];
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', () => process.stdout.write('No browser could be started; open the address yourself.\n'));
  child.unref();
}
