import { ByteWriter } from './byte-writer.ts';

/** A plain number is an integer attribute; floats say so. */
export type Attribute =
  number | string | readonly number[] | { readonly float: number } | { readonly floats: readonly number[] };

export type ElementType = 'f32' | 'u8' | 'i64';

export interface GraphInput {
  readonly name: string;
  /** Strings are symbolic dimensions. */
  readonly shape: readonly (number | string)[];
  readonly type: ElementType;
}

export interface GraphConstant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: ElementType;
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array;
}

export interface GraphNode {
  readonly type: string;
  readonly domain: string;
  /** Empty names stand for inputs left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface GraphContent {
  readonly name: string;
  readonly inputs: readonly GraphInput[];
  readonly constants: readonly GraphConstant[];
  readonly nodes: readonly GraphNode[];
  readonly outputs: readonly string[];
}

/** Tensor data kept outside the model, as onnxruntime-node's `externalData` session option takes it. */
export interface ExternalTensor {
  readonly path: string;
  readonly data: Uint8Array;
}

export interface EncodedGraph {
  readonly bytes: Uint8Array;
  /** Empty unless external tensors were asked for; must accompany `bytes` when a session is made. */
  readonly external: readonly ExternalTensor[];
}

/** Operator set and IR version that ONNX Runtime 1.30 takes (ONNX 1.16). */
const operatorSet = 21;
const irVersion = 10;
/** Tensors below this size stay inside the model: ONNX Runtime reads shapes and small operands while optimizing. */
const externalFromBytes = 1024;

const elementTypes: Readonly<Record<ElementType, number>> = { f32: 1, u8: 2, i64: 7 };

/**
 * Encodes a graph as an ONNX model (onnx.proto, ONNX 1.16).
 *
 * @param external keep large tensors out of the model, as views of the arrays that were given: no copy is made of them here.
 */
export function encodeOnnx(content: GraphContent, external: boolean): EncodedGraph {
  const outside: ExternalTensor[] = [];
  const graph = new ByteWriter(1 << 16);
  for (const node of content.nodes) graph.message(1, encodeNode(node));
  graph.text(2, content.name);
  for (const constant of content.constants) {
    const keepOutside = external && constant.type === 'f32' && constant.bytes.length >= externalFromBytes;
    graph.message(5, encodeTensor(constant, keepOutside));
    if (keepOutside) outside.push({ path: constant.name, data: constant.bytes });
  }
  for (const input of content.inputs) graph.message(11, encodeInput(input));
  for (const name of content.outputs) graph.message(12, encodeOutput(name));

  const model = new ByteWriter(1024);
  model.int(1, irVersion);
  model.text(2, 'heirloom');
  model.message(7, graph);
  const domains = new Set(['', ...content.nodes.map((node) => node.domain)]);
  for (const domain of domains) {
    const set = new ByteWriter(64);
    set.text(1, domain);
    set.int(2, domain === '' ? operatorSet : 1);
    model.message(8, set);
  }
  return { bytes: model.finish(), external: outside };
}

function encodeNode(node: GraphNode): ByteWriter {
  const writer = new ByteWriter(256);
  for (const name of node.inputs) writer.text(1, name);
  for (const name of node.outputs) writer.text(2, name);
  writer.text(3, node.outputs[0] ?? node.type);
  writer.text(4, node.type);
  for (const [name, value] of Object.entries(node.attributes))
    writer.message(5, encodeAttribute(name, value));
  if (node.domain !== '') writer.text(7, node.domain);
  return writer;
}

function encodeAttribute(name: string, value: Attribute): ByteWriter {
  const writer = new ByteWriter(64);
  writer.text(1, name);
  if (typeof value === 'number') {
    if (!Number.isInteger(value))
      throw new RangeError(`Attribute ${name} is ${value}: write { float: ${value} } for floats.`);
    writer.int(3, value);
    writer.int(20, 2);
  } else if (typeof value === 'string') {
    writer.text(4, value);
    writer.int(20, 3);
  } else if ('float' in value) {
    writer.float(2, value.float);
    writer.int(20, 1);
  } else if ('floats' in value) {
    writer.floats(7, value.floats);
    writer.int(20, 6);
  } else {
    writer.ints(8, value);
    writer.int(20, 7);
  }
  return writer;
}

function encodeTensor(tensor: GraphConstant, outside: boolean): ByteWriter {
  const writer = new ByteWriter(128);
  if (tensor.shape.length > 0) writer.ints(1, tensor.shape);
  writer.int(2, elementTypes[tensor.type]);
  writer.text(8, tensor.name);
  if (!outside) {
    writer.bytes(9, tensor.bytes);
    return writer;
  }
  const entries = { location: tensor.name, offset: '0', length: String(tensor.bytes.length) };
  for (const [key, value] of Object.entries(entries)) {
    const entry = new ByteWriter(64);
    entry.text(1, key);
    entry.text(2, value);
    writer.message(13, entry);
  }
  writer.int(14, 1);
  return writer;
}

function encodeInput(input: GraphInput): ByteWriter {
  const shape = new ByteWriter(64);
  for (const size of input.shape) {
    const dimension = new ByteWriter(16);
    if (typeof size === 'number') dimension.int(1, size);
    else dimension.text(2, size);
    shape.message(1, dimension);
  }
  const tensor = new ByteWriter(64);
  tensor.int(1, elementTypes[input.type]);
  tensor.message(2, shape);
  const type = new ByteWriter(64);
  type.message(1, tensor);
  const writer = new ByteWriter(64);
  writer.text(1, input.name);
  writer.message(2, type);
  return writer;
}

/** Outputs carry no type: ONNX Runtime infers it. */
function encodeOutput(name: string): ByteWriter {
  const writer = new ByteWriter(32);
  writer.text(1, name);
  return writer;
}
