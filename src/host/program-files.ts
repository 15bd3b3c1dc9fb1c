import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where Heirloom's own files lie. */
export interface ProgramFiles {
  readonly root: string;
  readonly version: string;
  /** The built window. */
  readonly renderer: string;
  readonly preload: string;
  /** Entry of the engine process. */
  readonly engine: string;
  /** What the engine runs outside of its own thread. */
  readonly entries: { readonly inferenceWorker: string; readonly fillWorker: string; readonly deviceProbe: string };
  /** Weights that ship with Heirloom. */
  readonly models: string;
}

/** Finds the program's own files, whether it runs from `src`, from `out` or from a package. */
export function programFiles(from: string = import.meta.url): ProgramFiles {
  let root = dirname(fileURLToPath(from));
  for (;;) {
    const version = heirloomVersion(join(root, 'package.json'));
    if (version !== undefined) {
      return {
        root,
        version,
        renderer: join(root, 'out', 'renderer'),
        preload: join(root, 'out', 'preload', 'index.cjs'),
        engine: join(root, 'out', 'main', 'engine.js'),
        entries: {
          inferenceWorker: join(root, 'out', 'main', 'inference-worker.js'),
          fillWorker: join(root, 'out', 'main', 'fill-worker.js'),
          deviceProbe: join(root, 'out', 'main', 'device-probe.js'),
        },
        models: join(root, 'resources', 'models'),
      };
    }
    const parent = dirname(root);
    if (parent === root) throw new Error(`No package.json of Heirloom was found above ${from}.`);
    root = parent;
  }
}

function heirloomVersion(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name?: unknown; version?: unknown };
  return name === 'heirloom' && typeof version === 'string' ? version : undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where settings, added models and device test results are kept; the same for all hosts. `HEIRLOOM_DATA` overrides it. */
export function dataDirectory(environment: Environment = process.env, platform: string = process.platform): string {
  if (environment.HEIRLOOM_DATA) return environment.HEIRLOOM_DATA;
  if (platform === 'win32') return join(environment.APPDATA ?? join(homedir(), 'AppData', 'Roaming'), 'Heirloom', 'data');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Heirloom', 'data');
  return join(environment.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'heirloom');
}

/** Where large temporary pictures go: a disk rather than a memory file system. `HEIRLOOM_SCRATCH` overrides it. */
export function cacheDirectory(environment: Environment = process.env, platform: string = process.platform): string {
  if (environment.HEIRLOOM_SCRATCH) return environment.HEIRLOOM_SCRATCH;
  if (platform === 'win32') return join(environment.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'Heirloom', 'cache');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'Heirloom');
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'heirloom');
}
