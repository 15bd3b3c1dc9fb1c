import { mkdtempSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Bundles entries for Node, so that they can be started as processes of their own. Returns the folder with `NAME.js` of each. */
export async function bundleEntries(...entries: readonly string[]): Promise<string> {
  // Below node_modules, so that packages are found from there.
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const outDir = mkdtempSync(join(cache, 'heirloom-test-'));
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      ssr: true,
      outDir,
      target: 'node20',
      rollupOptions: {
        input: Object.fromEntries(entries.map((entry) => [basename(entry, '.ts'), join(root, entry)])),
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  return outDir;
}
