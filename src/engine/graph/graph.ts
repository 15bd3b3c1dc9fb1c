import { HeirloomError } from '../../shared/failure.ts';
import { encodeOnnx } from './onnx-encoder.ts';
import type {
  Attribute,
  ElementType,
  EncodedGraph,
  GraphConstant,
  GraphInput,
  GraphNode,
} from './onnx-encoder.ts';

export type { Attribute, EncodedGraph } from './onnx-encoder.ts';

/** A tensor that flows through a graph, known by its name. */
export interface Value {
  readonly name: string;
}

/** Numbers with a shape, row-major. */
export interface Tensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export interface EncodeOptions {
  /** Keep tensors of 1 KiB and more outside the model bytes, as views of the arrays given: nothing is copied. */
  readonly external?: boolean;
}

/**
 * Collects the nodes and constants of an ONNX graph (operator set 21) and encodes it.
 *
 * Constants are referenced, not copied, until `encode`.
 */
export class Graph {
  readonly name: string;
  readonly #inputs: GraphInput[] = [];
  readonly #constants: GraphConstant[] = [];
  readonly #nodes: GraphNode[] = [];
  #count = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Declares an input; strings in `shape` are symbolic dimensions. */
  input(name: string, shape: readonly (number | string)[], dtype: ElementType = 'f32'): Value {
    this.#inputs.push({ name, shape, type: dtype });
    return { name };
  }

  /**
   * A float32 constant. `hint` starts its name, for readable graphs.
   *
   * @throws HeirloomError `unsupported-model` if the numbers do not fill the shape: tensors of a file that do not belong together.
   */
  constant(tensor: Tensor, hint = 'constant'): Value {
    const elements = tensor.shape.reduce((product, size) => product * size, 1);
    if (elements !== tensor.data.length) {
      throw new HeirloomError(
        'unsupported-model',
        `Tensor ${hint} has ${tensor.data.length} numbers where the shape [${tensor.shape.join(', ')}] was expected.`,
        'This variant of the network is not supported: choose another model file.',
      );
    }
    const bytes = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
    return this.#addConstant({ name: this.#fresh(hint), shape: tensor.shape, type: 'f32', bytes });
  }

  /** An int64 constant, one-dimensional unless `shape` says otherwise. */
  int64(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    const data = BigInt64Array.from(values, (value) => BigInt(value));
    return this.#addConstant({
      name: this.#fresh('int64'),
      shape,
      type: 'i64',
      bytes: new Uint8Array(data.buffer),
    });
  }

  /** Adds a node with one output. Inputs left out are `undefined`. */
  op(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Value {
    const output = { name: this.#fresh(type) };
    this.#addNode(type, inputs, [output], attributes, domain);
    return output;
  }

  /** Adds a node with several outputs. */
  ops(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, Attribute>>,
    outputCount: number,
    domain = '',
  ): Value[] {
    const outputs = Array.from({ length: outputCount }, () => ({ name: this.#fresh(type) }));
    this.#addNode(type, inputs, outputs, attributes, domain);
    return outputs;
  }

  /** The ONNX model whose outputs are named as the keys of `outputs`. */
  encode(outputs: Readonly<Record<string, Value>>, options: EncodeOptions = {}): EncodedGraph {
    const renamed = new Map<string, string>();
    const extra: GraphNode[] = [];
    const produced = new Set(this.#nodes.flatMap((node) => node.outputs));
    for (const [name, value] of Object.entries(outputs)) {
      if (produced.has(value.name) && !renamed.has(value.name)) renamed.set(value.name, name);
      else
        extra.push({ type: 'Identity', domain: '', inputs: [value.name], outputs: [name], attributes: {} });
    }
    const rename = (name: string): string => renamed.get(name) ?? name;
    const nodes = [...this.#nodes, ...extra].map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    }));
    const content = {
      name: this.name,
      inputs: this.#inputs,
      constants: this.#constants,
      nodes,
      outputs: Object.keys(outputs),
    };
    return encodeOnnx(content, options.external === true);
  }

  #addConstant(constant: GraphConstant): Value {
    this.#constants.push(constant);
    return { name: constant.name };
  }

  #addNode(
    type: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>>,
    domain: string,
  ): void {
    const names = inputs.map((value) => value?.name ?? '');
    while (names.at(-1) === '') names.pop();
    this.#nodes.push({
      type,
      domain,
      inputs: names,
      outputs: outputs.map((value) => value.name),
      attributes,
    });
  }

  #fresh(hint: string): string {
    this.#count += 1;
    return `${hint}_${this.#count}`;
  }
}
