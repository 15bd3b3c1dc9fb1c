import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelFiles } from '../../src/engine/models/model-files.ts';

const root = join(import.meta.dirname, '../..');

/** The web host as it ships, with a data folder of its own. */
export interface WebHost {
  /** The address with its token. */
  readonly url: string;
  /** Kills the engine process, whatever it is doing. */
  killEngine(): Promise<void>;
  close(): Promise<void>;
}

export interface WebHostOptions {
  /** Model files the user is to have added, by role. */
  readonly models?: readonly { readonly path: string; readonly role: string }[];
}

/** Starts the built web host; builds it first where there is none. */
export async function startWebHost({ models = [] }: WebHostOptions = {}): Promise<WebHost> {
  if (!existsSync(join(root, 'out/main/web.js')) || !existsSync(join(root, 'out/renderer/index.html')))
    build();
  const folder = await mkdtemp(join(tmpdir(), 'heirloom-e2e-'));
  const files = openModelFiles([], join(folder, 'data', 'models'));
  for (const { path, role } of models) await files.add(path, { title: role, role });
  const child = spawn(process.execPath, [join(root, 'out/main/web.js')], {
    cwd: root,
    env: { ...process.env, HEIRLOOM_DATA: join(folder, 'data'), HEIRLOOM_SCRATCH: join(folder, 'scratch') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await printedAddress(child);
  return {
    url,
    killEngine: async () => {
      // The web host forks one process, its engine.
      const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
      for (const pid of children.trim().split(/\s+/)) process.kill(Number(pid), 'SIGKILL');
    },
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The engine's process is found in /proc, which only Linux has. */
export const canKillEngine = existsSync('/proc/self/task');

function build(): void {
  const built = spawnSync(
    process.execPath,
    [join(root, 'node_modules/electron-vite/bin/electron-vite.js'), 'build', '--logLevel', 'warn'],
    { cwd: root, stdio: 'inherit' },
  );
  if (built.status !== 0) throw new Error('The build failed.');
}

function printedAddress(child: ChildProcess): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The web host ended with ${code} before it was open.`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const [url] = /http:\/\/\S+/.exec(text) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
}
