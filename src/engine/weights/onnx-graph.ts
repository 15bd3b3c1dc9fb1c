import { elementTypeName, readPair, readTensorInfo, type OnnxTensor } from './onnx-tensor.ts';
import type { ProtoField, ProtoFile } from './protobuf.ts';
import { printable } from './weights-failure.ts';

/** An input or output: sizes are numbers, names of free sizes ('batch'), or unknown. */
export interface OnnxValue {
  readonly name: string;
  /** 'float' and the like; 'other' for what is no tensor. */
  readonly elementType: string;
  readonly shape: readonly (number | string | undefined)[];
}

/** What an ONNX model says of itself. */
export interface OnnxGraph {
  readonly irVersion: number;
  /** Program and version that wrote it, or ''. */
  readonly producer: string;
  readonly graphName: string;
  /** Version of ONNX's own operator set. */
  readonly opset: number;
  /** Versions of all operator sets by domain; '' is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly metadata: Readonly<Record<string, string>>;
  /** What must be fed: initializers that old files also list as inputs are left out. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** How often each operator occurs, subgraphs included; other domains as 'domain:Operator'. */
  readonly operators: ReadonlyMap<string, number>;
  /** Files with tensor data, as the file names them, unchecked. */
  readonly externalLocations: readonly string[];
}

const modelFields = { irVersion: 1, producerName: 2, producerVersion: 3, graph: 7, opsetImport: 8, metadata: 14, functions: 25 } as const;
const graphFields = { node: 1, name: 2, initializer: 5, input: 11, output: 12, sparseInitializer: 15 } as const;
const nodeFields = { operator: 4, attribute: 5, domain: 7 } as const;
const functionNodeField = 7;
const attributeFields = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparseTensor: 22, sparseTensors: 23 } as const;
const maxSubgraphDepth = 16;
const maxNamed = 200_000;

interface Walk {
  readonly file: ProtoFile;
  readonly operators: Map<string, number>;
  readonly externalLocations: Set<string>;
}

/**
 * Walks a ModelProto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 *
 * @throws HeirloomError `corrupt-model` for anything that is no sound protobuf or has no graph.
 */
export function readOnnxGraph(file: ProtoFile): OnnxGraph {
  const walk: Walk = { file, operators: new Map(), externalLocations: new Set() };
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  let irVersion = 0;
  let producer = '';
  let producerVersion = '';
  let graph: ReturnType<typeof readGraph> | undefined;
  for (const field of file.fields(0, file.source.sizeBytes)) {
    if (field.number === modelFields.irVersion) irVersion = field.value;
    else if (field.number === modelFields.producerName) producer = printable(file.text(field));
    else if (field.number === modelFields.producerVersion) producerVersion = printable(file.text(field));
    else if (field.number === modelFields.opsetImport) opsets.set(...readOpset(file, field));
    else if (field.number === modelFields.metadata) metadata.set(...readPair(file, field));
    else if (field.number === modelFields.functions) readFunction(walk, field);
    else if (field.number === modelFields.graph) {
      if (graph !== undefined) throw file.broken('it has two graphs');
      graph = readGraph(walk, field);
    }
  }
  if (graph === undefined) throw file.broken('it has no graph');
  return {
    irVersion,
    producer: `${producer} ${producerVersion}`.trim(),
    opset: opsets.get('') ?? opsets.get('ai.onnx') ?? 0,
    opsets,
    metadata: Object.fromEntries(metadata),
    ...graph,
    operators: walk.operators,
    externalLocations: [...walk.externalLocations],
  };
}

function readGraph(walk: Walk, message: ProtoField) {
  const { file } = walk;
  const initializers = new Map<string, OnnxTensor>();
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  let graphName = '';
  for (const field of messages(file, message)) {
    if (field.number === graphFields.name) graphName = printable(file.text(field));
    else if (field.number === graphFields.node) readNode(walk, field, 1);
    else if (field.number === graphFields.input) inputs.push(readValue(file, field));
    else if (field.number === graphFields.output) outputs.push(readValue(file, field));
    else if (field.number === graphFields.sparseInitializer) readSparse(walk, field);
    else if (field.number === graphFields.initializer) {
      const tensor = readTensor(walk, field);
      if (initializers.has(tensor.name)) throw file.broken(`it has two initializers named ${printable(tensor.name)}`);
      initializers.set(tensor.name, tensor);
    }
    if (initializers.size + inputs.length + outputs.length > maxNamed) throw file.broken(`it names more than ${maxNamed} values`);
  }
  return { graphName, initializers, inputs: inputs.filter(({ name }) => !initializers.has(name)), outputs };
}

