import type { TensorValue } from './pickle-value.ts';
import type { TensorInfo, Weights } from './weights.ts';
import { corruptModel, printable } from './weights-failure.ts';

/** What the two torch containers have in common once their pickles are read. */
export interface TorchState {
  readonly source: string;
  readonly format: string;
  readonly tensors: ReadonlyMap<string, TensorValue>;
  readonly unwrapped: readonly string[];
  readTensor(tensor: TensorValue): Float32Array;
  close(): void;
}

/** A torch checkpoint as `Weights`. */
export function torchWeights(state: TorchState): Weights {
  const tensors = new Map<string, TensorInfo>(
    [...state.tensors].map(([name, tensor]) => [name, { name, shape: tensor.shape, dtype: tensor.storage.dtype }]),
  );
  return {
    source: state.source,
    format: state.format,
    metadata: {},
    tensors,
    unwrapped: state.unwrapped,
    read(name) {
      const tensor = state.tensors.get(name);
      if (tensor === undefined) throw corruptModel(state.source, `it has no tensor named ${printable(name)}`);
      return state.readTensor(tensor);
    },
    close: () => state.close(),
  };
}
