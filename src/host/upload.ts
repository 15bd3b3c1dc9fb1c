import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SourceRef } from '../shared/contract.ts';
import { HeirloomError } from '../shared/failure.ts';
import { safeFileName } from './file-name.ts';
import type { Grants } from './grants.ts';

/** Takes bytes from a user interface: picked in a browser, or pasted. */
export interface Uploads {
  /**
   * Writes the bytes to a temporary file and grants it.
   *
   * @throws HeirloomError `bad-input` when they are empty or too many, `file` when they cannot be written.
   */
  receive(body: Readable, name: string): Promise<SourceRef>;
}

/** @param maxBytes limit of all uploads of this run together, and so of each. */
export function createUploads(grants: Grants, directory: string, maxBytes: number): Uploads {
  let used = 0;
  return {
    async receive(body, name) {
      const path = join(directory, randomUUID(), safeFileName(name, 'pasted picture'));
      let sizeBytes = 0;
      // It may break before the pipeline below listens, which then finds it broken.
      body.on('error', () => {});
      const limit = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          sizeBytes += chunk.length;
          used += chunk.length;
          if (used > maxBytes) done(tooLarge(name, maxBytes));
          else done(null, chunk);
        },
      });
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await pipeline(body, limit, createWriteStream(path, { mode: 0o600 }));
        if (sizeBytes === 0) throw new HeirloomError('bad-input', `"${name}" is empty.`, 'Choose another file.');
        return grants.grantSource(path, safeFileName(name, 'pasted picture'), true);
      } catch (error) {
        used -= sizeBytes;
        await rm(dirname(path), { recursive: true, force: true }).catch(() => {});
        if (error instanceof HeirloomError) throw error;
        throw new HeirloomError('file', `"${name}" could not be received.`, 'Check that the disk has space, and try again.', { cause: error });
      }
    },
  };
}

function tooLarge(name: string, maxBytes: number): HeirloomError {
  const limit = maxBytes >= 1_048_576 ? `${Math.floor(maxBytes / 1_048_576)} MiB` : `${maxBytes} bytes`;
  return new HeirloomError('bad-input', `"${name}" is too large: Heirloom takes ${limit} in one run.`, 'Open large scans with the desktop program or on the command line.');
}
