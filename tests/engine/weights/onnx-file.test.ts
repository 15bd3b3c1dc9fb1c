import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOnnxFile, openOnnxFromBytes } from '../../../src/engine/weights/onnx-file.ts';
import { bytes, external, model, number, tensor, value, varint } from './protobuf-writer.ts';

const float32 = (...numbers: number[]): Uint8Array => new Uint8Array(Float32Array.from(numbers).buffer);

const graph = [
  ...bytes(2, 'main'),
  ...bytes(1, [...bytes(1, 'x'), ...bytes(2, 'y'), ...bytes(4, 'Conv')]),
  ...bytes(1, bytes(4, 'Conv')),
  ...bytes(1, [...bytes(4, 'FusedGelu'), ...bytes(7, 'com.microsoft')]),
  ...bytes(5, tensor({ name: 'raw', dims: [2, 1], type: 1, data: bytes(9, float32(1.5, -2)) })),
  ...bytes(5, tensor({ name: 'packed', dims: [3], type: 1, data: bytes(4, float32(1, 2, 3)) })),
  ...bytes(5, tensor({ name: 'loose', dims: [2], type: 1, data: [4 * 8 + 5, ...float32(7), 4 * 8 + 5, ...float32(8)] })),
  ...bytes(5, tensor({ name: 'shape', dims: [3], type: 7, data: bytes(7, [...varint(-1), ...varint(64), ...varint(2 ** 33)]) })),
  ...bytes(5, tensor({ name: 'half', dims: [2], type: 10, data: bytes(5, [...varint(0x3c00), ...varint(0xc000)]) })),
  ...bytes(5, tensor({ name: 'text', dims: [1], type: 8, data: bytes(6, 'hello') })),
  ...bytes(11, value('x', 1, ['batch', 3, 64, 64])),
  ...bytes(11, value('raw', 1, [2, 1])),
  ...bytes(12, value('y', 1, [1, 3, 256, 256])),
];

describe('openOnnxFromBytes', () => {
  const file = openOnnxFromBytes(model(graph), 'net.onnx');

  it('says what the model is', () => {
    expect(file).toMatchObject({ irVersion: 8, producer: 'tests 1.0', graphName: 'main', opset: 17, externalFiles: [] });
    expect([...file.operators]).toEqual([['Conv', 2], ['com.microsoft:FusedGelu', 1]]);
  });

  it('lists what must be fed and what comes out', () => {
    expect(file.inputs).toEqual([{ name: 'x', elementType: 'float', shape: ['batch', 3, 64, 64] }]);
    expect(file.outputs).toEqual([{ name: 'y', elementType: 'float', shape: [1, 3, 256, 256] }]);
  });

  it.each([
    ['raw', [1.5, -2]],
    ['packed', [1, 2, 3]],
    ['loose', [7, 8]],
    ['shape', [-1, 64, 2 ** 33]],
    ['half', [1, -2]],
  ])('reads the initializer %s', (name, numbers) => {
    expect([...file.read(name)]).toEqual(numbers);
  });

  it('shows the numeric initializers as weights', () => {
    expect([...file.weights.tensors.keys()]).toEqual(['raw', 'packed', 'loose', 'shape', 'half']);
    expect(file.weights.tensors.get('raw')).toEqual({ name: 'raw', shape: [2, 1], dtype: 'f32' });
    expect([...file.weights.read('raw')]).toEqual([1.5, -2]);
    expect(() => file.read('text')).toThrow(/keeps text as string, which is not read/);
    expect(() => file.read('nothing')).toThrow(/no initializer named nothing/);
  });
});

