import { decodeNumbers, dtypeBytes } from './dtype.ts';
import type { ProtoField, ProtoFile } from './protobuf.ts';
import { elementCount, type Dtype } from './weights.ts';
import { corruptModel, printable, unsupportedModel } from './weights-failure.ts';

/** Where a tensor's bytes lie when they are not in the graph's own file. */
export interface ExternalData {
  /** Path relative to the graph's folder, as the file gives it. */
  readonly location: string;
  readonly offset: number;
  /** Undefined: to the end of the file. */
  readonly length: number | undefined;
}

/** A tensor of an ONNX file, its numbers still unread. */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Name of the element type in ONNX's terms, such as 'float' or 'int64'. */
  readonly elementType: string;
  readonly external?: ExternalData;
  /** Where its message lies in the file. */
  readonly start: number;
  readonly end: number;
}

/** TensorProto.DataType, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
const elementTypes = [
  'undefined', 'float', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16', 'double', 'uint32', 'uint64',
  'complex64', 'complex128', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'uint4', 'int4', 'float4e2m1',
] as const;

const dtypes: ReadonlyMap<string, Dtype> = new Map<string, Dtype>([
  ['float', 'f32'],
  ['double', 'f64'],
  ['float16', 'f16'],
  ['bfloat16', 'bf16'],
  ['int64', 'i64'],
  ['int32', 'i32'],
  ['int16', 'i16'],
  ['int8', 'i8'],
  ['uint8', 'u8'],
  ['bool', 'bool'],
]);

const tensorFields = { dims: 1, dataType: 2, floatData: 4, int32Data: 5, int64Data: 7, name: 8, rawData: 9, doubleData: 10, externalData: 13 } as const;
const maxRank = 32;

/** Name of an element type by its number. */
export function elementTypeName(number: number): string {
  return elementTypes[number] ?? `type ${number}`;
}

/** How an element type is called among weights; undefined for what they do not hold (text, complex, 8-bit floats …). */
export function dtypeOf(elementType: string): Dtype | undefined {
  return dtypes.get(elementType);
}

/** Name, type and shape of the TensorProto between two positions. */
export function readTensorInfo(file: ProtoFile, message: ProtoField): OnnxTensor {
  let name = '';
  let elementType = 'undefined';
  let rawBytes: number | undefined;
  const shape: number[] = [];
  const external = new Map<string, string>();
  for (const field of file.fields(message.start, message.end)) {
    if (field.number === tensorFields.dims) {
      for (const size of file.integers(field)) if (shape.push(size) > maxRank) throw file.broken(`it has a tensor of more than ${maxRank} dimensions`);
    } else if (field.number === tensorFields.dataType) elementType = elementTypeName(field.value);
    else if (field.number === tensorFields.name) name = file.text(field);
    else if (field.number === tensorFields.rawData) rawBytes = field.end - field.start;
    else if (field.number === tensorFields.externalData) external.set(...readPair(file, field));
  }
  const count = elementCount(shape);
  if (shape.some((size) => size < 0) || !Number.isSafeInteger(count)) throw file.broken(`its tensor ${printable(name)} has an impossible shape`);
  const dtype = dtypes.get(elementType);
  if (rawBytes !== undefined && dtype !== undefined && rawBytes !== count * dtypeBytes[dtype]) {
    throw file.broken(`its tensor ${printable(name)} has ${rawBytes} bytes instead of ${count * dtypeBytes[dtype]}`);
  }
  const { start, end } = message;
  return external.size === 0 ? { name, shape, elementType, start, end } : { name, shape, elementType, start, end, external: externalOf(file, name, external) };
}

/** A StringStringEntryProto. */
export function readPair(file: ProtoFile, message: ProtoField): [key: string, value: string] {
  let key = '';
  let value = '';
  if (message.wire !== 'bytes') throw file.broken('it has a number where a pair of texts belongs');
  for (const field of file.fields(message.start, message.end)) {
    if (field.number === 1) key = file.text(field);
    else if (field.number === 2) value = file.text(field);
  }
  return [key, value];
}

/** The numbers of a tensor kept inside the file, as float32. */
export function readTensorNumbers(file: ProtoFile, tensor: OnnxTensor): Float32Array {
  const dtype = dtypes.get(tensor.elementType);
  if (dtype === undefined) throw unsupportedModel(file.source.name, `keeps ${printable(tensor.name)} as ${tensor.elementType}, which is not read`);
  const count = elementCount(tensor.shape);
  const parts: Float32Array[] = [];
  for (const field of file.fields(tensor.start, tensor.end)) {
    const part = readPart(file, field, dtype);
    if (part !== undefined) parts.push(part);
  }
  const held = parts.reduce((sum, part) => sum + part.length, 0);
  if (held !== count) throw corruptModel(file.source.name, `its tensor ${printable(tensor.name)} has ${held} numbers instead of ${count}`);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const numbers = new Float32Array(count);
  let at = 0;
  for (const part of parts) {
    numbers.set(part, at);
    at += part.length;
  }
  return numbers;
}

/** Raw bytes, or one of the typed lists: which one depends on the element type; small integers and half floats share the int32 list. */
function readPart(file: ProtoFile, field: ProtoField, dtype: Dtype): Float32Array | undefined {
  const bytes = (): Uint8Array => file.source.read(field.start, field.end - field.start);
  switch (field.number) {
    case tensorFields.rawData:
      return decodeNumbers(bytes(), dtype);
    case tensorFields.floatData:
      return dtype === 'f32' ? decodeNumbers(bytes(), 'f32') : undefined;
    case tensorFields.doubleData:
      return dtype === 'f64' ? decodeNumbers(bytes(), 'f64') : undefined;
    case tensorFields.int64Data:
      return dtype === 'i64' ? Float32Array.from(file.integers(field)) : undefined;
    case tensorFields.int32Data: {
      const integers = Int32Array.from(file.integers(field));
      if (dtype !== 'f16' && dtype !== 'bf16') return Float32Array.from(integers);
      return decodeNumbers(new Uint8Array(Uint16Array.from(integers).buffer), dtype);
    }
    default:
      return undefined;
  }
}

function externalOf(file: ProtoFile, name: string, pairs: ReadonlyMap<string, string>): ExternalData {
  const location = pairs.get('location') ?? '';
  const [offset, length] = ['offset', 'length'].map((key) => {
    const text = pairs.get(key);
    if (text !== undefined && !/^\d{1,15}$/.test(text)) throw file.broken(`its tensor ${printable(name)} has the ${key} "${printable(text)}"`);
    return text === undefined ? undefined : Number(text);
  });
  return { location, offset: offset ?? 0, length };
}
