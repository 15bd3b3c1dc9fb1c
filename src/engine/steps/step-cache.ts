import { belowPatches } from '../fill/patched-image.ts';
import type { Image } from '../image/image.ts';

interface Entry {
  readonly image: Image;
  readonly sizeBytes: number;
}

/**
 * Results of steps by the hash of everything they depend on, least recently used first out. Images are counted: one is disposed when it is neither cached nor
 * retained by anybody.
 */
export class StepCache {
  readonly #budgetBytes: number;
  readonly #entries = new Map<string, Entry>();
  readonly #users = new Map<Image, number>();
  readonly #making = new Map<string, Promise<Image>>();

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** Counts one more user of `image`. */
  retain(image: Image): void {
    this.#users.set(image, (this.#users.get(image) ?? 0) + 1);
  }

  /** Counts one user less; the last one turns off the light. */
  release(image: Image): void {
    const users = (this.#users.get(image) ?? 0) - 1;
    if (users > 0) {
      this.#users.set(image, users);
      return;
    }
    this.#users.delete(image);
    void image.dispose();
  }

  /** The cached image, or what `make` returns; retained once for the caller either way. Two askers of the same key share one computation. */
  async getOrMake(key: string, make: () => Promise<Image>): Promise<Image> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      this.retain(known.image);
      return known.image;
    }
    const running = this.#making.get(key);
    if (running !== undefined) {
      try {
        const image = await running;
        this.retain(image);
        return image;
      } catch {
        // The other asker was cancelled or failed: this one tries for itself.
        return this.getOrMake(key, make);
      }
    }
    const promise = make();
    this.#making.set(key, promise);
    try {
      const image = await promise;
      this.#add(key, image);
      this.retain(image);
      this.#shrink();
      return image;
    } finally {
      this.#making.delete(key);
    }
  }

  /** Forgets every result. */
  clear(): void {
    for (const [key, { image }] of [...this.#entries]) {
      this.#entries.delete(key);
      this.release(image);
    }
  }

  #add(key: string, image: Image): void {
    const bytesPerSample = image.sampleType === 'u8' ? 1 : image.sampleType === 'u16' ? 2 : 4;
    const sizeBytes = belowPatches(image)?.sizeBytes ?? image.width * image.height * image.channels * bytesPerSample;
    this.#entries.set(key, { image, sizeBytes });
    this.retain(image);
  }

  #shrink(): void {
    let sum = 0;
    for (const { sizeBytes } of this.#entries.values()) sum += sizeBytes;
    for (const [key, { image, sizeBytes }] of [...this.#entries]) {
      // The newest result always stays: it is what the user is looking at.
      if (sum <= this.#budgetBytes || this.#entries.size === 1) return;
      this.#entries.delete(key);
      sum -= sizeBytes;
      this.release(image);
    }
  }
}
