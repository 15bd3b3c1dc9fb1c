import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quietContext } from '../../../src/engine/context.ts';
import { createImageStore, type ImageStore } from '../../../src/engine/image/image-store.ts';
import { fullRect } from '../../../src/engine/image/image.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { measureConsistency } from '../../../src/engine/metrics/consistency.ts';
import { resizePixels } from '../../../src/engine/metrics/bicubic.ts';
import { degradePhoto } from '../../../src/engine/metrics/degrade-photo.ts';
import type { Pixels } from '../../../src/engine/metrics/pixels.ts';

let store: ImageStore;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'consistency-'));
  store = createImageStore({ directory: folder, memoryBudgetBytes: 64e6 });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const large: Pixels = { width: 64, height: 48, channels: 3, data: Float32Array.from({ length: 64 * 48 * 3 }, (_, i) => 0.5 + 0.3 * Math.sin(i / 50) * Math.cos(i / 777)) };
const imageOf = (pixels: Pixels) => floatImage(pixels.width, pixels.height, pixels.channels, pixels.data);

describe('measureConsistency', () => {
  it('is perfect for a result that reduces to its input, whatever it shows in between', async () => {
    const { meanSquaredError, psnrDb, maximum } = await measureConsistency(imageOf(resizePixels(large, 16, 12)), imageOf(large), store, quietContext());
    expect(meanSquaredError).toBeLessThan(1e-10);
    expect(psnrDb).toBeGreaterThan(100);
    expect(maximum).toBeLessThan(1e-5);
  });

  it('finds a shift of brightness, also between gray and color', async () => {
    const small = resizePixels(large, 16, 12);
    const brighter = { ...large, data: large.data.map((value) => value + 0.1) };
    const { psnrDb, maximum } = await measureConsistency(imageOf(small), imageOf(brighter), store, quietContext());
    expect(psnrDb).toBeCloseTo(20, 2);
    expect(maximum).toBeCloseTo(0.1, 4);
    const gray = floatImage(4, 4, 1, new Float32Array(16).fill(0.5));
    const color = floatImage(8, 8, 3, new Float32Array(192).fill(0.5));
    expect((await measureConsistency(gray, color, store, quietContext())).maximum).toBeLessThan(1e-6);
  });
});

it('degrades a photo into the store, smaller and in 8 bit', async () => {
  const before = store.memoryInUseBytes();
  const result = await degradePhoto(imageOf(large), { damage: 'medium', seed: 1, scale: 4 }, store);
  expect([result.width, result.height, result.channels, result.sampleType]).toEqual([16, 12, 3, 'u8']);
  const pixels = await result.read(fullRect(result));
  expect(pixels.every((value) => Math.abs(value * 255 - Math.round(value * 255)) < 1e-3)).toBe(true);
  await result.dispose();
  expect(store.memoryInUseBytes()).toBe(before);
});