/** Attributes may hold tensors and whole graphs (branches and loops). */
function readNode(walk: Walk, message: ProtoField, depth: number): void {
  const { file } = walk;
  if (depth > maxSubgraphDepth) throw file.broken(`its graphs are nested more than ${maxSubgraphDepth} levels deep`);
  let operator = '';
  let domain = '';
  for (const field of messages(file, message)) {
    if (field.number === nodeFields.operator) operator = file.text(field);
    else if (field.number === nodeFields.domain) domain = file.text(field);
    else if (field.number === nodeFields.attribute) readAttribute(walk, field, depth);
  }
  const name = printable(domain === '' || domain === 'ai.onnx' ? operator : `${domain}:${operator}`);
  walk.operators.set(name, (walk.operators.get(name) ?? 0) + 1);
}

function readAttribute(walk: Walk, message: ProtoField, depth: number): void {
  for (const field of messages(walk.file, message)) {
    switch (field.number) {
      case attributeFields.tensor:
      case attributeFields.tensors:
        readTensor(walk, field);
        break;
      case attributeFields.sparseTensor:
      case attributeFields.sparseTensors:
        readSparse(walk, field);
        break;
      case attributeFields.graph:
      case attributeFields.graphs:
        readSubgraph(walk, field, depth + 1);
        break;
    }
  }
}

function readSubgraph(walk: Walk, message: ProtoField, depth: number): void {
  for (const field of messages(walk.file, message)) {
    if (field.number === graphFields.node) readNode(walk, field, depth);
    else if (field.number === graphFields.initializer) readTensor(walk, field);
    else if (field.number === graphFields.sparseInitializer) readSparse(walk, field);
  }
}

function readFunction(walk: Walk, message: ProtoField): void {
  for (const field of messages(walk.file, message)) if (field.number === functionNodeField) readNode(walk, field, 1);
}

/** A SparseTensorProto: values and indices are tensors. */
function readSparse(walk: Walk, message: ProtoField): void {
  for (const field of messages(walk.file, message)) if (field.number === 1 || field.number === 2) readTensor(walk, field);
}

function readTensor(walk: Walk, message: ProtoField): OnnxTensor {
  if (message.wire !== 'bytes') throw walk.file.broken('it has a number where a tensor belongs');
  const tensor = readTensorInfo(walk.file, message);
  if (tensor.external !== undefined) walk.externalLocations.add(tensor.external.location);
  return tensor;
}

function readOpset(file: ProtoFile, message: ProtoField): [domain: string, version: number] {
  let domain = '';
  let version = 0;
  for (const field of messages(file, message)) {
    if (field.number === 1) domain = file.text(field);
    else if (field.number === 2) version = field.value;
  }
  return [domain, version];
}

/** A ValueInfoProto: name 1, type 2, in it tensor_type 1 with elem_type 1 and shape 2, in it dim 1 with dim_value 1 or dim_param 2. */
function readValue(file: ProtoFile, message: ProtoField): OnnxValue {
  let name = '';
  let elementType = 'other';
  const shape: (number | string | undefined)[] = [];
  for (const field of messages(file, message)) {
    if (field.number === 1) name = file.text(field);
    if (field.number !== 2) continue;
    for (const type of messages(file, field)) {
      if (type.number !== 1) continue;
      for (const part of messages(file, type)) {
        if (part.number === 1) elementType = elementTypeName(part.value);
        else if (part.number === 2) shape.push(...[...messages(file, part)].filter((dim) => dim.number === 1).map((dim) => readDimension(file, dim)));
      }
    }
  }
  return { name, elementType, shape };
}

function readDimension(file: ProtoFile, message: ProtoField): number | string | undefined {
  let size: number | string | undefined;
  for (const field of messages(file, message)) {
    if (field.number === 1 && Number.isSafeInteger(field.value)) size = field.value;
    else if (field.number === 2) size = printable(file.text(field));
  }
  return size;
}

function messages(file: ProtoFile, message: ProtoField): Generator<ProtoField, void, undefined> {
  if (message.wire !== 'bytes') throw file.broken('it has a number where a message belongs');
  return file.fields(message.start, message.end);
}
