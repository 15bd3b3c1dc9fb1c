import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createImageStore, type ImageStore } from '../../../src/engine/image/image-store.ts';
import { fullRect, type ChannelCount, type Image } from '../../../src/engine/image/image.ts';
import { sharp } from '../../../src/engine/image/sharp.ts';

/** A folder and a store that go away with `close`. */
export function openBench(memoryBudgetBytes = 256e6): {
  folder: string;
  store: ImageStore;
  file(name: string): string;
  close(): Promise<void>;
} {
  const folder = mkdtempSync(path.join(tmpdir(), 'heirloom-test-'));
  const store = createImageStore({ directory: path.join(folder, 'scratch'), memoryBudgetBytes });
  return {
    folder,
    store,
    file: (name) => path.join(folder, name),
    close: async () => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Numbers from 0 to 1 that are the same on every run (mulberry32). */
export function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function randomSamples(length: number, bits: 8 | 16, seed = 1): Uint8Array | Uint16Array {
  const random = randomSource(seed);
  const samples = bits === 8 ? new Uint8Array(length) : new Uint16Array(length);
  for (let i = 0; i < length; i++) samples[i] = Math.floor(random() * 2 ** bits);
  return samples;
}

/** A sharp pipeline over raw samples, in the right color space. */
export function fromSamples(
  samples: Uint8Array | Uint16Array,
  width: number,
  height: number,
  channels: ChannelCount,
) {
  const deep = samples instanceof Uint16Array;
  const space = channels <= 2 ? (deep ? 'grey16' : 'b-w') : deep ? 'rgb16' : 'srgb';
  return sharp(samples, { raw: { width, height, channels } }).toColourspace(space);
}

export async function readAll(image: Image): Promise<Float32Array> {
  return image.read(fullRect(image));
}

/** All samples as integers of the given depth. */
export async function integersOf(image: Image, bits: 8 | 16): Promise<number[]> {
  const max = 2 ** bits - 1;
  return Array.from(await readAll(image), (value) => Math.round(value * max));
}
