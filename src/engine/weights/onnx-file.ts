import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { HeirloomError } from '../../shared/failure.ts';
import { memorySource, openFileSource, type ByteSource } from './byte-source.ts';
import { decodeNumbers, dtypeBytes } from './dtype.ts';
import { readOnnxGraph, type OnnxGraph } from './onnx-graph.ts';
import { dtypeOf, readTensorNumbers, type ExternalData, type OnnxTensor } from './onnx-tensor.ts';
import { ProtoFile } from './protobuf.ts';
import { elementCount, type TensorInfo, type Weights } from './weights.ts';
import { corruptModel, printable, unsupportedModel } from './weights-failure.ts';

/** A ready ONNX graph: what can be known of it without running it. */
export interface OnnxFile extends OnnxGraph {
  /** File name. */
  readonly source: string;
  /** Full paths of the files beside the graph that hold some of its numbers; each exists and lies in the graph's folder. */
  readonly externalFiles: readonly string[];
  /**
   * The numbers of an initializer as float32, row-major.
   *
   * @throws HeirloomError `corrupt-model` if there is none of that name or its bytes are damaged, `unsupported-model` for a type that is no plain number.
   */
  read(name: string): Float32Array;
  /** The initializers that hold numbers, as weights; format 'onnx'. */
  readonly weights: Weights;
}

/**
 * Reads what an `.onnx` file says of itself: inputs, outputs, initializers, operators. The file is closed again at once, and opened when numbers are read.
 *
 * @throws HeirloomError `file`, `corrupt-model` (also when it refers to data outside its folder), `missing-model` when its data file is not beside it.
 */
export function openOnnxFile(path: string): OnnxFile {
  const withSource = <T>(use: (source: ByteSource) => T): T => {
    const source = openFileSource(path);
    try {
      return use(source);
    } finally {
      source.close();
    }
  };
  return onnxFile(basename(path), dirname(resolve(path)), withSource);
}

/** The same for bytes in memory, which cannot have data beside them. */
export function openOnnxFromBytes(bytes: Uint8Array, name: string): OnnxFile {
  return onnxFile(name, undefined, (use) => use(memorySource(bytes, name)));
}

type WithSource = <T>(use: (source: ByteSource) => T) => T;

function onnxFile(name: string, folder: string | undefined, withSource: WithSource): OnnxFile {
  const graph = withSource((source) => readOnnxGraph(new ProtoFile(source)));
  const paths = new Map(graph.externalLocations.map((location) => [location, externalPath(name, folder, location)]));
  const read = (tensorName: string): Float32Array => {
    const tensor = graph.initializers.get(tensorName);
    if (tensor === undefined) throw corruptModel(name, `it has no initializer named ${printable(tensorName)}`);
    const { external } = tensor;
    if (external === undefined) return withSource((source) => readTensorNumbers(new ProtoFile(source), tensor));
    return readExternal(name, tensor, external, paths.get(external.location) ?? '');
  };
  return { ...graph, source: name, externalFiles: [...paths.values()], read, weights: weightsOf(name, graph, read) };
}

function weightsOf(name: string, graph: OnnxGraph, read: (tensor: string) => Float32Array): Weights {
  const tensors = new Map<string, TensorInfo>();
  for (const [key, { shape, elementType }] of graph.initializers) {
    const dtype = dtypeOf(elementType);
    if (dtype !== undefined) tensors.set(key, { name: key, shape, dtype });
  }
  return { source: name, format: 'onnx', metadata: graph.metadata, tensors, unwrapped: [], read, close() {} };
}

function readExternal(name: string, tensor: OnnxTensor, external: ExternalData, path: string): Float32Array {
  const dtype = dtypeOf(tensor.elementType);
  if (dtype === undefined) throw unsupportedModel(name, `keeps ${printable(tensor.name)} as ${tensor.elementType}, which is not read`);
  const needed = elementCount(tensor.shape) * dtypeBytes[dtype];
  if ((external.length ?? needed) !== needed) throw corruptModel(name, `its tensor ${printable(tensor.name)} has ${external.length} bytes instead of ${needed}`);
  const source = openFileSource(path);
  try {
    return decodeNumbers(source.read(external.offset, needed), dtype);
  } finally {
    source.close();
  }
}

/** Full path of a data file, which must lie in the graph's folder even after symbolic links are followed. */
function externalPath(name: string, folder: string | undefined, location: string): string {
  const shown = printable(location);
  const hint = 'Put the data file beside the .onnx file.';
  if (folder === undefined) throw new HeirloomError('missing-model', `${name} keeps its numbers in ${shown}, which is not at hand.`, hint);
  const outside = corruptModel(name, `it wants to read ${shown === '' ? 'a file without a name' : shown}, outside its own folder`);
  if (location === '' || isAbsolute(location) || /[\\:\0]/.test(location)) throw outside;
  const path = resolve(folder, location);
  if (!isInside(folder, path)) throw outside;
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    throw new HeirloomError('missing-model', `${name} keeps its numbers in ${shown}, which is not beside it.`, hint, { cause: error });
  }
  if (!isInside(realpathSync(folder), real)) throw outside;
  return path;
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
