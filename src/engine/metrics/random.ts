/** A seeded source of chance; equal seeds give equal numbers on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  unit(): number;
  /** Uniform in [low, high). */
  uniform(low: number, high: number): number;
  /** Whole number, 0 to count - 1. */
  below(count: number): number;
  /** True with this probability. */
  some(share: number): boolean;
  /** Standard normal. */
  normal(): number;
  /** Poisson with this mean. */
  poisson(mean: number): number;
  /** One item, with these shares (summing to 1) or equal ones. */
  pick<T>(items: readonly T[], shares?: readonly number[]): T;
}

/** MurmurHash3's 32-bit finalizer (Appleby). */
export function mix32(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Standard-normal number `index` of the stream `seed`, without state: Box-Muller's cosine half of the hashes of 2 index and 2 index + 1,
 * each moved by the hash of the seed. `training/imaging.py` has the same.
 */
export function seededNormal(seed: number, index: number): number {
  const base = mix32(seed);
  const u = (mix32((2 * index + base) >>> 0) + 0.5) / 2 ** 32;
  const v = (mix32((2 * index + 1 + base) >>> 0) + 0.5) / 2 ** 32;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

/** A generator started from any 32-bit seed: xoshiro128** (Blackman and Vigna 2018), its state filled by hashing the seed. */
export function createRandom(seed: number): Random {
  const next = xoshiro128(seed);
  const unit = (): number => next() / 2 ** 32;
  let spare: number | undefined;
  const normal = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log((next() + 0.5) / 2 ** 32));
    const angle = 2 * Math.PI * unit();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  return {
    unit,
    normal,
    uniform: (low, high) => low + (high - low) * unit(),
    below: (count) => Math.floor(unit() * count),
    some: (share) => unit() < share,
    poisson: (mean) => drawPoisson(mean, unit),
    pick(items, shares) {
      let left = unit();
      const index = items.findIndex((_, i) => (left -= shares?.[i] ?? 1 / items.length) < 0);
      return items[index < 0 ? items.length - 1 : index]!;
    },
  };
}

function xoshiro128(seed: number): () => number {
  let [a, b, c, d] = [1, 2, 3, 4].map((i) => mix32((mix32(seed) + Math.imul(i, 0x9e3779b9)) >>> 0)) as [number, number, number, number];
  const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k));
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
}

/** Products of uniforms for small means (Knuth), Hörmann's transformed rejection PTRS (1993) above 10. */
function drawPoisson(mean: number, unit: () => number): number {
  if (mean <= 0) return 0;
  if (mean < 10) {
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = unit(); product > limit; product *= unit()) count++;
    return count;
  }
  const b = 0.931 + 2.53 * Math.sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  const accept = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = unit() - 0.5;
    const v = unit();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= accept) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (Math.log((v * inverseAlpha) / (a / (us * us) + b)) <= k * Math.log(mean) - mean - logFactorial(k)) return k;
  }
}

/** ln k! by Stirling's series, exact enough (1e-8) from k = 0 on through a shift. */
function logFactorial(k: number): number {
  let x = k + 1;
  let shift = 0;
  while (x < 8) shift += Math.log(x++);
  const inverse = 1 / x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + inverse / 12 - inverse ** 3 / 360 + inverse ** 5 / 1260 - shift;
}
