import type { TensorInfo, Weights } from '../weights/weights.ts';

/** Weights whose numbers, once read, stay in memory: the ends of a pair being slid are read from disk once. */
export class ResidentWeights implements Weights {
  readonly #inner: Weights;
  readonly #numbers = new Map<string, Float32Array>();

  constructor(inner: Weights) {
    this.#inner = inner;
  }

  get source(): string {
    return this.#inner.source;
  }

  get format(): string {
    return this.#inner.format;
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.#inner.metadata;
  }

  get tensors(): ReadonlyMap<string, TensorInfo> {
    return this.#inner.tensors;
  }

  read(name: string): Float32Array {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const numbers = this.#inner.read(name);
    this.#numbers.set(name, numbers);
    return numbers;
  }

  close(): void {
    this.#numbers.clear();
    this.#inner.close();
  }
}
