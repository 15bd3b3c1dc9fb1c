import { deflateRawSync } from 'node:zlib';

/** An entry of an archive; whatever is given in `lies` replaces the truth in the directory. */
export interface ZipPart {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflated?: boolean;
  readonly lies?: {
    readonly sizeBytes?: number;
    readonly storedBytes?: number;
    readonly headerOffset?: number;
    readonly method?: number;
    readonly flags?: number;
    readonly localName?: string;
  };
}

export interface ZipOptions {
  /** Writes a ZIP64 end record and 64-bit sizes in every entry. */
  readonly zip64?: boolean;
  /** Replaces the number of entries in the end record. */
  readonly entryCount?: number;
}

/** Makes an archive, sound unless told to lie. Checksums are 0: readers of weights do not look at them, since PyTorch can be told to leave them out. */
export function zipFile(parts: readonly ZipPart[], { zip64 = false, entryCount = parts.length }: ZipOptions = {}): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const part of parts) {
    const { name, data, deflated = false, lies = {} } = part;
    const stored = deflated ? deflateRawSync(data) : Buffer.from(data);
    const local = Buffer.concat([localHeader(lies.localName ?? name), stored]);
    directory.push(directoryEntry(part, lies.storedBytes ?? stored.length, lies.headerOffset ?? at, zip64));
    locals.push(local);
    at += local.length;
  }
  const list = Buffer.concat(directory);
  return Buffer.concat([...locals, list, ...(zip64 ? [end64(entryCount, list.length, at)] : []), end(zip64 ? 0xffff : entryCount, list.length, zip64 ? 0xffffffff : at)]);
}

/** An archive with the given pickle as `data.pkl` and storages under `data/`. */
export function torchFile(pickle: Uint8Array, storages: Readonly<Record<string, Uint8Array>> = {}, more: readonly ZipPart[] = []): Buffer {
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, data: bytes }));
  return zipFile([{ name: 'archive/data.pkl', data: pickle }, ...data, ...more]);
}

function localHeader(name: string): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(Buffer.byteLength(name), 26);
  return Buffer.concat([header, Buffer.from(name)]);
}

function directoryEntry({ name, data, deflated = false, lies = {} }: ZipPart, storedBytes: number, headerOffset: number, zip64: boolean): Buffer {
  const entry = Buffer.alloc(46);
  const sizeBytes = lies.sizeBytes ?? data.length;
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(lies.flags ?? 0, 8);
  entry.writeUInt16LE(lies.method ?? (deflated ? 8 : 0), 10);
  entry.writeUInt32LE(zip64 ? 0xffffffff : storedBytes, 20);
  entry.writeUInt32LE(zip64 ? 0xffffffff : sizeBytes, 24);
  entry.writeUInt16LE(Buffer.byteLength(name), 28);
  entry.writeUInt16LE(zip64 ? 28 : 0, 30);
  entry.writeUInt32LE(zip64 ? 0xffffffff : headerOffset, 42);
  const extra = Buffer.alloc(zip64 ? 28 : 0);
  if (zip64) {
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(24, 2);
    for (const [i, value] of [sizeBytes, storedBytes, headerOffset].entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  }
  return Buffer.concat([entry, Buffer.from(name), extra]);
}

function end(entryCount: number, directoryBytes: number, directoryOffset: number): Buffer {
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(entryCount, 8);
  record.writeUInt16LE(entryCount, 10);
  record.writeUInt32LE(directoryBytes, 12);
  record.writeUInt32LE(directoryOffset, 16);
  return record;
}

function end64(entryCount: number, directoryBytes: number, directoryOffset: number): Buffer {
  const record = Buffer.alloc(56 + 20);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(entryCount), 24);
  record.writeBigUInt64LE(BigInt(entryCount), 32);
  record.writeBigUInt64LE(BigInt(directoryBytes), 40);
  record.writeBigUInt64LE(BigInt(directoryOffset), 48);
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(BigInt(directoryOffset + directoryBytes), 64);
  record.writeUInt32LE(1, 72);
  return record;
}
