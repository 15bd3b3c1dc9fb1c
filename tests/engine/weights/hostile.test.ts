import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HeirloomError } from '../../../src/shared/failure.ts';
import { openWeightsFromBytes } from '../../../src/engine/weights/open-weights.ts';
import { fixture } from './expected.ts';
import { emptyTuple, global, int, legacyFile, legacyStorage, mark, pickle, reduce, stateOf, tensorOf, text, tuple, u32, u64 } from './pickle-writer.ts';
import { torchFile, zipFile } from './zip-writer.ts';

type Case = readonly [what: string, bytes: Uint8Array, sentence: RegExp];

const command = text('touch /tmp/heirloom-was-here');
const system = global('posix', 'system');
const floats = Buffer.alloc(16);
/** Every pickle in both containers: alone in a stream, and as `data.pkl`. */
const inBoth = ([what, bytes, sentence]: Case): Case[] => [
  [`${what}, as a stream`, bytes, sentence],
  [`${what}, in a zip`, torchFile(bytes), sentence],
  [`${what}, in a TorchScript file`, torchFile(bytes, {}, [{ name: 'archive/constants.pkl', data: pickle(emptyTuple) }]), sentence],
];

/** Opens a file and reads every tensor of it. */
function readAll(bytes: Uint8Array): void {
  const weights = openWeightsFromBytes(bytes, 'evil.pth');
  for (const name of weights.tensors.keys()) weights.read(name);
}

