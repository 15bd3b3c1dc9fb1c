// Starts Heirloom: the desktop program where Electron can run, otherwise the web host.
//
//   npm start [-- photo ...]
//
//   Electron's program file is not installed here (npx install-electron fetches it); the studio opens in a browser instead.
//   Heirloom is open at http://127.0.0.1:40123/?token=...

import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { electronBinary } from './electron-binary.js';
import { needsBuild } from './needs-build.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const photos = process.argv.slice(2);

if (needsBuild(root)) {
  const built = spawnSync('npm', ['run', 'build'], { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (built.status !== 0) process.exit(built.status ?? 1);
}

const binary = electronBinary();
const reason = whyNot(binary);
if (reason !== undefined) console.log(`${reason}; the studio opens in a browser instead.`);
const [command, args] =
  reason === undefined ? [binary, [root, ...photos]] : [process.execPath, [`${root}/out/main/web.js`, '--open', ...photos]];
const child = spawn(command, args, { stdio: 'inherit' });
// Ctrl+C reaches the child as well; it ends, and this process after it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));

function whyNot(path) {
  if (path === undefined) return "Electron's program file is not installed here (npx install-electron fetches it)";
  if (process.platform !== 'linux') return undefined;
  if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return 'There is no display for a window';
  if (process.getuid() === 0) return 'Electron does not run sandboxed as root';
  return undefined;
}
