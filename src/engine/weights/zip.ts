import { inflateRawSync } from 'node:zlib';
import { windowSource, memorySource, type ByteSource } from './byte-source.ts';
import { corruptModel, printable, unsupportedModel } from './weights-failure.ts';

/** One file of an archive. `sizeBytes` is what its directory promises. */
export interface ZipEntry {
  readonly name: string;
  readonly sizeBytes: number;
  readonly storedBytes: number;
  /** Where its local header begins; data follows the header. */
  readonly headerOffset: number;
  readonly dataOffset: number;
  readonly deflated: boolean;
}

const maxEntries = 50_000;
const maxDirectoryBytes = 16 << 20;
/** Compressed entries are inflated in memory; PyTorch itself stores its numbers uncompressed. */
const maxInflatedBytes = 32 << 20;

/**
 * The directory of a zip archive (PKWARE APPNOTE 6.3.10, with ZIP64), every entry checked before any is read.
 *
 * Reads by position and synchronously, so that tensors can be read when asked; nothing is ever written to disk.
 *
 * @throws HeirloomError `corrupt-model` for an archive that contradicts itself: overlapping or duplicate entries, names that leave the folder, sizes
 * beyond the file. `unsupported-model` for encrypted archives and other compressions.
 */
export function readZipDirectory(source: ByteSource): ReadonlyMap<string, ZipEntry> {
  const end = findDirectory(source);
  const entries = new Map<string, ZipEntry>();
  const view = viewOf(source.read(end.offset, end.sizeBytes));
  let at = 0;
  for (let i = 0; i < end.entryCount; i++) {
    const { entry, nextAt } = readDirectoryEntry(source, view, at, end.offset);
    if (entries.has(entry.name)) throw corruptModel(source.name, `its archive has two entries named ${printable(entry.name)}`);
    entries.set(entry.name, entry);
    at = nextAt;
  }
  refuseOverlaps(source.name, [...entries.values()]);
  return entries;
}

/** The content of an entry: a window for a stored one, inflated in memory for a small compressed one. */
export function openZipEntry(source: ByteSource, entry: ZipEntry): ByteSource {
  if (!entry.deflated) return windowSource(source, entry.dataOffset, entry.sizeBytes);
  if (entry.sizeBytes > maxInflatedBytes) {
    throw unsupportedModel(source.name, `has a compressed entry of ${entry.sizeBytes} bytes`, 'Pack it again without compression.');
  }
  return memorySource(inflate(source, entry), source.name);
}

function inflate(source: ByteSource, entry: ZipEntry): Uint8Array {
  const name = printable(entry.name);
  let bytes: Uint8Array;
  try {
    bytes = inflateRawSync(source.read(entry.dataOffset, entry.storedBytes), { maxOutputLength: Math.max(1, entry.sizeBytes) });
  } catch (error) {
    const tooLong = error instanceof RangeError;
    throw corruptModel(source.name, tooLong ? `its entry ${name} unpacks to more than it declares` : `its entry ${name} cannot be unpacked`);
  }
  if (bytes.length !== entry.sizeBytes) throw corruptModel(source.name, `its entry ${name} unpacks to less than it declares`);
  return bytes;
}

interface DirectoryEnd {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly entryCount: number;
}

function findDirectory(source: ByteSource): DirectoryEnd {
  const tailBytes = Math.min(source.sizeBytes, 22 + 0xffff);
  const tailStart = source.sizeBytes - tailBytes;
  const tail = viewOf(source.read(tailStart, tailBytes));
  for (let at = tailBytes - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== 0x06054b50 || at + 22 + tail.getUint16(at + 20, true) !== tailBytes) continue;
    return readDirectoryEnd(source, tail, at, tailStart + at);
  }
  throw corruptModel(source.name, 'its archive has no directory at its end, as if it were cut short');
}

function readDirectoryEnd(source: ByteSource, tail: DataView, at: number, endOffset: number): DirectoryEnd {
  let entryCount = tail.getUint16(at + 10, true);
  let sizeBytes = tail.getUint32(at + 12, true);
  let offset = tail.getUint32(at + 16, true);
  let diskNumber = tail.getUint16(at + 4, true);
  let limit = endOffset;
  if (endOffset >= 20) {
    const locator = viewOf(source.read(endOffset - 20, 20));
    if (locator.getUint32(0, true) === 0x07064b50) {
      limit = Number(locator.getBigUint64(8, true));
      const record = viewOf(source.read(limit, 56));
      if (record.getUint32(0, true) !== 0x06064b50) throw corruptModel(source.name, 'its archive has a broken ZIP64 directory');
      diskNumber = record.getUint32(16, true);
      entryCount = Number(record.getBigUint64(32, true));
      sizeBytes = Number(record.getBigUint64(40, true));
      offset = Number(record.getBigUint64(48, true));
    }
  }
  if (diskNumber !== 0) throw unsupportedModel(source.name, 'is one part of an archive split over several files');
  if (entryCount > maxEntries || sizeBytes > maxDirectoryBytes) throw corruptModel(source.name, `its archive announces ${entryCount} entries`);
  if (offset + sizeBytes > limit) throw corruptModel(source.name, 'the directory of its archive lies outside the file');
  return { offset, sizeBytes, entryCount };
}

