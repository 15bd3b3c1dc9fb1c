/** A small seeded generator (mulberry32): the same seed gives the same run anywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Random = () => number;
type Mutation = (bytes: Uint8Array, other: Uint8Array, random: Random) => Uint8Array;

/** Values that length fields are overwritten with. */
const lengths = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 2 ** 40, 2 ** 53, 2 ** 63] as const;

const at = (size: number, random: Random): number => Math.floor(random() * size);

function flipBits(bytes: Uint8Array, _: Uint8Array, random: Random): Uint8Array {
  const result = bytes.slice();
  for (let count = 1 + at(8, random); count > 0; count--) {
    const position = at(result.length, random);
    result[position] = (result[position] ?? 0) ^ (1 << at(8, random));
  }
  return result;
}

function setBytes(bytes: Uint8Array, _: Uint8Array, random: Random): Uint8Array {
  const result = bytes.slice();
  const start = at(result.length, random);
  for (let i = 0; i < 1 + at(4, random); i++) result[start + i] = at(256, random);
  return result;
}

function setLength(bytes: Uint8Array, _: Uint8Array, random: Random): Uint8Array {
  const result = bytes.slice();
  const width = [1, 2, 4, 8][at(4, random)] ?? 1;
  if (result.length < width) return result;
  let value = BigInt(lengths[at(lengths.length, random)] ?? 0);
  const start = at(result.length - width + 1, random);
  for (let i = 0; i < width; i++) {
    result[start + i] = Number(value & 0xffn);
    value >>= 8n;
  }
  return result;
}

function cut(bytes: Uint8Array, _: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, at(bytes.length, random));
}

function remove(bytes: Uint8Array, _: Uint8Array, random: Random): Uint8Array {
  const start = at(bytes.length, random);
  return join(bytes.subarray(0, start), bytes.subarray(start + 1 + at(64, random)));
}

function repeat(bytes: Uint8Array, _: Uint8Array, random: Random): Uint8Array {
  const start = at(bytes.length, random);
  const end = start + 1 + at(64, random);
  return join(bytes.subarray(0, end), bytes.subarray(start));
}

function splice(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const from = at(other.length, random);
  const start = at(bytes.length, random);
  return join(bytes.subarray(0, start), other.subarray(from, from + 1 + at(128, random)), bytes.subarray(random() < 0.5 ? start : start + at(128, random)));
}

function swapHalves(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  return join(bytes.subarray(0, at(bytes.length, random)), other.subarray(at(other.length, random)));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

const mutations: readonly Mutation[] = [flipBits, flipBits, setBytes, setBytes, setLength, setLength, cut, remove, repeat, splice, swapHalves];

/** A random change of a file, now and then up to four; pieces come from `other`. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let result = bytes;
  for (let count = random() < 0.7 ? 1 : 2 + at(3, random); count > 0 && result.length > 0; count--) {
    result = mutations[at(mutations.length, random)]?.(result, other, random) ?? result;
  }
  return result;
}
