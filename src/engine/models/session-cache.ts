import { HeirloomError } from '../../shared/failure.ts';
import type { Session } from './runtime.ts';

interface Entry {
  readonly session: Promise<Session>;
  readonly sizeBytes: number;
  users: number;
  stale: boolean;
}

/**
 * Loaded networks, least recently used first out. What is in use is never released: it goes when its last user is done.
 */
export class SessionCache {
  readonly #limit: number;
  readonly #budgetBytes: number;
  readonly #entries = new Map<string, Entry>();

  /**
   * @param limit how many sessions stay loaded.
   * @param budgetBytes what those whose size is known may take together; the newest of them stays in any case, and so do the others: a run that goes from face to face needs
   * its small networks beside a large one.
   */
  constructor(limit: number, budgetBytes = Infinity) {
    this.#limit = limit;
    this.#budgetBytes = budgetBytes;
  }

  /** Runs `use` with the session of `key`, loading it first if need be. */
  async with<T>(key: string, load: () => Promise<Session>, use: (session: Session) => Promise<T>, sizeBytes = 0): Promise<T> {
    const entry = this.#entries.get(key) ?? { session: load(), sizeBytes, users: 0, stale: false };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users += 1;
    try {
      return await use(await entry.session);
    } catch (error) {
      // A session that failed once is not trusted again.
      if (error instanceof HeirloomError && (error.code === 'device' || error.code === 'out-of-memory' || error.code === 'corrupt-model')) this.#forget(key, entry);
      throw error;
    } finally {
      entry.users -= 1;
      await this.#settle(entry);
      await this.#shrink();
    }
  }

  /** Forgets every session whose key satisfies `which`. */
  async drop(which: (key: string) => boolean): Promise<void> {
    for (const [key, entry] of [...this.#entries]) {
      if (!which(key)) continue;
      this.#forget(key, entry);
      await this.#settle(entry);
    }
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    entry.stale = true;
  }

  async #shrink(): Promise<void> {
    for (const [key, entry] of [...this.#entries]) {
      const sized = [...this.#entries.values()].filter(({ sizeBytes }) => sizeBytes > 0);
      const sum = sized.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
      const frees = entry.sizeBytes > 0 && entry !== sized.at(-1);
      if (this.#entries.size <= this.#limit && !(sum > this.#budgetBytes && frees)) continue;
      if (this.#entries.size <= 1 || entry.users > 0) continue;
      this.#forget(key, entry);
      await this.#settle(entry);
    }
  }

  async #settle(entry: Entry): Promise<void> {
    if (!entry.stale || entry.users > 0) return;
    const session = await entry.session.catch(() => undefined);
    await session?.release().catch(() => {});
  }
}