describe('external data', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'heirloom-onnx-'));
    mkdirSync(join(folder, 'models'));
    writeFileSync(join(folder, 'models', 'net.data'), float32(0, 3, 4));
    writeFileSync(join(folder, 'secret.data'), float32(1, 2, 3));
    symlinkSync(join(folder, 'secret.data'), join(folder, 'models', 'link.data'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const open = (pairs: Readonly<Record<string, string>>, wrap = (fields: number[]): number[] => bytes(5, fields)) => {
    const path = join(folder, 'models', 'net.onnx');
    writeFileSync(path, model(wrap(tensor({ name: 'w', dims: [2], type: 1, data: external(pairs) }))));
    return openOnnxFile(path);
  };

  it('reads the part of a file beside the graph', () => {
    const file = open({ location: 'net.data', offset: '4', length: '8' });
    expect(file.externalFiles).toEqual([join(folder, 'models', 'net.data')]);
    expect([...file.read('w')]).toEqual([3, 4]);
  });

  it.each(['../secret.data', 'a/../../secret.data', '/etc/passwd', '..\\secret.data', 'C:secret.data', '', '.', 'link.data'])('refuses %s', (location) => {
    expect(() => open({ location })).toThrow(/^net\.onnx is damaged .* it wants to read .+, outside its own folder/);
  });

  it('finds references in constants and in branches', () => {
    const constant = (fields: number[]): number[] => bytes(1, [...bytes(4, 'Constant'), ...bytes(5, bytes(5, fields))]);
    const branch = (fields: number[]): number[] => bytes(1, [...bytes(4, 'If'), ...bytes(5, bytes(6, bytes(5, fields)))]);
    expect(() => open({ location: '../secret.data' }, constant)).toThrow(/outside its own folder/);
    expect(() => open({ location: '../secret.data' }, branch)).toThrow(/outside its own folder/);
  });

  it('says which file is not beside the graph', () => {
    expect(() => open({ location: 'gone.data' })).toThrow('net.onnx keeps its numbers in gone.data, which is not beside it.');
  });

  it('refuses ranges that the file does not have', () => {
    expect(() => open({ location: 'net.data', offset: '8' }).read('w')).toThrow(/announces 8 bytes at position 8/);
    expect(() => open({ location: 'net.data', length: '4' }).read('w')).toThrow(/has 4 bytes instead of 8/);
    expect(() => open({ location: 'net.data', offset: '-4' })).toThrow(/has the offset "-4"/);
  });
});

describe('a hostile ONNX file', () => {
  const deep = (levels: number): number[] => {
    let fields: number[] = [];
    for (let i = 0; i < levels; i++) fields = bytes(1, bytes(5, bytes(6, fields)));
    return fields;
  };

  it.each([
    ['no graph', Buffer.from(number(1, 8)), /it has no graph/],
    ['two graphs', Buffer.from([...number(1, 8), ...bytes(7, []), ...bytes(7, [])]), /it has two graphs/],
    ['a length of 2 GB', Buffer.from([...number(1, 8), 0x3a, ...varint(2 ** 31)]), /announces 2147483648 bytes where 0 are left/],
    ['a negative length', Buffer.from([...number(1, 8), 0x3a, ...varint(-5)]), /announces \d+ bytes where 0 are left/],
    ['a number without end', Buffer.from([0x08, ...Array<number>(64).fill(0xff)]), /a number that does not end/],
    ['a group', Buffer.from([...number(1, 8), 0x3b]), /the impossible field 7/],
    ['field 0', Buffer.from([...number(1, 8), 0x00, 0x00]), /the impossible field 0/],
    ['graphs in graphs', model(deep(200)), /nested more than 16 levels deep/],
    ['negative sizes', model(bytes(5, tensor({ name: 'w', dims: [-1], type: 1, data: [] }))), /its tensor w has an impossible shape/],
    ['huge sizes', model(bytes(5, tensor({ name: 'w', dims: [2 ** 40, 2 ** 40], type: 1, data: [] }))), /its tensor w has an impossible shape/],
    ['too few bytes', model(bytes(5, tensor({ name: 'w', dims: [2 ** 30], type: 1, data: bytes(9, [0, 0, 0, 0]) }))), /has 4 bytes instead of 4294967296/],
    ['a thousand dimensions', model(bytes(5, bytes(1, Array<number>(1000).fill(1)))), /more than 32 dimensions/],
    ['a number for a graph', Buffer.from([...number(1, 8), ...number(7, 1)]), /a number where a message belongs/],
    ['two of a name', model([...bytes(5, bytes(8, 'w')), ...bytes(5, bytes(8, 'w'))]), /two initializers named w/],
  ])('is refused: %s', (_, content, sentence) => {
    expect(() => openOnnxFromBytes(content, 'evil.onnx')).toThrow(sentence);
  });

  it('is not believed about the amount of its numbers', () => {
    const file = openOnnxFromBytes(model(bytes(5, tensor({ name: 'w', dims: [2 ** 40], type: 1, data: bytes(4, float32(1)) }))), 'evil.onnx');
    expect(() => file.read('w')).toThrow(/its tensor w has 1 numbers instead of 1099511627776/);
  });
});
