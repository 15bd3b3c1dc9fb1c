/** Gives what is known under `key`, or what `make` returns; `sizeBytes` says what keeping it costs. */
export type Remember = <T>(
  key: string,
  make: () => Promise<T>,
  sizeBytes: (value: T) => number,
) => Promise<T>;

interface Entry {
  readonly value: unknown;
  readonly sizeBytes: number;
}

/**
 * Intermediate results of steps that are small beside pictures (where faces are, what a network made of one), by the hash of everything they depend on, least recently
 * used first out. So moving one face's strength does not search the photo again.
 */
export class Memo {
  readonly #budgetBytes: number;
  readonly #entries = new Map<string, Entry>();
  #sumBytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** Keys get `prefix`, which stands for the input. */
  under(prefix: string): Remember {
    return async (key, make, sizeBytes) => {
      const full = `${prefix}|${key}`;
      const known = this.#entries.get(full);
      if (known !== undefined) {
        this.#entries.delete(full);
        this.#entries.set(full, known);
        return known.value as Awaited<ReturnType<typeof make>>;
      }
      const value = await make();
      this.#add(full, value, sizeBytes(value));
      return value;
    };
  }

  clear(): void {
    this.#entries.clear();
    this.#sumBytes = 0;
  }

  #add(key: string, value: unknown, sizeBytes: number): void {
    this.#sumBytes += sizeBytes - (this.#entries.get(key)?.sizeBytes ?? 0);
    this.#entries.set(key, { value, sizeBytes });
    for (const [oldest, entry] of this.#entries) {
      if (this.#sumBytes <= this.#budgetBytes) return;
      this.#entries.delete(oldest);
      this.#sumBytes -= entry.sizeBytes;
    }
  }
}

/** For work that is done once. */
export const forgetful: Remember = (_key, make) => make();
