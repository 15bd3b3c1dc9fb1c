import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { detectArchitecture } from '../../src/engine/architectures/registry.ts';
import { quietContext } from '../../src/engine/context.ts';
import { Graph } from '../../src/engine/graph/graph.ts';
import { openPhoto } from '../../src/engine/image/decode.ts';
import { createImageStore } from '../../src/engine/image/image-store.ts';
import { createModel, firstTilePx, planFor, type RunEnvironment } from '../../src/engine/models/model.ts';
import { createInlineRuntime, createWorkerRuntime } from '../../src/engine/models/runtime.ts';
import { openWeights } from '../../src/engine/weights/open-weights.ts';
import { type Measurement, median, timed } from './measurement.ts';
import { inBenchFolder, writeTestPhoto } from './test-photo.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const rounds = 5;

/** The engine (worker thread, tiling, blending, storing) against nothing but `session.run` on tensors of the same tiles. */
export function measureEngineOverhead(): Promise<readonly Measurement[]> {
  return inBenchFolder(async (folder) => {
    const path = join(folder, 'one-megapixel.jpg');
    await writeTestPhoto(path, 1152, 864);
    const store = createImageStore({ directory: folder, memoryBudgetBytes: 2 ** 30 });
    const { image } = await openPhoto(path, { store });
    const weights = openWeights(join(root, 'resources/models/enlarge-x4-fidelity.safetensors'));
    const { architecture, params } = detectArchitecture(weights);
    const info = architecture.describe(params);
    const graph = new Graph('bench');
    const encoded = graph.encode(architecture.build(graph, weights, params));
    const options = { device: 'cpu', threads: availableParallelism() };

    const worker = createWorkerRuntime(join(root, 'out/main/inference-worker.js'));
    const inWorker = await worker.load(encoded, options);
    const bare = await createInlineRuntime().load(encoded, options);
    const environment: RunEnvironment = { devices: ['cpu'], withSession: (_device, use) => use(inWorker), tileBudgetBytes: 2 ** 29, tilePx: 0, log: () => {} };
    const model = createModel('bench', info, environment);
    const plan = planFor(info, firstTilePx(info, environment), image);
    const tiles = plan.rows.flatMap((row) => plan.columns.map((column) => ({ width: column.to - column.from, height: row.to - row.from })));

    const runBare = async (): Promise<void> => {
      for (const { width, height } of tiles) {
        await bare.run({ input: { data: new Float32Array(3 * width * height).fill(0.5), dims: [1, 3, height, width] } });
      }
    };
    const runEngine = async (): Promise<void> => (await model.apply(image, store, quietContext())).dispose();
    await runBare();
    await runEngine();
    const ratios: number[] = [];
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const alone = await timed(runBare);
      const whole = await timed(runEngine);
      ratios.push(whole / alone);
      times.push(whole);
    }
    await store.close();
    return [
      { what: `enlarge ×4, 1 megapixel in ${tiles.length} tiles: engine time over bare session.run`, value: median(ratios), unit: '×', target: '≤ 1.10' },
      { what: 'the same, fastest run', value: Math.min(...times) / 1000, unit: 's' },
    ];
  });
}
