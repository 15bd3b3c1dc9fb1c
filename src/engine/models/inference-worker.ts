/** Entry of the inference thread: answers `WorkerRequest`s one after another. */
import { parentPort, workerData } from 'node:worker_threads';

import { HeirloomError } from '../../shared/failure.ts';
import type { WorkerAnswer, WorkerRequest } from './runtime.ts';
import { createSessionTable, type TensorData } from './session-table.ts';

if (parentPort === null) throw new Error('inference-worker runs only as a worker thread.');
const port = parentPort;
const { ortPath } = workerData as { readonly ortPath: string };
const table = createSessionTable(async () => {
  const module = (await import(ortPath)) as { readonly default?: typeof import('onnxruntime-node') } & typeof import('onnxruntime-node');
  return module.InferenceSession === undefined && module.default !== undefined ? module.default : module;
});

async function perform(request: WorkerRequest): Promise<unknown> {
  switch (request.kind) {
    case 'load':
      return table.load(request.spec);
    case 'run':
      return table.run(request.session, request.inputs);
    case 'release':
      return table.release(request.session);
  }
}

async function answer(request: WorkerRequest): Promise<void> {
  try {
    const value = await perform(request);
    const transfer =
      request.kind === 'run' ? Object.values(value as Record<string, TensorData>).map((tensor) => tensor.data.buffer as ArrayBuffer) : [];
    port.postMessage({ id: request.id, value } satisfies WorkerAnswer, transfer);
  } catch (error) {
    const code = error instanceof HeirloomError && isWorkerCode(error.code) ? error.code : 'device';
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage({ id: request.id, error: { code, message } } satisfies WorkerAnswer);
  }
}

function isWorkerCode(code: string): code is 'out-of-memory' | 'device' | 'corrupt-model' {
  return code === 'out-of-memory' || code === 'device' || code === 'corrupt-model';
}

let queue = Promise.resolve();
port.on('message', (request: WorkerRequest) => {
  queue = queue.then(() => answer(request));
});
