import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createContext, quietContext } from '../../../src/engine/context.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import { createImageStore, type ImageStore } from '../../../src/engine/image/image-store.ts';
import type { Session } from '../../../src/engine/models/runtime.ts';
import { planTiles, shareOf } from '../../../src/engine/models/tiling.ts';
import { CancelledError, HeirloomError } from '../../../src/shared/failure.ts';
import { applyAll, compactWeights, halftone, maxDifference, modelOf, paint, pixelsOf } from './networks.ts';

let folder: string;
let store: ImageStore;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-model-'));
  store = createImageStore({ directory: folder, memoryBudgetBytes: 2 ** 29 });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('tile plans', () => {
  it.each([
    [100, 64, 10, 1],
    [1, 64, 18, 1],
    [1000, 96, 400, 8],
    [513, 128, 24, 4],
  ])('weights of all tiles sum to 1 over %i px in tiles of %i', (length, tilePx, receptiveFieldPx, sizeMultiple) => {
    const plan = planTiles(length, 7, tilePx, 64, { receptiveFieldPx, sizeMultiple });
    const sums = new Float64Array(length * 2);
    for (const span of plan.columns) {
      const { from, weights } = shareOf(span, length, 2, plan.featherPx);
      weights.forEach((weight, i) => (sums[from + i] = (sums[from + i] as number) + weight));
      expect(span.coreFrom % sizeMultiple).toBe(0);
      expect(span.from).toBeLessThanOrEqual(Math.max(0, span.coreFrom - plan.featherPx));
    }
    for (const sum of sums) expect(sum).toBeCloseTo(1, 5);
  });
});

describe('a network over a picture', () => {
  it('gives the same pixels in tiles as in one piece when the margin covers the receptive field', async () => {
    const weights = compactWeights({ scale: 4, convolutions: 4 });
    const image = await paint(store, 301, 203, 3, halftone);
    const whole = await applyAll((await modelOf(weights, { tilePx: 1024 })).model, image, store);
    for (const tilePx of [64, 100]) {
      const tiled = await applyAll((await modelOf(weights, { tilePx })).model, image, store);
      expect(maxDifference(whole, tiled)).toBeLessThan(1e-5);
    }
    expect(new Set(whole).size).toBeGreaterThan(10_000);
  });

  it('shows no seam when the margin does not cover the receptive field', async () => {
    const { model, session } = await modelOf(compactWeights({ scale: 2, convolutions: 6, seed: 5 }));
    const { createModel } = await import('../../../src/engine/models/model.ts');
    const global = createModel('wide', { ...model.info, receptiveFieldPx: 350 }, environmentOf(session, 128));
    const image = await paint(store, 300, 300, 3, halftone);
    const result = await global.apply(image, store, quietContext());
    const step = columnSteps(await pixelsOf(result), result);
    const plan = planTiles(300, 300, 80, 80, { receptiveFieldPx: 350, sizeMultiple: 1 });
    const borders = plan.columns.slice(1).map((span) => span.coreFrom * 2);
    const usual = [...step].sort((a, b) => a - b)[Math.floor(step.length * 0.9)] as number;
    expect(borders.length).toBeGreaterThan(2);
    for (const border of borders) for (let x = border - 8; x <= border + 8; x++) expect(step[x]).toBeLessThan(usual * 1.5);
  });

  it.each([1, 2, 3, 4] as const)('keeps %i channels', async (channels) => {
    const { model } = await modelOf(compactWeights());
    const image = await paint(store, 20, 12, channels, (x, y, c) => (channels % 2 === 0 && c === channels - 1 ? (x > 9 ? 1 : 0) : halftone(x, y, 0)));
    const result = await model.apply(image, store, quietContext());
    expect([result.width, result.height, result.channels]).toEqual([40, 24, channels]);
    const pixels = await pixelsOf(result);
    if (channels % 2 === 0) {
      expect(pixels[channels - 1]).toBeCloseTo(0, 2);
      expect(pixels[40 * channels - 1]).toBeCloseTo(1, 2);
    }
  });

  it('gives a gray photo the mean of what the network gives its three equal channels', async () => {
    const { model } = await modelOf(compactWeights({ seed: 9 }));
    const gray = await paint(store, 16, 16, 1, (x, y) => halftone(x, y, 0));
    const rgb = await paint(store, 16, 16, 3, (x, y) => halftone(x, y, 0));
    const [one, three] = [await applyAll(model, gray, store), await applyAll(model, rgb, store)];
    const mean = one.map((_, i) => ((three[3 * i] as number) + (three[3 * i + 1] as number) + (three[3 * i + 2] as number)) / 3);
    expect(maxDifference(one, mean)).toBeLessThan(1e-6);
  });

  it('carries colors outside sRGB around the network', async () => {
    const { model } = await modelOf(compactWeights());
    const image = await paint(store, 12, 12, 3, (_x, _y, c) => (c === 0 ? 1.3 : c === 1 ? -0.2 : 0.5));
    const clipped = await paint(store, 12, 12, 3, (_x, _y, c) => (c === 0 ? 1 : c === 1 ? 0 : 0.5));
    const [wide, plain] = [await applyAll(model, image, store), await applyAll(model, clipped, store)];
    expect((wide[300] as number) - (plain[300] as number)).toBeCloseTo(0.3, 3);
    expect((wide[301] as number) - (plain[301] as number)).toBeCloseTo(-0.2, 3);
  });

  it.each([
    [1, 1],
    [8, 8],
    [3, 1],
  ])('takes a picture of %i×%i', async (width, height) => {
    const { model } = await modelOf(compactWeights());
    const result = await model.apply(await paint(store, width, height, 3, halftone), store, quietContext());
    expect([result.width, result.height]).toEqual([2 * width, 2 * height]);
  });
});

