// Runs after `npm ci` so that it leaves a program that can be started. Does nothing where only the run-time
// packages were installed (`npm ci --omit=dev`): there is nothing to build with.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const builder = `${root}/node_modules/electron-vite/bin/electron-vite.js`;
if (existsSync(builder)) {
  const result = spawnSync(process.execPath, [builder, 'build', '--logLevel', 'warn'], { cwd: root, stdio: 'inherit' });
  process.exit(result.status ?? 1);
}
