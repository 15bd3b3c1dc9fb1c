import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Page } from 'playwright-core';

import { formatCatalog } from '../../src/engine/models/catalog.ts';
import { seededNumbers } from '../../src/engine/models/seeded-numbers.ts';
import { writeSafetensors } from '../../src/engine/weights/safetensors.ts';
import { launchChromium } from '../../tests/e2e/chromium.ts';
import { type Measurement, median } from './measurement.ts';
import { residentBytesOfTree } from './resident-memory.ts';
import { inBenchFolder, writeTestPhoto } from './test-photo.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const alphas = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];

/**
 * What a user waits for, measured in a page of the web host in Chromium: from moving α to decoded pixels of a 128×128 source region, and the longest time the page
 * stood still while a photo was being restored.
 */
export function measureStudio(): Promise<readonly Measurement[]> {
  return inBenchFolder(async (folder) => {
    const photo = join(folder, 'photo.jpg');
    await writeTestPhoto(photo, 1152, 864);
    writeRrdbPair(join(folder, 'data', 'models'));
    const host = spawn(process.execPath, [join(root, 'out/main/web.js')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, HEIRLOOM_DATA: join(folder, 'data'), HEIRLOOM_SCRATCH: join(folder, 'scratch') },
    });
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(await addressOf(host));
      await page.waitForSelector('text=Engine ready', { timeout: 120_000 });
      await page.evaluate(readFileSync(join(root, 'scripts/bench/in-page.js'), 'utf8'));
      const bytes = [...readFileSync(photo)];
      const shipped = await slide(page, bytes, {});
      const watched = await watchRestore(page, bytes);
      const before = residentBytesOfTree(host.pid ?? 0);
      let peak = before;
      const timer = setInterval(() => {
        peak = Math.max(peak, residentBytesOfTree(host.pid ?? 0));
      }, 100);
      const rrdb = await slide(page, bytes, { model: 'rrdb-a', partner: 'rrdb-b' });
      clearInterval(timer);
      return [
        ...rows('shipped pair', shipped),
        ...rows('two full RRDBNets (67 MB each)', rrdb),
        { what: 'host and engine while both RRDBNets are open and being slid: peak resident memory', value: peak / 2 ** 20, unit: 'MiB' },
        { what: 'tasks of 50 ms or more in the page while a 1-megapixel photo is restored', value: watched.longTasks.length, unit: '', target: '0' },
        { what: 'the same, longest gap between two turns, waiting for a core included', value: watched.longestGap, unit: 'ms' },
      ];
    } finally {
      await browser.close();
      host.kill('SIGTERM');
    }
  });
}

function rows(what: string, times: readonly number[]): Measurement[] {
  const [first = NaN, ...repeated] = times;
  return [
    { what: `slider to pixels, 128×128 source region, ${what}: first`, value: first, unit: 'ms' },
    { what: `slider to pixels, 128×128 source region, ${what}: repeated, median`, value: median(repeated), unit: 'ms' },
  ];
}

/** What the host says its address is, with the token. */
export function addressOf(host: ChildProcess): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    host.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /http:\/\/\S+/.exec(text);
      if (found !== null) resolve(found[0]);
    });
    host.on('exit', (code) => reject(new Error(`the web host ended with code ${code}`)));
  });
}

function slide(page: Page, photo: readonly number[], params: Readonly<Record<string, string>>): Promise<number[]> {
  const moved = params['model'] === undefined ? alphas : alphas.slice(0, 4);
  return page.evaluate(`heirloomBench.slide(${JSON.stringify(photo)}, ${JSON.stringify(params)}, ${JSON.stringify(moved)})`);
}

/** Opens the photo in the window itself, presses Restore, and watches how long the page's thread is held meanwhile. */
async function watchRestore(page: Page, photo: readonly number[]): Promise<{ readonly longTasks: readonly number[]; readonly longestGap: number }> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await (await chooser).setFiles({ name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(photo) });
  const restore = page.getByRole('button', { name: /^Restore/ }).first();
  await restore.waitFor();
  await page.waitForTimeout(2000);
  await page.evaluate('heirloomBench.watch()');
  await restore.click();
  await page.waitForSelector('text=consistency', { timeout: 300_000 });
  return page.evaluate('({ longTasks: heirloomBench.longTasks, longestGap: heirloomBench.longestGap })');
}

/** Two full-size RRDBNets of seeded numbers: speed and memory do not depend on what the numbers are. */
function writeRrdbPair(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const entries = ['a', 'b'].map((end, index) => {
    const file = `rrdb-${end}.safetensors`;
    const numbers = seededNumbers(100 + index);
    const shapes = new Map<string, number[]>();
    const add = (name: string, out: number, into: number): void => {
      shapes.set(`${name}.weight`, [out, into, 3, 3]);
      shapes.set(`${name}.bias`, [out]);
    };
    add('conv_first', 64, 3);
    for (let block = 0; block < 23; block++) {
      for (let dense = 1; dense <= 3; dense++) for (let i = 1; i <= 5; i++) add(`body.${block}.rdb${dense}.conv${i}`, i === 5 ? 64 : 32, 64 + 32 * (i - 1));
    }
    for (const name of ['conv_body', 'conv_up1', 'conv_up2', 'conv_hr']) add(name, 64, 64);
    add('conv_last', 3, 64);
    const tensors = new Map([...shapes].map(([name, shape]) => [name, { name, shape, dtype: 'f32' as const }]));
    const read = (name: string): Float32Array => {
      const length = (shapes.get(name) ?? []).reduce((product, side) => product * side, 1);
      return Float32Array.from({ length }, () => (numbers() - 0.5) * 0.04);
    };
    writeSafetensors(join(folder, file), { tensors, read }, { dtype: 'f32', metadata: {} });
    return { id: `rrdb-${end}`, title: `RRDBNet ${end}`, role: 'enlarge', origin: 'added' as const, file, license: 'none: seeded numbers' };
  });
  writeFileSync(join(folder, 'catalog.json'), formatCatalog(entries));
}
