/** Entry of the filling thread: fills one `FillRequest` after another. */
import { parentPort } from 'node:worker_threads';

import { fillHole } from './fill-hole.ts';
import type { FillAnswer, FillRequest } from './fill-thread.ts';

if (parentPort === null) throw new Error('fill-worker runs only as a worker thread.');
const port = parentPort;

async function answer({ id, image, options }: FillRequest): Promise<void> {
  try {
    const report = (done: number): Promise<void> => {
      port.postMessage({ id, done } satisfies FillAnswer);
      return Promise.resolve();
    };
    const pixels = await fillHole(image, { ...options, report });
    port.postMessage({ id, pixels } satisfies FillAnswer, [pixels.buffer as ArrayBuffer]);
  } catch (error) {
    port.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies FillAnswer);
  }
}

let queue = Promise.resolve();
port.on('message', (request: FillRequest) => {
  queue = queue.then(() => answer(request));
});
