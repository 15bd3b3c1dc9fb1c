/** Just enough of a protobuf writer to make ONNX files, sound and otherwise. */

export function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  while (left > 0x7fn) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  return [...bytes, Number(left)];
}

/** A field with a number. */
export function number(field: number, value: number | bigint): number[] {
  return [...varint(field * 8), ...varint(value)];
}

/** A field with bytes, a text or a message. */
export function bytes(field: number, content: Iterable<number> | string): number[] {
  const data = typeof content === 'string' ? Buffer.from(content) : [...content];
  return [...varint(field * 8 + 2), ...varint(data.length), ...data];
}

export interface TensorParts {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: number;
  /** Further fields, encoded. */
  readonly data: readonly number[];
}

export function tensor({ name, dims, type, data }: TensorParts): number[] {
  return [...dims.flatMap((dim) => number(1, dim)), ...number(2, type), ...bytes(8, name), ...data];
}

export function value(name: string, type: number, dims: readonly (number | string)[]): number[] {
  const shape = dims.flatMap((dim) => bytes(1, typeof dim === 'number' ? number(1, dim) : bytes(2, dim)));
  return [...bytes(1, name), ...bytes(2, bytes(1, [...number(1, type), ...bytes(2, shape)]))];
}

/** A model around the fields of a graph. */
export function model(graph: readonly number[]): Buffer {
  const opset = [...bytes(1, ''), ...number(2, 17)];
  return Buffer.from([...number(1, 8), ...bytes(2, 'tests'), ...bytes(3, '1.0'), ...bytes(8, opset), ...bytes(7, graph)]);
}

/** Keys and values of external data. */
export function external(pairs: Readonly<Record<string, string>>): number[] {
  return [...Object.entries(pairs).flatMap(([key, text]) => bytes(13, [...bytes(1, key), ...bytes(2, text)])), ...number(14, 1)];
}
