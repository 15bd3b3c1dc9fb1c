import { join } from 'node:path';

import { createEngine } from '../../src/engine/index.ts';
import { type Measurement, timed } from './measurement.ts';
import { inBenchFolder, writeTestPhoto } from './test-photo.ts';

const rounds = 3;

/** From the path of a 24-megapixel JPEG to the first pixels a viewer can show. */
export function measureOpening(): Promise<readonly Measurement[]> {
  return inBenchFolder(async (folder) => {
    const path = join(folder, 'large.jpg');
    await writeTestPhoto(path, 6000, 4000);
    const engine = await createEngine({
      dataDirectory: join(folder, 'data'),
      scratchDirectory: join(folder, 'scratch'),
      modelDirectories: [],
      settings: { device: 'cpu', tilePx: 0, memoryBudgetMiB: 2048, theme: 'system' },
      version: 'bench',
    });
    const opens: number[] = [];
    const firsts: number[] = [];
    const closeUps: number[] = [];
    for (let round = 0; round < rounds; round++) {
      let overview = '';
      let closeUp = '';
      opens.push(
        await timed(async () => {
          const { image } = await engine.handlers['photo.open']({ id: 'p', path, name: 'large.jpg', allowDamaged: false });
          overview = `${image.id}/tile/${image.levels - 1}/0/0`;
          closeUp = `${image.id}/tile/0/3/3`;
        }),
      );
      firsts.push(await timed(async () => engine.pixels(overview)));
      closeUps.push(await timed(async () => engine.pixels(closeUp)));
    }
    await engine.close();
    const total = opens.map((open, i) => open + (firsts[i] as number));
    return [
      { what: '24-megapixel JPEG: from path to the overview on screen', value: Math.min(...total), unit: 'ms' },
      { what: 'of which opening and proposing a recipe', value: Math.min(...opens), unit: 'ms' },
      { what: 'first tile at 100 %', value: Math.min(...closeUps), unit: 'ms' },
    ];
  });
}
