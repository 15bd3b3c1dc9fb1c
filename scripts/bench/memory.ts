import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Measurement } from './measurement.ts';
import { residentBytesOfTree } from './resident-memory.ts';
import { inBenchFolder, writeTestPhoto } from './test-photo.ts';

const cli = fileURLToPath(new URL('../../bin/heirloom.js', import.meta.url));

/** Peak resident memory of `heirloom restore` with all its processes, sampled ten times a second (Linux only: it reads /proc). */
export function measureMemory(): Promise<readonly Measurement[]> {
  return inBenchFolder(async (folder) => {
    const path = join(folder, 'large.jpg');
    const target = join(folder, 'out.tif');
    await writeTestPhoto(path, 6000, 4000);
    const started = performance.now();
    const peak = await peakResidentBytes(['restore', path, '-o', target, '--enlarge', '4', '--no-clean', '--no-tone', '--format', 'tiff', '--bit-depth', '16', '--json']);
    const seconds = (performance.now() - started) / 1000;
    return [
      { what: '24 megapixels ×4 to a 16-bit TIFF: peak resident memory of all processes', value: peak / 2 ** 20, unit: 'MiB', target: '< 2048' },
      { what: 'the same, time', value: seconds, unit: 's' },
      { what: 'the same, file written', value: statSync(target).size / 2 ** 20, unit: 'MiB' },
    ];
  });
}

function peakResidentBytes(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    let peak = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, residentBytesOfTree(child.pid ?? 0));
    }, 100);
    child.on('exit', (code) => {
      clearInterval(timer);
      if (code === 0) resolve(peak);
      else reject(new Error(`heirloom restore ended with code ${code}`));
    });
  });
}
