import { constants, deflate, deflateRaw } from 'node:zlib';

const level = 5;
/** Strips being compressed at the same time, in the thread pool of Node. */
const maxPending = 3;

/** Compresses strips side by side and hands them on in order. */
export interface StripCompressor {
  /** Returns once there is room for another strip. `strip` must not be changed afterwards. */
  add(strip: Uint8Array): Promise<void>;
  /** Waits for all strips to be handed on. */
  flush(): Promise<void>;
}

/**
 * @param kind `zlib` makes each strip a stream of its own (TIFF); `joined` makes pieces of raw deflate that, one after the other and
 *   ended by an empty last block, are one stream (PNG).
 */
export function createStripCompressor(
  kind: 'zlib' | 'joined',
  write: (compressed: Buffer, strip: Uint8Array) => Promise<void>,
): StripCompressor {
  const pending: { readonly strip: Uint8Array; readonly compressed: Promise<Buffer> }[] = [];
  const writeFirst = async (): Promise<void> => {
    const first = pending.shift();
    if (first !== undefined) await write(await first.compressed, first.strip);
  };
  return {
    async add(strip) {
      const compressed = new Promise<Buffer>((resolve, reject) => {
        const done = (error: Error | null, result: Buffer) =>
          error === null ? resolve(result) : reject(error);
        if (kind === 'zlib') deflate(strip, { level }, done);
        else deflateRaw(strip, { level, finishFlush: constants.Z_SYNC_FLUSH }, done);
      });
      // Heard again when its turn comes.
      compressed.catch(() => {});
      pending.push({ strip, compressed });
      while (pending.length >= maxPending) await writeFirst();
    },
    async flush() {
      while (pending.length > 0) await writeFirst();
    },
  };
}
