import { memorySource, openFileSource, type ByteSource } from './byte-source.ts';
import { openSafetensors } from './safetensors.ts';
import { openTorchLegacy } from './torch-legacy.ts';
import { openTorchZip } from './torch-zip.ts';
import type { Weights } from './weights.ts';
import { HeirloomError } from '../../shared/failure.ts';
import { corruptModel, unsupportedModel } from './weights-failure.ts';

/** Kinds of model files, told apart by content. */
export type ModelFileKind = 'torch-zip' | 'torch-legacy' | 'safetensors' | 'onnx';

/**
 * Opens a weights file of any kind: names and shapes now, numbers when asked. Nothing in it is executed or written to disk.
 *
 * @throws HeirloomError `file` when it cannot be opened, `corrupt-model` when it is damaged or hostile, `unsupported-model` when it is something else.
 */
export function openWeights(path: string): Weights {
  return openSource(openFileSource(path));
}

/** The same for bytes in memory; `name` is used in messages. */
export function openWeightsFromBytes(bytes: Uint8Array, name: string): Weights {
  return openSource(memorySource(bytes, name));
}

/**
 * What kind of model a file is, from its first bytes.
 *
 * @throws HeirloomError as `openWeights`.
 */
export function detectModelFile(path: string): ModelFileKind {
  const source = openFileSource(path);
  try {
    return detectKind(source);
  } finally {
    source.close();
  }
}

function openSource(source: ByteSource): Weights {
  try {
    switch (detectKind(source)) {
      case 'torch-zip':
        return openTorchZip(source);
      case 'torch-legacy':
        return openTorchLegacy(source);
      case 'safetensors':
        return openSafetensors(source);
      case 'onnx':
        throw unsupportedModel(source.name, 'is a ready ONNX graph, not a file of weights', 'It can be used as a model, but not be taken apart or blended.');
    }
  } catch (error) {
    source.close();
    if (error instanceof RangeError && /allocation|array length/i.test(error.message)) {
      throw new HeirloomError('corrupt-model', `${source.name} asks for more memory than there is.`, 'Check that it was downloaded whole.', { cause: error });
    }
    throw error;
  }
}

function detectKind(source: ByteSource): ModelFileKind {
  if (source.sizeBytes === 0) throw corruptModel(source.name, 'it is empty');
  const head = source.read(0, Math.min(source.sizeBytes, 300));
  if (startsWith(head, 'PK\x03\x04') || startsWith(head, 'PK\x05\x06')) return 'torch-zip';
  if (head[8] === 0x7b && looksLikeLength(head)) return 'safetensors';
  const other = otherKinds.find(([signature, at]) => startsWith(head.subarray(at), signature));
  if (other !== undefined) throw unsupportedModel(source.name, other[2]);
  if (head[0] === 0x80) return 'torch-legacy';
  if (looksLikeOnnx(head)) return 'onnx';
  // Text-mode pickles begin with a group, a list, a dictionary or a name.
  if (/^[(\]}c]/.test(String.fromCharCode(head[0] ?? 0))) return 'torch-legacy';
  throw unsupportedModel(source.name, 'is no kind of model file that Heirloom knows');
}

/** A header of more than 2^32 bytes never occurs, but a damaged length must still be called a damaged safetensors file. */
function looksLikeLength(head: Uint8Array): boolean {
  return head[9] === 0x22 || head[9] === 0x7d || head[9] === 0x20 || head[9] === 0x0a || head.length < 10;
}

/** An ONNX file is a protobuf that begins with the IR version: field 1, a small number. */
function looksLikeOnnx(head: Uint8Array): boolean {
  return head[0] === 0x08 && (head[1] ?? 0) > 0 && (head[1] ?? 0) < 0x40;
}

const otherKinds: readonly (readonly [signature: string, at: number, what: string])[] = [
  ['\x89HDF', 0, 'is an HDF5 file, as Keras writes them, which Heirloom does not read'],
  ['TFL3', 4, 'is a TensorFlow Lite model, which Heirloom does not read'],
  ['GGUF', 0, 'is a GGUF language model'],
  ['\x1f\x8b', 0, 'is packed with gzip'],
  ['\x93NUMPY', 0, 'is a NumPy array, not a network'],
  ['ustar', 257, 'is a tar archive'],
  ['version https://git-lfs', 0, 'is only a pointer to the real file, which Git LFS keeps elsewhere'],
  ['<!DOCTYPE', 0, 'is a web page, not a model: the download went wrong'],
  ['<html', 0, 'is a web page, not a model: the download went wrong'],
];

function startsWith(bytes: Uint8Array, signature: string): boolean {
  return [...signature].every((character, i) => bytes[i] === character.charCodeAt(0));
}
