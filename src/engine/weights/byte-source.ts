import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { HeirloomError } from '../../shared/failure.ts';
import { corruptModel } from './weights-failure.ts';

/** Bytes that can be read at any position without loading the rest. */
export interface ByteSource {
  /** File name for messages. */
  readonly name: string;
  readonly sizeBytes: number;
  /**
   * `length` bytes from `offset`; may share memory with the source and must not be written to.
   *
   * @throws HeirloomError `corrupt-model` when the range leaves the source, before anything is allocated.
   */
  read(offset: number, length: number): Uint8Array;
  close(): void;
}

/**
 * A file on disk, read by position.
 *
 * @throws HeirloomError `file` when it cannot be opened or is not a regular file.
 */
export function openFileSource(path: string): ByteSource {
  const name = basename(path);
  let handle: number | undefined;
  let sizeBytes = 0;
  try {
    handle = openSync(path, 'r');
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw new Error('it is not a file');
    sizeBytes = stat.size;
  } catch (error) {
    if (handle !== undefined) closeSync(handle);
    throw new HeirloomError('file', `${name} could not be opened: ${reasonOf(error)}.`, 'Check that the file exists and may be read.', {
      cause: error,
    });
  }
  return new FileSource(name, sizeBytes, handle);
}

/** Bytes in memory. */
export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    read(offset, length) {
      checkRange(name, bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
    close() {},
  };
}

/** A window onto another source; closing it leaves the other open. */
export function windowSource(source: ByteSource, start: number, sizeBytes: number): ByteSource {
  checkRange(source.name, source.sizeBytes, start, sizeBytes);
  return {
    name: source.name,
    sizeBytes,
    read(offset, length) {
      checkRange(source.name, sizeBytes, offset, length);
      return source.read(start + offset, length);
    },
    close() {},
  };
}

class FileSource implements ByteSource {
  readonly name: string;
  readonly sizeBytes: number;
  private handle: number | undefined;

  constructor(name: string, sizeBytes: number, handle: number) {
    this.name = name;
    this.sizeBytes = sizeBytes;
    this.handle = handle;
  }

  read(offset: number, length: number): Uint8Array {
    checkRange(this.name, this.sizeBytes, offset, length);
    if (this.handle === undefined) throw new HeirloomError('internal', `${this.name} was read after it had been closed.`);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const got = this.readSome(bytes, done, offset + done);
      if (got === 0) throw corruptModel(this.name, 'it became shorter while it was being read');
      done += got;
    }
    return bytes;
  }

  close(): void {
    if (this.handle !== undefined) closeSync(this.handle);
    this.handle = undefined;
  }

  private readSome(bytes: Uint8Array, done: number, position: number): number {
    const chunkBytes = Math.min(bytes.length - done, 1 << 30);
    try {
      return readSync(this.handle ?? -1, bytes, done, chunkBytes, position);
    } catch (error) {
      throw new HeirloomError('file', `${this.name} could not be read: ${reasonOf(error)}.`, 'Check the disk or the connection to it.', {
        cause: error,
      });
    }
  }
}

function checkRange(name: string, sizeBytes: number, offset: number, length: number): void {
  const sound = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!sound || offset + length > sizeBytes) {
    throw corruptModel(name, `it announces ${length} bytes at position ${offset} but has only ${sizeBytes} bytes there`);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission was denied';
    case 'EISDIR':
      return 'it is a folder';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
