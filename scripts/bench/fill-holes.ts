import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createEngine } from '../../src/engine/index.ts';
import { quietContext } from '../../src/engine/context.ts';
import { fillPatches } from '../../src/engine/fill/fill-image.ts';
import { openFillNetwork } from '../../src/engine/fill/fill-network.ts';
import { createFillThread } from '../../src/engine/fill/fill-thread.ts';
import { openPhoto } from '../../src/engine/image/decode.ts';
import { createImageStore } from '../../src/engine/image/image-store.ts';
import { emptyMask, type Mask } from '../../src/shared/mask.ts';
import type { Recipe, StepUse } from '../../src/shared/recipe.ts';
import { type Measurement, timed } from './measurement.ts';
import { residentBytesOfTree } from './resident-memory.ts';
import { inBenchFolder, writeTestPhoto } from './test-photo.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sides = [64, 256, 1024] as const;
const photoSize = { width: 6000, height: 4000 };
/** The engine hears at least so often that it should answer; what comes later was held up. */
const tickMs = 10;

/** From a mask in a 24-megapixel photo to the filled pixels, patches alone and with the network if one is there; and what it takes in memory. */
export function measureFilling(): Promise<readonly Measurement[]> {
  return inBenchFolder(async (folder) => {
    const path = join(folder, 'large.jpg');
    await writeTestPhoto(path, photoSize.width, photoSize.height);
    const rows = await measureTimes(folder, path);
    for (const side of sides) rows.push(await measureMemory(folder, path, side));
    return rows;
  });
}

async function measureTimes(folder: string, path: string): Promise<Measurement[]> {
  const engine = await createEngine({
    dataDirectory: join(folder, 'data'),
    scratchDirectory: join(folder, 'scratch'),
    modelDirectories: [join(root, 'resources/models')],
    settings: { device: 'cpu', tilePx: 0, memoryBudgetMiB: 2048, theme: 'system' },
    version: 'bench',
  });
  const store = createImageStore({ directory: join(folder, 'pictures'), memoryBudgetBytes: 2 ** 30 });
  const thread = createFillThread(join(root, 'out/main/fill-worker.js'));
  const { image } = await openPhoto(path, { store });
  const network = await openFillNetwork(engine.models);
  const rows: Measurement[] = [];
  for (const method of network === undefined ? (['exemplar'] as const) : (['exemplar', 'together'] as const)) {
    for (const side of sides) {
      const times: number[] = [];
      const untilDraft: number[] = [];
      let longestMs = 0;
      for (let seed = 1; seed <= (side > 500 ? 2 : 4); seed++) {
        let drafted = Infinity;
        const began = performance.now();
        const onDraft = (): void => void (drafted = Math.min(drafted, performance.now() - began));
        const options = { method, seed, filler: thread.fill, onDraft, ...(network === undefined ? {} : { network }) };
        const work = (): Promise<unknown> => fillPatches(image, maskFor(side), options, quietContext());
        let last = performance.now();
        const timer = setInterval(() => {
          const now = performance.now();
          longestMs = Math.max(longestMs, now - last - tickMs);
          last = now;
        }, tickMs);
        times.push(await timed(work));
        clearInterval(timer);
        untilDraft.push(drafted);
      }
      const what = `${method}: a hole of ${side}² px in 24 megapixels`;
      if (Math.min(...untilDraft) < Infinity)
        rows.push({ what: `${what}, from mask to a draft in place`, value: Math.min(...untilDraft) / 1000, unit: 's', target: '< 2' });
      rows.push({ what: `${what}, from mask to pixels`, value: Math.min(...times) / 1000, unit: 's', ...(side > 256 ? {} : { target: '< 2' }) });
      // The network itself runs in this thread here, in one of its own in the product.
      if (method === 'exemplar') rows.push({ what: 'the same, longest the engine did not answer', value: longestMs, unit: 'ms' });
    }
  }
  await thread.close();
  await store.close();
  await engine.close();
  return rows;
}

function maskFor(side: number): Mask {
  const place = { kind: 'rectangle', x: 2500, y: 1500, width: side, height: side, erase: false } as const;
  return { ...emptyMask(photoSize), shapes: [place] };
}

/** Peak resident memory of `heirloom restore` with a recipe of one removal, with all its processes (Linux only: it reads /proc). */
function measureMemory(folder: string, path: string, side: number): Promise<Measurement> {
  const recipe = join(folder, `remove-${side}.json`);
  const use: StepUse = { id: 'remove-1', step: 'remove', version: 1, enabled: true, strength: 1, params: {}, mask: maskFor(side) };
  writeFileSync(recipe, JSON.stringify({ format: 'heirloom-recipe', version: 1, steps: [use] } satisfies Recipe));
  const args = ['restore', path, '-o', join(folder, `${side}.tif`), '--recipe', recipe, '--json', '--overwrite'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'bin/heirloom.js'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    let peak = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, residentBytesOfTree(child.pid ?? 0));
    }, 50);
    child.on('exit', (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ what: `auto: ${side}² in 24 megapixels, opened and saved, peak resident memory`, value: peak / 2 ** 20, unit: 'MiB' });
      else reject(new Error(`heirloom restore ended with code ${code}`));
    });
  });
}
