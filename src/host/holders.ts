/** Which connections use which photos, so that the photos of a closed browser tab do not stay open for ever. */
export class Holders {
  readonly #holders = new Map<string, Set<symbol>>();
  readonly #abandonedAfterMs: number;
  readonly #onAbandoned: (photo: string) => void;

  constructor(abandonedAfterMs: number, onAbandoned: (photo: string) => void) {
    this.#abandonedAfterMs = abandonedAfterMs;
    this.#onAbandoned = onAbandoned;
  }

  hold(photo: string, client: symbol): void {
    const holders = this.#holders.get(photo) ?? new Set();
    this.#holders.set(photo, holders.add(client));
  }

  /** The photo was closed. */
  drop(photo: string): void {
    this.#holders.delete(photo);
  }

  /** The connection is gone; a page that connects anew has some time to ask for its photos again. */
  release(client: symbol): void {
    setTimeout(() => {
      for (const [photo, holders] of this.#holders) {
        if (!holders.delete(client) || holders.size > 0) continue;
        this.#holders.delete(photo);
        this.#onAbandoned(photo);
      }
    }, this.#abandonedAfterMs).unref();
  }
}
