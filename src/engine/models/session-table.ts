import type { InferenceSession, Tensor } from 'onnxruntime-node';

import { HeirloomError } from '../../shared/failure.ts';
import type { ExternalTensor } from '../graph/onnx-encoder.ts';

/** Numbers with dimensions, as they go into and come out of a network. */
export interface TensorData {
  readonly data: Float32Array | Uint8Array | BigInt64Array;
  readonly dims: readonly number[];
}

export interface SessionOptions {
  /** Device id as in `DeviceInfo`: 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'. */
  readonly device: string;
  readonly threads: number;
}

/** An encoded model with the tensors it keeps outside. */
export interface SessionSpec {
  readonly bytes: Uint8Array;
  readonly external: readonly ExternalTensor[];
  readonly options: SessionOptions;
}

interface LoadedSession {
  readonly id: number;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
}

/** The open sessions of one thread. */
export interface SessionTable {
  load(spec: SessionSpec): Promise<LoadedSession>;
  run(id: number, inputs: Readonly<Record<string, TensorData>>): Promise<Readonly<Record<string, TensorData>>>;
  release(id: number): Promise<void>;
  close(): Promise<void>;
}

type OnnxRuntime = Pick<typeof import('onnxruntime-node'), 'InferenceSession' | 'Tensor'>;

/** Opens sessions with onnxruntime-node, loaded at first use. `load` replaces the module in worker threads and tests. */
export function createSessionTable(load: () => Promise<OnnxRuntime> = () => import('onnxruntime-node')): SessionTable {
  const sessions = new Map<number, InferenceSession>();
  let nextId = 1;
  let ort: OnnxRuntime | undefined;

  return {
    load: async ({ bytes, external, options }) => {
      ort ??= await load();
      try {
        const session = await ort.InferenceSession.create(bytes, {
          executionProviders: options.device === 'cpu' ? ['cpu'] : [options.device, 'cpu'],
          graphOptimizationLevel: 'all',
          intraOpNumThreads: options.threads,
          logSeverityLevel: 4,
          ...(external.length > 0 ? { externalData: external.map(({ path, data }) => ({ path, data })) } : {}),
        });
        const id = nextId++;
        sessions.set(id, session);
        return { id, inputNames: session.inputNames, outputNames: session.outputNames };
      } catch (error) {
        throw classify(error, 'corrupt-model');
      }
    },
    run: async (id, inputs) => {
      const session = sessions.get(id);
      if (ort === undefined || session === undefined) throw new HeirloomError('device', 'The network was already released.');
      const { Tensor } = ort;
      try {
        const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, toOrt(Tensor, tensor)]));
        const outputs = await session.run(feeds);
        const results = Object.entries(outputs).map(([name, tensor]) => [name, fromOrt(name, tensor)] as const);
        return Object.fromEntries(results);
      } catch (error) {
        throw classify(error, 'device');
      }
    },
    release: async (id) => {
      const session = sessions.get(id);
      sessions.delete(id);
      await session?.release();
    },
    close: async () => {
      const open = [...sessions.values()];
      sessions.clear();
      for (const session of open) await session.release();
    },
  };
}

function toOrt(TensorClass: OnnxRuntime['Tensor'], { data, dims }: TensorData): Tensor {
  if (data instanceof Float32Array) return new TensorClass('float32', data, dims);
  if (data instanceof Uint8Array) return new TensorClass('uint8', data, dims);
  return new TensorClass('int64', data, dims);
}

function fromOrt(name: string, tensor: Tensor): TensorData {
  const { data, dims } = tensor;
  if (data instanceof Float32Array || data instanceof Uint8Array || data instanceof BigInt64Array) return { data, dims };
  throw new HeirloomError('unsupported-model', `The network's output "${name}" has element type ${tensor.type}, which is not supported.`);
}

/** Tells running out of memory from everything else; ONNX Runtime has no code for it. */
function classify(error: unknown, otherwise: 'device' | 'corrupt-model'): HeirloomError {
  if (error instanceof HeirloomError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const outOfMemory = /out of memory|failed to allocate|bad_alloc|allocat\w* .*fail|OOM|E_OUTOFMEMORY|CUDA_ERROR_OUT_OF_MEMORY|device (was )?(lost|removed)|length error/i;
  const code = outOfMemory.test(message) ? 'out-of-memory' : otherwise;
  const sentence =
    code === 'out-of-memory'
      ? 'There was not enough memory for the network.'
      : code === 'device'
        ? `The device could not run the network: ${firstLine(message)}`
        : `The network could not be loaded: ${firstLine(message)}`;
  return new HeirloomError(code, sentence, undefined, { cause: error });
}

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').slice(0, 300);
}
