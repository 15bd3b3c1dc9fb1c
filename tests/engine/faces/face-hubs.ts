import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { arcFace } from '../../../src/engine/architectures/arc-face.ts';
import { ffhqTemplate } from '../../../src/engine/faces/geometry.ts';
import { formatCatalog } from '../../../src/engine/models/catalog.ts';
import { openModelFiles } from '../../../src/engine/models/model-files.ts';
import { createModelHub, type ModelHub } from '../../../src/engine/models/model-hub.ts';
import type { Network } from '../../../src/engine/models/network.ts';
import { createInlineRuntime, type TensorData } from '../../../src/engine/models/runtime.ts';

/** Small networks with random weights, one a family. */
export const golden = fileURLToPath(new URL('../../fixtures/golden', import.meta.url));

interface ModelFile {
  readonly id: string;
  readonly role: string;
  readonly path: string;
  readonly partner?: string;
  readonly end?: string;
}

/** Hubs with the models a test names, in a folder that goes away with `close`. */
export function openHubs(): {
  readonly folder: string;
  hubOf(
    name: string,
    files: readonly (readonly [id: string, role: string, path: string] | ModelFile)[],
  ): ModelHub;
  close(): Promise<void>;
} {
  const folder = mkdtempSync(join(tmpdir(), 'heirloom-faces-'));
  const hubs: ModelHub[] = [];
  return {
    folder,
    hubOf: (name, files) => {
      const shipped = join(folder, name);
      mkdirSync(shipped);
      const entries = files.map((given) => {
        const { path, ...facts } = 'id' in given ? given : { id: given[0], role: given[1], path: given[2] };
        const file = `${facts.id}${extname(path)}`;
        copyFileSync(path, join(shipped, file));
        return { ...facts, title: facts.id, origin: 'embedded' as const, file, license: 'test' };
      });
      writeFileSync(join(shipped, 'catalog.json'), formatCatalog(entries));
      const hub = createModelHub({
        files: openModelFiles([shipped], join(folder, `${name}-user`)),
        runtime: createInlineRuntime(),
        settings: { device: 'cpu', tilePx: 0, memoryBudgetMiB: 512, theme: 'system' },
        device: 'cpu',
        threads: 1,
        log: () => {},
      });
      hubs.push(hub);
      return hub;
    },
    close: async () => {
      for (const hub of hubs) await hub.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Width of the face that `seesOne` sees in a picture of 128 pixels. */
const facePx = 60;
/** By the padded width of a picture of 128 pixels that is looked at again, how much larger it is. */
const lookedAt = new Map(
  [40, 64, 100].map((px) => [Math.ceil(Math.round((128 * px) / facePx) / 32) * 32, px / facePx]),
);

/** A detector with the outputs of YuNet that sees one upright face in the picture's upper left 128 pixels, also when it looks again. */
export function seesOne(real: Network, searched: number): Network {
  return {
    ...real,
    run: async ({ input }) => {
      const [, , height = 0, width = 0] = input?.dims ?? [];
      const factor = lookedAt.get(width) ?? searched;
      const outputs: Record<string, TensorData> = {};
      for (const stride of [8, 16, 32]) {
        const cells = (width / stride) * (height / stride);
        const add = (name: string, per: number): Float32Array => {
          const data = new Float32Array(cells * per);
          outputs[`${name}_${stride}`] = { data, dims: [1, cells, per] };
          return data;
        };
        const [cls, obj, bbox, kps] = [add('cls', 1), add('obj', 1), add('bbox', 4), add('kps', 10)];
        if (stride !== 8) continue;
        const at = (px: number): number => ((px / 512) * 100 + 14) * factor;
        const [x, y] = [at(256), at(300)];
        const [column, row] = [Math.floor(x / 8), Math.floor(y / 8)];
        const cell = row * (width / 8) + column;
        // A lying picture that is looked at again: there is none.
        if (cell >= cells) continue;
        cls[cell] = obj[cell] = 1;
        bbox.set(
          [x / 8 - column, y / 8 - row, Math.log((facePx * factor) / 8), Math.log((70 * factor) / 8)],
          4 * cell,
        );
        ffhqTemplate.forEach(([px, py], k) =>
          kps.set([at(px) / 8 - column, at(py) / 8 - row], 10 * cell + 2 * k),
        );
      }
      return outputs;
    },
  };
}

/** A network that recognizes faces by what `embed` says of the tensor (2, 3, 112, 112) about each of its two faces. */
export function fakeRecognizer(embed: (input: TensorData, face: number) => readonly number[]): Network {
  return {
    id: 'recognizer',
    architecture: 'test',
    info: arcFace.describe({ blocks: [], excited: false, length: 2, sizePx: 112, flopPerPixel: 1 }),
    run: async ({ input }) => {
      const [a, b] = [embed(input!, 0), embed(input!, 1)];
      return { embedding: { data: Float32Array.from([...a, ...b]), dims: [2, a.length] } };
    },
  };
}
