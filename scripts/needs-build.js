import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What a build writes last of each part, and what it is made of. */
const built = ['out/main/web.js', 'out/renderer/index.html'];
const sources = ['src', 'electron.vite.config.ts', 'package-lock.json'];

/** Whether Heirloom in this folder was never built, or has changed since: after an update the program of before must not start. */
export function needsBuild(root) {
  const outputs = built.map((name) => join(root, name));
  if (!outputs.every((file) => existsSync(file))) return true;
  const oldest = Math.min(...outputs.map((file) => statSync(file).mtimeMs));
  return sources.some((name) => newest(join(root, name)) > oldest);
}

/** When a file, or anything in a folder, was last written; 0 for what is not there. */
function newest(path) {
  if (!existsSync(path)) return 0;
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