function expectRefused(bytes: Uint8Array, sentence: RegExp): void {
  let failure: unknown;
  try {
    readAll(bytes);
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(HeirloomError);
  expect(failure).toMatchObject({ code: expect.stringMatching(/^(corrupt|unsupported)-model$/) as unknown, message: expect.stringMatching(sentence) as unknown });
}

describe('a pickle that wants to run something is refused by name', () => {
  const refused = /^evil\.pth asks to run posix\.system; a weights file must not run anything, so it was refused\.$/;
  const cases: Case[] = [
    ['REDUCE', pickle(system, tuple(command), reduce), refused],
    ['INST', pickle(mark, command, 'iposix\nsystem\n'), refused],
    ['OBJ', pickle(mark, system, command, 'o'), refused],
    ['NEWOBJ', pickle(system, tuple(command), '\x81'), refused],
    ['NEWOBJ_EX', pickle(system, tuple(command), '}', '\x92'), refused],
    ['STACK_GLOBAL', pickle(text('posix'), text('system'), '\x93', tuple(command), reduce), refused],
    ['BUILD on an allowed class', pickle(global('collections', 'OrderedDict'), '}', text('__setstate__'), system, 's', 'b'), refused],
    ['deep inside a state dict', stateOf(Buffer.concat([system, tuple(command), reduce])), refused],
    ['a whole program object', pickle(global('torch.nn.modules.conv', 'Conv2d'), emptyTuple, '\x81'), /asks to run torch\.nn\.modules\.conv\.Conv2d;/],
    ['eval', pickle(global('builtins', 'eval'), tuple(text('1')), reduce), /asks to run builtins\.eval;/],
    ['getattr', pickle(global('builtins', 'getattr'), emptyTuple, reduce), /asks to run builtins\.getattr;/],
    ['torch.load', pickle(global('torch', 'load'), emptyTuple, reduce), /asks to run torch\.load;/],
    ['an EXT1 code', pickle('\x82\x07'), /asks to run extension number 7 of Python's registry;/],
    ['an EXT4 code', pickle('\x84', u32(70_000)), /asks to run extension number 70000 of Python's registry;/],
    ['a name made to deceive', pickle(global('\x1b[2Jos', 'system\u202e')), /asks to run �\[2Jos\.system/],
    ['a very long name', pickle(global('os', 'x'.repeat(5000))), /^.{1,260}$/],
  ];
  it.each(cases.flatMap(inBoth))('%s', (_, bytes, sentence) => expectRefused(bytes, sentence));

  it('even where modules are allowed', () => {
    const script = torchFile(pickle(global('__torch__x', 'Net'), emptyTuple, '\x81'), {}, [{ name: 'archive/constants.pkl', data: pickle(emptyTuple) }]);
    expectRefused(script, /asks to run __torch__x\.Net;/);
    expectRefused(torchFile(pickle(global('__torch__', 'Net'), emptyTuple, '\x81')), /asks to run __torch__\.Net;/);
  });
});

describe('a pickle that wants too much is refused', () => {
  const doubling = Buffer.concat(Array.from({ length: 60 }, (_, i) => Buffer.concat([Buffer.from(`h${String.fromCharCode(i)}`, 'latin1'), Buffer.from(`h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}`, 'latin1')])));
  const cases: Case[] = [
    ['a text of 2 GB', pickle('X', u32(0x7fffffff)), /announces 2147483647 bytes where 1 are left/],
    ['a text of 16 EB', pickle('\x8d', u64(2n ** 64n - 1n)), /announces \d+ bytes where 1 are left/],
    ['a text of negative length', pickle('T', u32(0xffffffff)), /announces -1 bytes/],
    ['bytes of 4 GB', pickle('B', u32(0xffffffff)), /announces 4294967295 bytes/],
    ['an integer of 2 GB', pickle('\x8b', u32(0x7fffffff)), /announces 2147483647 bytes/],
    ['an integer of 1000 bytes', pickle('\x8b', u32(1000), Buffer.alloc(1000, 1)), /announces a value of 1000 bytes/],
    ['two million open groups', pickle(Buffer.alloc(2_000_000, '(')), /nested more than 1000 levels deep/],
    ['lists in lists', pickle(Buffer.alloc(400_000, ']'), Buffer.alloc(400_000, 'a')), /nested more than 1000 levels deep|more memory/],
    ['tuples in tuples', pickle('N', Buffer.alloc(100_000, '\x85', 'latin1')), /nested more than 1000 levels deep/],
    ['dictionaries in dictionaries', pickle(Buffer.from('}K\x00'.repeat(2000), 'latin1'), 'N', Buffer.alloc(2000, 's')), /nested more than 1000 levels deep/],
    ['a million dictionaries', pickle(Buffer.alloc(1_500_000, '}')), /more memory than a weights file needs/],
    ['a million values', pickle(Buffer.alloc(1_500_000, 'N')), /piles up more values/],
    ['endless work', pickle(Buffer.from('N0'.repeat(1_200_000))), /more than 2000000 operations/],
    ['a memo bomb', pickle(']q\x00', doubling), /holds no named tensors|is a Python pickle/],
    ['a list that holds itself', pickle(']q\x00', Buffer.from('h\x00a'.repeat(5), 'latin1')), /holds no named tensors|is a Python pickle/],
    ['a value that was never made', pickle('h\x05'), /recalls value 5, which it never made/],
    ['a group that was never opened', pickle('t'), /closes a group that it never opened/],
    ['a value that is not there', pickle('a'), /takes a value that is not there/],
    ['an unknown opcode', pickle('\xff'), /unknown opcode 255/],
    ['an unknown protocol', Buffer.from('\x80\x09N.', 'latin1'), /unknown protocol 9/],
    ['calling a text', pickle(text('eval'), emptyTuple, reduce), /calls a string/],
    ['no end', Buffer.from('\x80\x02N', 'latin1'), /is cut short/],
    ['an outside reference to something else', pickle(text('/etc/passwd'), 'Q'), /refers to outside data by a string/],
  ];
  it.each(cases.flatMap(inBoth))('%s', (_, bytes, sentence) => expectRefused(bytes, sentence));

  it('modules that unfold into billions of names', () => {
    const net = Buffer.concat([global('__torch__', 'Net'), emptyTuple, Buffer.from('\x81}', 'latin1')]);
    // Each module holds the one before it twice: 40 of them have 2^40 paths to one tensor.
    let body = Buffer.concat([tensorOf({}), Buffer.from('q\x00', 'latin1')]);
    for (let i = 0; i < 40; i++) {
      const get = Buffer.from(`h${String.fromCharCode(i)}`, 'latin1');
      body = Buffer.concat([body, Buffer.from('0'), net, text('a'), get, Buffer.from('s'), text('b'), get, Buffer.from('sb'), Buffer.from(`q${String.fromCharCode(i + 1)}`, 'latin1')]);
    }
    const file = torchFile(pickle(body), { 0: floats }, [{ name: 'archive/constants.pkl', data: pickle(emptyTuple) }]);
    expectRefused(file, /modules are nested without end/);
  });

  it('keeps names such as __proto__ from changing anything', () => {
    const weights = openWeightsFromBytes(torchFile(pickle('}', text('__proto__'), '}', text('polluted'), tensorOf({}), 's', 's', text('w'), tensorOf({}), 's'), { 0: floats }), 'odd.pth');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect([...weights.tensors.keys()].toSorted()).toEqual(['__proto__.polluted', 'w']);
  });
});

describe('a tensor that lies is refused', () => {
  const cases: readonly (readonly [string, Parameters<typeof tensorOf>[0], RegExp])[] = [
    ['more elements than its storage', { shape: [5] }, /shape 5 leaves its storage of 4 elements/],
    ['an offset beyond its storage', { offset: 1 }, /leaves its storage/],
    ['strides beyond its storage', { strides: [2] }, /leaves its storage/],
    ['negative sizes', { shape: [-1] }, /impossible shape/],
    ['negative strides', { shape: [2], strides: [-1] }, /impossible shape/],
    ['a negative offset', { offset: -1 }, /arguments that make no sense/],
    ['fewer strides than sizes', { shape: [2, 2] }, /impossible shape/],
    ['sizes whose product overflows', { shape: Array<number>(16).fill(2 ** 30), strides: Array<number>(16).fill(0) }, /repeats a storage of 4 elements too often/],
    ['a billion repeats', { shape: [2 ** 30], strides: [0] }, /repeats a storage of 4 elements too often/],
    ['a storage larger than its bytes', { count: 5, shape: [5] }, /should have 20 bytes and has 16/],
    ['a storage of two billion elements', { count: 2 ** 31 - 1 }, /should have 8589934588 bytes and has 16/],
    ['a storage that is not there', { key: '7' }, /its storage 7 should have 16 bytes and has none/],
    ['a storage outside its folder', { key: '../data.pkl' }, /should have 16 bytes and has none/],
    ['a storage of an unknown type', { type: 'EvilStorage' }, /asks to run torch\.EvilStorage;/],
    ['a storage of negative size', { count: -1 }, /no storage/],
  ];
  it.each(cases)('%s', (_, spec, sentence) => expectRefused(torchFile(stateOf(tensorOf(spec)), { 0: floats }), sentence));

  it('two types for one storage', () => {
    const state = pickle('}', text('a'), tensorOf({}), 's', text('b'), tensorOf({ type: 'HalfStorage' }), 's');
    expectRefused(torchFile(state, { 0: floats }), /gives the storage 0 two types or sizes/);
  });
});

describe('a legacy stream that lies is refused', () => {
  const state = stateOf(tensorOf({ view: Buffer.from('N') }));
  const cases: Case[] = [
    ['fewer elements than the tensors need', legacyFile(state, ['0'], [legacyStorage(3n, floats)]), /says 3 elements where the tensors need 4/],
    ['more elements than the file has', legacyFile(state, ['0'], [legacyStorage(5n, floats)]), /says 5 elements/],
    ['a count of 2^62', legacyFile(state, ['0'], [legacyStorage(2n ** 62n, floats)]), /says 4611686018427388000 elements/],
    ['a negative count', legacyFile(state, ['0'], [legacyStorage(-4n, floats)]), /says -4 elements/],
    ['a storage that is missing', legacyFile(state, [], []), /its storage 0 is missing/],
    ['a storage named twice', legacyFile(state, ['0', '0'], [legacyStorage(4n, floats), legacyStorage(4n, floats)]), /names 0, .* named before/],
    ['a storage that no tensor uses', legacyFile(state, ['9'], [legacyStorage(4n, floats)]), /names 9, which no tensor uses/],
    ['a view outside its storage', legacyFile(stateOf(tensorOf({ view: tuple(text('0'), int(2), int(3)) })), ['0'], [legacyStorage(4n, floats)]), /looks outside the storage 0/],
    ['two billion elements', legacyFile(stateOf(tensorOf({ count: 2 ** 31 - 1, view: Buffer.from('N') })), ['0'], [legacyStorage(4n, floats)]), /should have 2147483647 elements, more than the file/],
    ['nothing after the magic number', Buffer.from('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.', 'latin1'), /is cut short/],
    ['another protocol', Buffer.from('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02K\x07.', 'latin1'), /unknown protocol 7/],
  ];
  it.each(cases)('%s', (_, bytes, sentence) => expectRefused(bytes, sentence));

  it('while an honest one is read, with its views', () => {
    const view = tuple(text('0'), int(1), int(3));
    const numbers = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
    const weights = openWeightsFromBytes(legacyFile(stateOf(tensorOf({ view, offset: 1, shape: [2] })), ['0'], [legacyStorage(4n, numbers)]), 'view.pth');
    expect([...weights.read('w')]).toEqual([3, 4]);
  });
});

describe('a zip that lies is refused', () => {
  const state = stateOf(tensorOf({}));
  const pkl = { name: 'archive/data.pkl', data: state };
  const storage = { name: 'archive/data/0', data: floats };
  const bomb = Buffer.alloc(40_000_000);
  const cases: Case[] = [
    ['overlapping entries', zipFile([pkl, { ...storage, lies: { headerOffset: 0, localName: 'archive/data/0' } }]), /is not where its directory says/],
    ['entries within entries', zipFile([{ ...pkl, lies: { storedBytes: state.length + 60, sizeBytes: state.length + 60 } }, storage]), /archive\/data\.pkl and archive\/data\/0 overlap/],
    ['one entry under two names', zipFile([pkl, storage, { name: 'archive/data/1', data: floats, lies: { headerOffset: 30 + 16 + state.length } }]), /is not where its directory says/],
    ['duplicate names', zipFile([pkl, storage, storage]), /has two entries named archive\/data\/0/],
    ['two pickles', zipFile([pkl, { name: 'other/data.pkl', data: state }, storage]), /has several data\.pkl/],
    ['a name that climbs out', zipFile([pkl, storage, { name: 'archive/../../.bashrc', data: floats }]), /unsafe name "archive\/\.\.\/\.\.\/\.bashrc"/],
    ['an absolute name', zipFile([pkl, storage, { name: '/etc/passwd', data: floats }]), /unsafe name "\/etc\/passwd"/],
    ['a Windows name', zipFile([pkl, storage, { name: 'C:\\x', data: floats }]), /unsafe name/],
    ['a name with a zero', zipFile([pkl, storage, { name: 'a\0b', data: floats }]), /unsafe name/],
    ['a size beyond the file', zipFile([pkl, { ...storage, lies: { sizeBytes: 0x7fffffff, storedBytes: 0x7fffffff } }]), /reaches beyond the data/],
    ['a place beyond the file', zipFile([pkl, { ...storage, lies: { headerOffset: 0x7fffffff } }]), /lies outside the data/],
    ['two sizes', zipFile([pkl, { ...storage, lies: { sizeBytes: 17 } }]), /has two different sizes/],
    ['more entries than listed', zipFile([pkl, storage], { entryCount: 40_000 }), /the directory of its archive is broken/],
    ['a million entries', zipFile([pkl, storage], { entryCount: 2 ** 40, zip64: true }), /announces 1099511627776 entries/],
    ['encryption', zipFile([pkl, { ...storage, lies: { flags: 1 } }]), /is an encrypted archive/],
    ['another compression', zipFile([pkl, { ...storage, lies: { method: 14 } }]), /in a way \(14\) that is not read/],
    ['a bomb of a pickle', zipFile([{ name: 'archive/data.pkl', data: bomb, deflated: true }]), /its data\.pkl has 40000000 bytes/],
    ['a bomb of a storage', zipFile([{ name: 'archive/data.pkl', data: stateOf(tensorOf({ count: 10_000_000 })) }, { name: 'archive/data/0', data: bomb, deflated: true }]), /a compressed entry of 40000000 bytes/],
    ['a bomb that hides its size', zipFile([pkl, { name: 'archive/data/0', data: bomb, deflated: true, lies: { sizeBytes: 16 } }]), /unpacks to more than it declares/],
    ['less than it declares', zipFile([pkl, { ...storage, deflated: true, lies: { sizeBytes: 20 } }]), /unpacks to less than it declares/],
    ['rubbish for compressed data', zipFile([pkl, { ...storage, lies: { method: 8 } }]), /cannot be unpacked|unpacks to less/],
    ['an unknown byte order', torchFile(state, { 0: floats }, [{ name: 'archive/byteorder', data: Buffer.from('middle') }]), /its byte order is "middle"/],
    ['a directory beyond the file', Buffer.concat([zipFile([pkl]).subarray(0, -6), u32(0xfffffff0), Buffer.alloc(2)]), /lies outside the file/],
  ];
  it.each(cases)('%s', (_, bytes, sentence) => expectRefused(bytes, sentence));

  it('while an honest one with 64-bit sizes is read', () => {
    const numbers = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
    const weights = openWeightsFromBytes(zipFile([pkl, { ...storage, data: numbers }], { zip64: true }), 'large.pth');
    expect([...weights.read('w')]).toEqual([1, 2, 3, 4]);
  });
});

describe('a safetensors file that lies is refused', () => {
  const file = (header: string, dataBytes = 16, length = BigInt(Buffer.byteLength(header))): Buffer => Buffer.concat([u64(length), Buffer.from(header), Buffer.alloc(dataBytes)]);
  const one = (fields: string): Buffer => file(`{"w":{${fields}}}`);
  const sound = '"dtype":"F32","shape":[4],"data_offsets":[0,16]';
  const cases: Case[] = [
    ['a header longer than the file', file(`{"w":{${sound}}}`, 16, 4000n), /announces a header of 4000 bytes but has only/],
    ['a header of 2^63 bytes', file(`{"w":{${sound}}}`, 16, 2n ** 63n), /announces a header of 9223372036854775808 bytes/],
    ['offsets out of range', one('"dtype":"F32","shape":[4],"data_offsets":[0,20]'), /w lies at bytes 0 to 20 of 16/],
    ['offsets backwards', one('"dtype":"F32","shape":[4],"data_offsets":[16,0]'), /w lies at bytes 16 to 0/],
    ['negative offsets', one('"dtype":"F32","shape":[4],"data_offsets":[-16,0]'), /something else than a count/],
    ['huge offsets', one('"dtype":"F32","shape":[4],"data_offsets":[0,99999999999999999999]'), /something else than a count/],
    ['offsets with fractions', one('"dtype":"F32","shape":[4],"data_offsets":[0,16.5]'), /something else than a count/],
    ['NaN', one('"dtype":"F32","shape":[NaN],"data_offsets":[0,16]'), /something else than a count/],
    ['three offsets', one('"dtype":"F32","shape":[4],"data_offsets":[0,8,16]'), /describes w incompletely/],
    ['overlapping tensors', file('{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}'), /b overlaps a/],
    ['a hole', file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}'), /unclaimed bytes between a and b/],
    ['bytes of no tensor', file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), /8 bytes at its end belong to no tensor/],
    ['a shape that does not fit', one('"dtype":"F32","shape":[5],"data_offsets":[0,16]'), /w of shape 5 should have 20 bytes and has 16/],
    ['a shape that overflows', one('"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]'), /should have \d.* bytes and has 16/],
    ['a thousand dimensions', one(`"dtype":"F32","shape":[${'1,'.repeat(999)}1],"data_offsets":[0,16]`), /more than 32 dimensions/],
    ['a name twice', file(`{"w":{${sound}},"w":{${sound}}}`), /names w twice/],
    ['a field twice', one(`"dtype":"F16",${sound}`), /gives the dtype of w twice/],
    ['an unknown field', one(`${sound},"evil":1`), /the unknown field evil/],
    ['a prototype for a field', one(`${sound},"__proto__":{"x":1}`), /is damaged/],
    ['an unknown type', one('"dtype":"F7","shape":[4],"data_offsets":[0,16]'), /keeps w as F7, which is not read/],
    ['metadata that are no texts', file(`{"__metadata__":{"a":1},"w":{${sound}}}`), /not the JSON that it should be/],
    ['something after its end', file(`{"w":{${sound}}}{}`), /something after its end/],
    ['brackets in brackets', file(`{"w":${'['.repeat(3_000_000)}`), /not the JSON that it should be/],
    ['text without end', file('{"w'), /a broken text|not the JSON/],
    ['no UTF-8', Buffer.concat([u64(4n), Buffer.from('{"\xff"', 'latin1'), Buffer.alloc(8)]), /not UTF-8/],
  ];
  it.each(cases)('%s', (_, bytes, sentence) => expectRefused(bytes, sentence));
});

describe('a file cut short', () => {
  it.each(['small.zip.pth', 'small.legacy.pth', 'small.safetensors'])('is refused wherever it ends: %s', (name) => {
    const whole = readFileSync(fixture(name));
    readAll(whole);
    for (let length = 0; length < whole.length; length++) {
      let failure: unknown;
      try {
        readAll(whole.subarray(0, length));
      } catch (error) {
        failure = error;
      }
      if (!(failure instanceof HeirloomError)) throw new Error(`${name} cut to ${length} of ${whole.length} bytes: ${String(failure)}`);
    }
  });
});