function readDirectoryEntry(source: ByteSource, view: DataView, at: number, directoryOffset: number): { entry: ZipEntry; nextAt: number } {
  if (at + 46 > view.byteLength || view.getUint32(at, true) !== 0x02014b50) throw corruptModel(source.name, 'the directory of its archive is broken');
  const nameLength = view.getUint16(at + 28, true);
  const extraLength = view.getUint16(at + 30, true);
  const nextAt = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
  if (nextAt > view.byteLength) throw corruptModel(source.name, 'the directory of its archive is broken');
  const name = decodeName(source.name, bytesOf(view, at + 46, nameLength));
  const method = view.getUint16(at + 10, true);
  if ((view.getUint16(at + 8, true) & 1) !== 0) throw unsupportedModel(source.name, 'is an encrypted archive', 'Decrypt it first.');
  if (method !== 0 && method !== 8) throw unsupportedModel(source.name, `compresses ${printable(name)} in a way (${method}) that is not read`);
  const sizes = readSizes(source.name, view, at, at + 46 + nameLength, extraLength);
  if (method === 0 && sizes.sizeBytes !== sizes.storedBytes) throw corruptModel(source.name, `its entry ${printable(name)} has two different sizes`);
  const dataOffset = locateData(source, name, sizes.headerOffset, directoryOffset);
  if (dataOffset + sizes.storedBytes > directoryOffset) throw corruptModel(source.name, `its entry ${printable(name)} reaches beyond the data`);
  return { entry: { name, ...sizes, dataOffset, deflated: method === 8 }, nextAt };
}

interface EntrySizes {
  readonly sizeBytes: number;
  readonly storedBytes: number;
  readonly headerOffset: number;
}

/** Sizes from the directory, from its ZIP64 field where they do not fit 32 bits. */
function readSizes(fileName: string, view: DataView, at: number, extraAt: number, extraLength: number): EntrySizes {
  const narrow = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  let wideAt = narrow.includes(0xffffffff) ? findExtra(view, extraAt, extraLength, 0x0001) : undefined;
  const [sizeBytes = 0, storedBytes = 0, headerOffset = 0] = narrow.map((value) => {
    if (value !== 0xffffffff || wideAt === undefined) return value;
    if (wideAt + 8 > extraAt + extraLength) throw corruptModel(fileName, 'its archive has a broken ZIP64 field');
    const wide = Number(view.getBigUint64(wideAt, true));
    wideAt += 8;
    return wide;
  });
  return { sizeBytes, storedBytes, headerOffset };
}

function findExtra(view: DataView, start: number, length: number, id: number): number | undefined {
  let at = start;
  while (at + 4 <= start + length) {
    if (view.getUint16(at, true) === id) return at + 4;
    at += 4 + view.getUint16(at + 2, true);
  }
  return undefined;
}

/** Where an entry's bytes begin, from its local header, which must carry the same name. */
function locateData(source: ByteSource, name: string, headerOffset: number, directoryOffset: number): number {
  if (headerOffset + 30 > directoryOffset) throw corruptModel(source.name, `its entry ${printable(name)} lies outside the data`);
  const header = viewOf(source.read(headerOffset, 30));
  const nameLength = header.getUint16(26, true);
  const found = header.getUint32(0, true) === 0x04034b50 && headerOffset + 30 + nameLength <= directoryOffset;
  const localName = found ? new TextDecoder().decode(source.read(headerOffset + 30, nameLength)) : undefined;
  if (localName !== name) throw corruptModel(source.name, `its entry ${printable(name)} is not where its directory says`);
  return headerOffset + 30 + nameLength + header.getUint16(28, true);
}

/** No entry is ever written to disk, but a name that would leave its folder is a sign of ill will. */
function decodeName(fileName: string, bytes: Uint8Array): string {
  const name = new TextDecoder().decode(bytes);
  const leaves = name.startsWith('/') || name.includes('\\') || name.includes('\0') || name.includes(':') || name.split('/').includes('..');
  if (name === '' || leaves) throw corruptModel(fileName, `its archive has an entry with the unsafe name "${printable(name)}"`);
  return name;
}

function refuseOverlaps(fileName: string, entries: readonly ZipEntry[]): void {
  const ordered = entries.toSorted((a, b) => a.headerOffset - b.headerOffset);
  for (const [i, entry] of ordered.entries()) {
    const next = ordered[i + 1];
    if (next !== undefined && entry.dataOffset + entry.storedBytes > next.headerOffset) {
      throw corruptModel(fileName, `its entries ${printable(entry.name)} and ${printable(next.name)} overlap`);
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
