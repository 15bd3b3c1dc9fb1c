import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TileAddress } from '../../../src/renderer/canvas/pyramid.ts';
import { TileStore } from '../../../src/renderer/canvas/tile-store.ts';

interface Loading {
  readonly tile: TileAddress;
  readonly signal: AbortSignal;
  resolve(): void;
  reject(): void;
}

const at = (column: number, image = 'a'): TileAddress => ({ image, level: 0, column, row: 0 });

function setUp(maxTiles = 3, maxLoading = 2) {
  const loading: Loading[] = [];
  const closed: number[] = [];
  const loaded: number[] = [];
  const store = new TileStore({
    load: (tile, signal) =>
      new Promise<{ close(): void }>((resolve, reject) => {
        loading.push({
          tile,
          signal,
          resolve: () => resolve({ close: () => closed.push(tile.column) }),
          reject: () => reject(new Error('no')),
        });
      }),
    onLoad: (tile) => loaded.push(tile.column),
    maxTiles,
    maxLoading,
  });
  return { store, loading, closed, loaded };
}

const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('tile store', () => {
  test('loads what is wanted in order, a few at a time', async () => {
    const { store, loading, loaded } = setUp();
    store.want([at(1), at(2), at(3)]);
    expect(loading.map(({ tile }) => tile.column)).toEqual([1, 2]);
    loading[0]?.resolve();
    await settle();
    expect(loaded).toEqual([1]);
    expect(loading.map(({ tile }) => tile.column)).toEqual([1, 2, 3]);
  });

  test('stops what is no longer wanted, and throws away what arrives all the same', async () => {
    const { store, loading, closed, loaded } = setUp();
    store.want([at(1)]);
    store.want([at(2)]);
    expect(loading[0]?.signal.aborted).toBe(true);
    loading[0]?.resolve();
    await settle();
    expect(closed).toEqual([1]);
    expect(loaded).toEqual([]);
  });

  test('keeps the most recently used and closes the rest', async () => {
    const { store, loading, closed } = setUp(2, 4);
    store.want([at(1), at(2)]);
    loading.forEach((entry) => entry.resolve());
    await settle();
    expect(store.get(at(1))).toBeDefined();
    store.want([at(3)]);
    loading[2]?.resolve();
    await settle();
    expect(closed).toEqual([2]);
    expect(store.has(at(1))).toBe(true);
    expect(store.size).toBe(2);
  });

  test('never wants more than it can keep: no endless loading', async () => {
    const { store, loading } = setUp(2, 9);
    store.want([at(1), at(2), at(3), at(4)]);
    expect(loading).toHaveLength(2);
    loading.forEach((entry) => entry.resolve());
    await settle();
    expect(loading).toHaveLength(2);
  });

  test('tries a failed tile again a few times, then lets it be', async () => {
    const { store, loading } = setUp();
    store.want([at(1)]);
    for (let attempt = 0; attempt < 6; attempt++) {
      loading.at(-1)?.reject();
      await vi.advanceTimersByTimeAsync(5000);
    }
    expect(loading).toHaveLength(4);
    expect(store.hasFailed(at(1))).toBe(true);
  });

  test('dropping an image closes its tiles only', async () => {
    const { store, loading, closed } = setUp(9, 9);
    store.want([at(1), at(2, 'b')]);
    loading.forEach((entry) => entry.resolve());
    await settle();
    store.drop('a');
    expect(closed).toEqual([1]);
    expect(store.has(at(2, 'b'))).toBe(true);
  });
});
