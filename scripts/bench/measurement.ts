/** One row of a bench table. */
export interface Measurement {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What the product promises, in words. */
  readonly target?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