describe('trouble on the way', () => {
  it('makes tiles smaller when memory runs out, and the pixels stay the same', async () => {
    const weights = compactWeights({ convolutions: 3 });
    const image = await paint(store, 200, 200, 3, halftone);
    const expected = await applyAll((await modelOf(weights, { tilePx: 1024 })).model, image, store);
    const { session, model } = await modelOf(weights);
    const seen: number[] = [];
    const { createModel } = await import('../../../src/engine/models/model.ts');
    const cramped = createModel('cramped', model.info, environmentOf(limited(session, 120 * 120, seen), 512));
    expect(maxDifference(await applyAll(cramped, image, store), expected)).toBeLessThan(1e-5);
    expect(Math.max(...seen)).toBeGreaterThan(120 * 120);
  });

  it('falls back to the CPU when the device fails, and says so in the log', async () => {
    const { session, model } = await modelOf(compactWeights());
    const broken: Session = { ...session, run: () => Promise.reject(new HeirloomError('device', 'The device was lost.')) };
    const log: string[] = [];
    const { createModel } = await import('../../../src/engine/models/model.ts');
    const both = createModel('both', model.info, {
      ...environmentOf(session, 0),
      devices: ['webgpu', 'cpu'],
      withSession: (device, use) => use(device === 'cpu' ? session : broken),
      log: (line) => log.push(line),
    });
    expect((await applyAll(both, await paint(store, 30, 30, 3, halftone), store)).length).toBe(60 * 60 * 3);
    expect(log.join()).toContain('webgpu');
  });

  it('never returns numbers that are not finite', async () => {
    const { session, model } = await modelOf(compactWeights());
    const wrong: Session = {
      ...session,
      run: async (inputs) => {
        const outputs = await session.run(inputs);
        (outputs.output?.data as Float32Array)[5] = NaN;
        return outputs;
      },
    };
    const { createModel } = await import('../../../src/engine/models/model.ts');
    const broken = createModel('broken', model.info, environmentOf(wrong, 0));
    await expect(applyAll(broken, await paint(store, 30, 30, 3, halftone), store)).rejects.toMatchObject({ code: 'device' });
  });

  it('stops within one tile of cancelling and leaves no picture behind', async () => {
    const { session, model } = await modelOf(compactWeights());
    const abort = new AbortController();
    let runs = 0;
    const counted: Session = {
      ...session,
      run: (inputs) => {
        runs += 1;
        if (runs === 3) abort.abort();
        return session.run(inputs);
      },
    };
    const { createModel } = await import('../../../src/engine/models/model.ts');
    const slow = createModel('slow', model.info, environmentOf(counted, 64));
    const image = await paint(store, 400, 400, 3, halftone);
    const before = store.memoryInUseBytes();
    const progress: number[] = [];
    const context = createContext(abort.signal, (done) => progress.push(done));
    await expect(slow.apply(image, store, context)).rejects.toBeInstanceOf(CancelledError);
    expect(runs).toBeLessThanOrEqual(4);
    expect(store.memoryInUseBytes()).toBe(before);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });
});

function environmentOf(session: Session, tilePx: number): Parameters<typeof import('../../../src/engine/models/model.ts').createModel>[2] {
  return { devices: ['cpu'], withSession: (_device, use) => use(session), tileBudgetBytes: 2 ** 30, tilePx, log: () => {} };
}

function limited(session: Session, pixels: number, seen: number[]): Session {
  return {
    ...session,
    run: (inputs) => {
      const [, , height = 0, width = 0] = inputs.input?.dims ?? [];
      seen.push(width * height);
      if (width * height > pixels) return Promise.reject(new HeirloomError('out-of-memory', 'There was not enough memory for the network.'));
      return session.run(inputs);
    },
  };
}

/** Mean absolute second difference across each column: a seam is a spike. */
function columnSteps(pixels: Float32Array, image: Image): Float64Array {
  const { width, height, channels } = image;
  const steps = new Float64Array(width);
  for (let x = 1; x < width - 1; x++) {
    for (let y = 0; y < height; y++) {
      const at = (column: number): number => pixels[(y * width + column) * channels] as number;
      steps[x] = (steps[x] as number) + Math.abs(at(x - 1) - 2 * at(x) + at(x + 1)) / height;
    }
  }
  return steps;
}
