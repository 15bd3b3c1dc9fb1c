import { type TileAddress, tileKey } from './pyramid.ts';

/** What a tile store keeps: a decoded picture that can be let go. */
export interface Closable {
  close(): void;
}

interface Options<T extends Closable> {
  /** Fetches and decodes one tile, away from the main thread. */
  load(tile: TileAddress, signal: AbortSignal): Promise<T>;
  /** Called when a wanted tile has arrived. */
  onLoad(tile: TileAddress): void;
  readonly maxTiles: number;
  readonly maxLoading: number;
}

const maxAttempts = 4;
const retryMs = 700;

/**
 * Tiles by address: the most recently used `maxTiles` stay, those wanted now are loaded in the order given, a load that is
 * no longer wanted is stopped.
 */
export class TileStore<T extends Closable> {
  readonly #options: Options<T>;
  readonly #tiles = new Map<string, T>();
  readonly #loading = new Map<string, AbortController>();
  readonly #failures = new Map<
    string,
    { attempts: number; retry: ReturnType<typeof setTimeout> | undefined }
  >();
  #wanted: readonly TileAddress[] = [];

  constructor(options: Options<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#tiles.size;
  }

  /** The tile if it is there; asking makes it the most recently used. */
  get(tile: TileAddress): T | undefined {
    const key = tileKey(tile);
    const found = this.#tiles.get(key);
    if (found === undefined) return undefined;
    this.#tiles.delete(key);
    this.#tiles.set(key, found);
    return found;
  }

  has(tile: TileAddress): boolean {
    return this.#tiles.has(tileKey(tile));
  }

  /** True when the tile was tried often enough and could not be had. */
  hasFailed(tile: TileAddress): boolean {
    return (this.#failures.get(tileKey(tile))?.attempts ?? 0) >= maxAttempts;
  }

  /** Gives tiles that could not be had another chance. */
  retryFailed(): void {
    for (const failure of this.#failures.values()) clearTimeout(failure.retry);
    this.#failures.clear();
    this.#next();
  }

  /** Says which tiles are needed now, the most urgent first. */
  want(tiles: readonly TileAddress[]): void {
    this.#wanted = tiles.slice(0, this.#options.maxTiles);
    const keys = new Set(this.#wanted.map(tileKey));
    for (const [key, controller] of this.#loading) if (!keys.has(key)) controller.abort();
    this.#next();
  }

  /** Forgets the tiles of one image. */
  drop(image: string): void {
    this.#wanted = this.#wanted.filter((tile) => tile.image !== image);
    const prefix = `${image}/`;
    for (const [key, controller] of this.#loading) if (key.startsWith(prefix)) controller.abort();
    for (const [key, tile] of this.#tiles) {
      if (!key.startsWith(prefix)) continue;
      tile.close();
      this.#tiles.delete(key);
    }
    for (const [key, failure] of this.#failures) {
      if (!key.startsWith(prefix)) continue;
      clearTimeout(failure.retry);
      this.#failures.delete(key);
    }
  }

  close(): void {
    this.want([]);
    for (const tile of this.#tiles.values()) tile.close();
    for (const failure of this.#failures.values()) clearTimeout(failure.retry);
    this.#tiles.clear();
    this.#failures.clear();
  }

  #next(): void {
    for (const tile of this.#wanted) {
      if (this.#loading.size >= this.#options.maxLoading) return;
      const key = tileKey(tile);
      const failure = this.#failures.get(key);
      if (
        this.#tiles.has(key) ||
        this.#loading.has(key) ||
        failure?.retry !== undefined ||
        this.hasFailed(tile)
      )
        continue;
      void this.#load(tile, key);
    }
  }

  async #load(tile: TileAddress, key: string): Promise<void> {
    const controller = new AbortController();
    this.#loading.set(key, controller);
    try {
      const loaded = await this.#options.load(tile, controller.signal);
      if (controller.signal.aborted) loaded.close();
      else this.#keep(tile, key, loaded);
    } catch {
      if (!controller.signal.aborted) this.#fail(key);
    } finally {
      if (this.#loading.get(key) === controller) this.#loading.delete(key);
      this.#next();
    }
  }

  #keep(tile: TileAddress, key: string, loaded: T): void {
    this.#tiles.get(key)?.close();
    this.#tiles.set(key, loaded);
    this.#failures.delete(key);
    for (const [oldest, old] of this.#tiles) {
      if (this.#tiles.size <= this.#options.maxTiles) break;
      old.close();
      this.#tiles.delete(oldest);
    }
    this.#options.onLoad(tile);
  }

  #fail(key: string): void {
    const attempts = (this.#failures.get(key)?.attempts ?? 0) + 1;
    const entry: { attempts: number; retry: ReturnType<typeof setTimeout> | undefined } = {
      attempts,
      retry: undefined,
    };
    if (attempts < maxAttempts) {
      entry.retry = setTimeout(() => {
        entry.retry = undefined;
        this.#next();
      }, retryMs * attempts);
    }
    this.#failures.set(key, entry);
  }
}
