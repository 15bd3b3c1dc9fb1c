import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { HeirloomError } from '../../shared/failure.ts';
import type { ByteSource } from './byte-source.ts';
import { decodeNumbers, dtypeBytes, encodeHalf } from './dtype.ts';
import { parseSafetensorsHeader, type HeaderTensor, type SafetensorsHeader } from './safetensors-header.ts';
import { cutPrefixes } from './unwrap.ts';
import { elementCount, type Dtype, type TensorInfo, type Weights } from './weights.ts';
import { corruptModel, printable, unsupportedModel } from './weights-failure.ts';

/** Headers of real networks have about 100 bytes a tensor; the format itself allows 100 MB. */
const maxHeaderBytes = 16 << 20;

/** Type names of the format, https://huggingface.co/docs/safetensors */
export const safetensorsDtypes: ReadonlyMap<string, Dtype> = new Map<string, Dtype>([
  ['F64', 'f64'],
  ['F32', 'f32'],
  ['F16', 'f16'],
  ['BF16', 'bf16'],
  ['I64', 'i64'],
  ['I32', 'i32'],
  ['I16', 'i16'],
  ['I8', 'i8'],
  ['U8', 'u8'],
  ['BOOL', 'bool'],
]);

/**
 * A safetensors file: header checked whole (ranges inside the data, in full, without overlap, as long as shape and type say), numbers read when asked.
 *
 * @throws HeirloomError `corrupt-model`; `unsupported-model` for a type of number that is not read.
 */
export function openSafetensors(source: ByteSource): Weights {
  const length = readHeaderLength(source);
  const header = parseHeader(source, length);
  const dataOffset = 8 + length;
  checkRanges(source.name, [...header.tensors], source.sizeBytes - dataOffset);
  const { tensors: stored, cut } = cutPrefixes(header.tensors);
  const tensors = new Map([...stored].map(([name, tensor]) => [name, tensorInfo(source.name, name, tensor)]));
  return {
    source: source.name,
    format: 'safetensors',
    metadata: header.metadata,
    tensors,
    unwrapped: cut,
    read(name) {
      const tensor = stored.get(name);
      const info = tensors.get(name);
      if (tensor === undefined || info === undefined) throw corruptModel(source.name, `it has no tensor named ${printable(name)}`);
      return decodeNumbers(source.read(dataOffset + tensor.begin, tensor.end - tensor.begin), info.dtype);
    },
    close: () => source.close(),
  };
}

function readHeaderLength(source: ByteSource): number {
  const bytes = source.read(0, 8);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(source.sizeBytes - 8)) {
    throw corruptModel(source.name, `it announces a header of ${length} bytes but has only ${source.sizeBytes} bytes`);
  }
  if (length > BigInt(maxHeaderBytes)) throw corruptModel(source.name, `it announces a header of ${length} bytes, too long for any network`);
  return Number(length);
}

function parseHeader(source: ByteSource, length: number): SafetensorsHeader {
  try {
    return parseSafetensorsHeader(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source.read(8, length)));
  } catch (error) {
    if (error instanceof SyntaxError) throw corruptModel(source.name, printable(error.message));
    if (error instanceof TypeError) throw corruptModel(source.name, 'its header is not UTF-8 text');
    throw error;
  }
}

function tensorInfo(fileName: string, name: string, tensor: HeaderTensor): TensorInfo {
  const dtype = safetensorsDtypes.get(tensor.dtype);
  if (dtype === undefined) throw unsupportedModel(fileName, `keeps ${printable(name)} as ${printable(tensor.dtype)}, which is not read`, 'Convert it to 32- or 16-bit floats.');
  const sizeBytes = elementCount(tensor.shape) * dtypeBytes[dtype];
  if (tensor.end - tensor.begin !== sizeBytes) {
    throw corruptModel(fileName, `${printable(name)} of shape ${tensor.shape.join('×')} should have ${sizeBytes} bytes and has ${tensor.end - tensor.begin}`);
  }
  return { name, shape: tensor.shape, dtype };
}

/** The format wants every byte of the data to belong to exactly one tensor. */
function checkRanges(fileName: string, tensors: readonly (readonly [string, HeaderTensor])[], dataBytes: number): void {
  let expected = 0;
  let before = 'the header';
  for (const [name, tensor] of tensors.toSorted(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (tensor.end < tensor.begin || tensor.end > dataBytes) {
      throw corruptModel(fileName, `${printable(name)} lies at bytes ${tensor.begin} to ${tensor.end} of ${dataBytes} bytes of data`);
    }
    if (tensor.begin < expected) throw corruptModel(fileName, `${printable(name)} overlaps ${printable(before)}`);
    if (tensor.begin > expected) throw corruptModel(fileName, `there are unclaimed bytes between ${printable(before)} and ${printable(name)}`);
    expected = tensor.end;
    before = name;
  }
  if (expected !== dataBytes) throw corruptModel(fileName, `${dataBytes - expected} bytes at its end belong to no tensor`);
}

export interface SafetensorsOptions {
  /** f16 rounds to nearest even. */
  readonly dtype: 'f32' | 'f16';
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes tensors as a safetensors file, one at a time, in their order: to a temporary name beside it, flushed to disk, then renamed, so that `path` is never half written.
 *
 * @throws HeirloomError `file` when the disk refuses, and whatever `weights.read` throws.
 */
export function writeSafetensors(path: string, weights: Pick<Weights, 'tensors' | 'read'>, options: SafetensorsOptions): void {
  const header = encodeHeader([...weights.tensors.values()], options);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeAll(temporary, header, weights, options.dtype);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (error instanceof HeirloomError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new HeirloomError('file', `${basename(path)} could not be written: ${reason}.`, 'Check that the folder exists and has space.', { cause: error });
  }
}

/** Eight bytes of length, then JSON padded with spaces so that the data begin at a multiple of 8. */
function encodeHeader(tensors: readonly TensorInfo[], options: SafetensorsOptions): Uint8Array {
  const entries = new Map<string, unknown>();
  if (options.metadata !== undefined) entries.set('__metadata__', options.metadata);
  const elementBytes = options.dtype === 'f32' ? 4 : 2;
  let at = 0;
  for (const { name, shape } of tensors) {
    if (name === '__metadata__') throw new HeirloomError('bad-input', 'A tensor named __metadata__ cannot be kept in a safetensors file.');
    const end = at + elementCount(shape) * elementBytes;
    entries.set(name, { dtype: options.dtype.toUpperCase(), shape, data_offsets: [at, end] });
    at = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(json, 8);
  return header;
}

function writeAll(path: string, header: Uint8Array, weights: Pick<Weights, 'tensors' | 'read'>, dtype: 'f32' | 'f16'): void {
  const handle = openSync(path, 'wx');
  try {
    writeFully(handle, header);
    for (const { name, shape } of weights.tensors.values()) {
      const numbers = weights.read(name);
      if (numbers.length !== elementCount(shape)) {
        throw new HeirloomError('internal', `${name} has ${numbers.length} numbers, which do not fill its shape ${shape.join('×')}.`);
      }
      const stored = dtype === 'f32' ? numbers : encodeHalf(numbers);
      writeFully(handle, new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength));
    }
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeFully(handle: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(handle, bytes, done, Math.min(bytes.length - done, 1 << 30));
}
