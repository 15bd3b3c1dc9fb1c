import type { Patch } from '../fill/patched-image.ts';
import type { Rect } from '../image/image.ts';

/** A removal that was carried out. */
export interface FilledRemoval {
  /** Names these very pixels. */
  readonly key: string;
  readonly patches: readonly Patch[];
  /** What was looked at for it. */
  readonly reads: readonly Rect[];
  /** Keys of the removals before it that had changed something there. */
  readonly seen: readonly string[];
}

/**
 * Removals by what they are asked to do. One is done again only when a removal before it changed what it looks at: to add, move or switch
 * off another one elsewhere costs nothing. Least recently used first out.
 */
export class RemovalCache {
  readonly #budgetBytes: number;
  readonly #kept = new Map<string, { readonly own: string; readonly filled: FilledRemoval }>();
  readonly #making = new Map<string, Promise<FilledRemoval>>();

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** The removal `own` as it is after those `before`, if it was carried out like that. */
  find(own: string, before: readonly FilledRemoval[]): FilledRemoval | undefined {
    for (const [key, entry] of this.#kept) {
      if (entry.own !== own || !isSame(entry.filled.seen, seenIn(entry.filled.reads, before))) continue;
      this.#kept.delete(key);
      this.#kept.set(key, entry);
      return entry.filled;
    }
    return undefined;
  }

  /** Whether the removal was carried out in any surroundings. */
  knows(own: string): boolean {
    return [...this.#kept.values()].some((entry) => entry.own === own);
  }

  /** The removal from the cache, or what `make` returns; two askers of the same share one computation. */
  async getOrMake(
    own: string,
    before: readonly FilledRemoval[],
    make: () => Promise<FilledRemoval>,
  ): Promise<FilledRemoval> {
    const known = this.find(own, before);
    if (known !== undefined) return known;
    const name = [own, ...before.map(({ key }) => key)].join();
    const running = this.#making.get(name);
    if (running !== undefined) {
      // Where the other asker was cancelled or failed, this one tries for itself.
      return running.catch(() => this.getOrMake(own, before, make));
    }
    const promise = make();
    this.#making.set(name, promise);
    try {
      const filled = await promise;
      this.#kept.set(filled.key, { own, filled });
      this.#shrink();
      return filled;
    } finally {
      this.#making.delete(name);
    }
  }

  clear(): void {
    this.#kept.clear();
  }

  #shrink(): void {
    let sum = 0;
    for (const { filled } of this.#kept.values()) sum += sizeOf(filled);
    for (const [key, { filled }] of this.#kept) {
      if (sum <= this.#budgetBytes || this.#kept.size === 1) return;
      this.#kept.delete(key);
      sum -= sizeOf(filled);
    }
  }
}

/** Keys of the removals that changed anything in one of the rectangles. */
export function seenIn(reads: readonly Rect[], before: readonly FilledRemoval[]): readonly string[] {
  const isSeen = ({ rect }: Patch): boolean => reads.some((read) => meets(read, rect));
  return before.filter(({ patches }) => patches.some(isSeen)).map(({ key }) => key);
}

function meets(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

function sizeOf({ patches }: FilledRemoval): number {
  return patches.reduce((sum, { pixels }) => sum + pixels.byteLength, 0);
}
