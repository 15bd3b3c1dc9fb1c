import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { quietContext } from '../../src/engine/context.ts';
import { findDamage } from '../../src/engine/damage/find-damage.ts';
import { openPhoto } from '../../src/engine/image/decode.ts';
import { createImageStore } from '../../src/engine/image/image-store.ts';
import { openModelFiles } from '../../src/engine/models/model-files.ts';
import type { Network } from '../../src/engine/models/network.ts';
import { cpuHub } from './cpu-hub.ts';
import { type Measurement, timed } from './measurement.ts';
import { inBenchFolder, writeTestPhoto } from './test-photo.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Shown in three views (to about 1.8 megapixels), in two, and in one on a smaller finest level. */
const sizes = [
  [768, 512],
  [1500, 1000],
  [2400, 1600],
  [6000, 4000],
] as const;
const tilePx = 512;

/** The search for damage over one bare pass of its network over the same pixels, and what it takes in memory. */
export function measureDamage(): Promise<readonly Measurement[]> {
  return inBenchFolder(async (folder) => {
    const models = cpuHub(openModelFiles([join(root, 'resources/models')], join(folder, 'models')));
    const store = createImageStore({ directory: join(folder, 'scratch'), memoryBudgetBytes: 2 ** 30 });
    try {
      const model = models.defaultFor('scratch-detect');
      if (model === undefined) return [];
      const passMs = await bareMsPerPixel(await models.openNetwork(model));
      const rows: Measurement[] = [];
      for (const [width, height] of sizes) {
        const path = join(folder, `${width}.jpg`);
        await writeTestPhoto(path, width, height);
        const { image } = await openPhoto(path, { store });
        let peak = 0;
        const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 50);
        const ms = await timed(() => findDamage(image, { model, models, store, context: quietContext() }));
        clearInterval(timer);
        await image.dispose();
        const what = `search for damage, ${((width * height) / 1e6).toFixed(1)} megapixels`;
        rows.push(
          { what: `${what}: time over one bare pass of the network`, value: ms / (passMs * width * height), unit: '×' },
          { what: `${what}: time`, value: ms / 1000, unit: 's' },
          { what: `${what}: peak resident memory of the process`, value: peak / 2 ** 20, unit: 'MiB' },
        );
      }
      return rows;
    } finally {
      await models.close();
      await store.close();
    }
  });
}

async function bareMsPerPixel(network: Network): Promise<number> {
  const input = { data: new Float32Array(tilePx * tilePx).fill(0.2), dims: [1, 1, tilePx, tilePx] };
  await network.run({ input });
  const times = [];
  for (let i = 0; i < 5; i++) times.push(await timed(() => network.run({ input })));
  return Math.min(...times) / tilePx ** 2;
}
