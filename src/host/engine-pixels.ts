import { request } from 'node:http';
import type { Readable } from 'node:stream';
import { HeirloomError } from '../shared/failure.ts';

/** Encoded pixels on their way from the engine process. */
export interface PixelAnswer {
  readonly mime: string;
  readonly cacheControl: string;
  readonly sizeBytes: number | undefined;
  readonly body: Readable;
}

/**
 * Fetches pixels from the engine process's socket.
 *
 * @returns undefined when there is no such picture.
 * @throws HeirloomError `device` when the engine does not answer, `internal` when it failed.
 */
export function fetchPixels(socketPath: string, path: string): Promise<PixelAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: `/${path}`, agent: false }, (response) => {
      if (response.statusCode === 200) {
        const length = response.headers['content-length'];
        return resolve({
          mime: response.headers['content-type'] ?? 'application/octet-stream',
          cacheControl: response.headers['cache-control'] ?? 'no-store',
          sizeBytes: length === undefined ? undefined : Number(length),
          body: response,
        });
      }
      response.resume();
      if (response.statusCode === 404) return resolve(undefined);
      reject(new HeirloomError('internal', 'The engine could not show this part of the picture.', 'The log has the details.'));
    });
    asked.on('error', (error) => {
      reject(new HeirloomError('device', 'The engine does not answer at the moment.', 'It is started again by itself.', { cause: error }));
    });
    asked.end();
  });
}
