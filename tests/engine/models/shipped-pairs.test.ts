import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openPhoto } from '../../../src/engine/image/decode.ts';
import { createImageStore, type ImageStore } from '../../../src/engine/image/image-store.ts';
import { measurePixels } from '../../../src/engine/metrics/compare-images.ts';
import { readNiqeModel } from '../../../src/engine/metrics/niqe.ts';
import { degradePixels } from '../../../src/engine/metrics/degrade-photo.ts';
import { readCatalog } from '../../../src/engine/models/catalog.ts';
import { openModelFiles } from '../../../src/engine/models/model-files.ts';
import { createModelHub, type ModelHub } from '../../../src/engine/models/model-hub.ts';
import { createInlineRuntime } from '../../../src/engine/models/runtime.ts';
import type { Pixels } from '../../../src/engine/models/tile-tensors.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';

/** What every role's own network is. */
const families: Readonly<Record<string, string>> = {
  enlarge: 'SRVGGNetCompact',
  clean: 'SRVGGNetCompact',
  'face-detect': 'YuNet',
  'face-restore': 'Face U-Net',
  'scratch-detect': 'Scratch U-Net',
  fill: 'LaMa',
};

const shipped = fileURLToPath(new URL('../../../resources/models', import.meta.url));
let folder: string;
let store: ImageStore;
let hub: ModelHub;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-pairs-'));
  store = createImageStore({ directory: folder, memoryBudgetBytes: 2 ** 29 });
  hub = createModelHub({
    files: openModelFiles([shipped], join(folder, 'user')),
    runtime: createInlineRuntime(),
    settings: { device: 'cpu', tilePx: 0, memoryBudgetMiB: 1024, theme: 'system' },
    device: 'cpu',
    threads: 2,
    log: () => {},
  });
});
afterAll(async () => {
  await hub.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the weights that ship', () => {
  it('are all there, described, each with its card, and fit their partners', async () => {
    const embedded = readCatalog(shipped).filter(({ origin }) => origin === 'embedded');
    expect(new Set(embedded.map(({ role }) => role))).toEqual(new Set(Object.keys(families)));
    const cards = await hub.list();
    for (const { id, role, file, partner } of embedded) {
      expect(cards.find((card) => card.id === id)).toMatchObject({ present: true, architecture: families[role] });
      expect(existsSync(join(shipped, file.replace(/safetensors$/, 'md'))), `a model card for ${file}`).toBe(true);
      if (partner === undefined) continue;
      const report = await hub.compare(id, partner);
      expect(report).toMatchObject({ compatible: true });
      expect(report.warning).toBeUndefined();
    }
  });

  it.skipIf(sharedData === undefined)(`move evenly from fidelity to perception${sharedDataNote}`, async () => {
    const original = await textured();
    const small = await degradePixels(original, { damage: 'medium' });
    const sweep: Pixels[] = [];
    for (let step = 0; step <= 10; step++) {
      const model = await hub.open({ id: 'enlarge-x4-fidelity', partner: 'enlarge-x4-perception', alpha: step / 10 });
      sweep.push(await model.once({ ...small, data: small.data }));
    }
    const steps = sweep.slice(1).map((after, i) => rms(after.data, (sweep[i] as Pixels).data));
    const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length;
    for (const step of steps) expect(step).toBeGreaterThan(0);
    for (const step of steps) expect(step).toBeLessThan(3 * mean);

    const niqeModel = await readNiqeModel(join(sharedData ?? '', '../reference/niqe_params.json'));
    const measure = async (i: number): Promise<{ readonly psnr: number; readonly niqe: number }> => {
      const { measures } = await measurePixels(original, { ...(sweep[i] as Pixels), channels: 3 }, { which: ['psnr-y', 'niqe'], niqeModel });
      return { psnr: measures['psnr-y'] as number, niqe: measures.niqe as number };
    };
    const [fidelity, perception] = [await measure(0), await measure(10)];
    expect(fidelity.psnr).toBeGreaterThan(perception.psnr);
    // The most natural-looking end: lower is better (Mittal, Soundararajan and Bovik 2013).
    expect(perception.niqe).toBeLessThan(fidelity.niqe);
  });
});

/** A brick wall. */
async function textured(): Promise<Pixels & { readonly channels: 3 }> {
  const { image } = await openPhoto(join(sharedData ?? '', 'eval/open/kodak24/1.png'), { store });
  const data = await image.read({ x: 192, y: 64, width: 384, height: 384 });
  return { data, width: 384, height: 384, channels: 3 };
}

function rms(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0) / a.length);
}
