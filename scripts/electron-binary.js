import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The path of Electron's program file, or undefined where it is not installed.
 * `require('electron')` would try to download it; this only looks.
 *
 * @returns {string | undefined}
 */
export function electronBinary() {
  const folder = fileURLToPath(new URL('../node_modules/electron/', import.meta.url));
  const pathFile = join(folder, 'path.txt');
  const name = existsSync(pathFile) ? readFileSync(pathFile, 'utf8').trim() : undefined;
  const override = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  const candidate = override ? join(override, name ?? 'electron') : name && join(folder, 'dist', name);
  return candidate && existsSync(candidate) ? candidate : undefined;
}
