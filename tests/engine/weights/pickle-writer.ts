/** Pickles by hand, sound and otherwise: every function gives the bytes of one or a few opcodes. */

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

export const proto2 = latin1('\x80\x02');
export const stop = latin1('.');
export const mark = latin1('(');
export const emptyTuple = latin1(')');
export const reduce = latin1('R');

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

export function global(module: string, name: string): Buffer {
  return latin1(`c${module}\n${name}\n`);
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([latin1('X'), u32(bytes.length), bytes]);
}

export function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return Buffer.concat([latin1('J'), bytes]);
}

export function tuple(...items: readonly Buffer[]): Buffer {
  return Buffer.concat([mark, ...items, latin1('t')]);
}

export function pickle(...parts: readonly (Buffer | string)[]): Buffer {
  return Buffer.concat([proto2, ...parts.map((part) => (typeof part === 'string' ? latin1(part) : part)), stop]);
}

export interface TensorSpec {
  readonly key?: string;
  readonly count?: number;
  readonly offset?: number;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
  readonly type?: string;
  /** A sixth item makes it a legacy storage reference. */
  readonly view?: Buffer;
}

/** A tensor over a float storage of 4 elements, unless said. */
export function tensorOf({ key = '0', count = 4, offset = 0, shape = [4], strides = [1], type = 'FloatStorage', view }: TensorSpec): Buffer {
  const id = tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(count), ...(view === undefined ? [] : [view]));
  const args = tuple(Buffer.concat([id, latin1('Q')]), int(offset), tuple(...shape.map(int)), tuple(...strides.map(int)), latin1('\x89'), latin1('N'));
  return Buffer.concat([global('torch._utils', '_rebuild_tensor_v2'), args, reduce]);
}

/** {'w': tensor} */
export function stateOf(tensor: Buffer): Buffer {
  return pickle('}', text('w'), tensor, 's');
}

/** A legacy stream around a pickled object: magic, protocol, system, object, keys, then per storage its count and elements. */
export function legacyFile(object: Buffer, keys: readonly string[], storages: readonly Buffer[]): Buffer {
  const magic = latin1('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.');
  const list = pickle('](', ...keys.map(text), 'e');
  return Buffer.concat([magic, pickle('M\xe9\x03'), pickle('}'), object, list, ...storages]);
}

export function legacyStorage(count: bigint, elements: Buffer): Buffer {
  return Buffer.concat([u64(BigInt.asUintN(64, count)), elements]);
}
