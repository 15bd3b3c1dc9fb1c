import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { detectModelFile, openWeights, openWeightsFromBytes } from '../../../src/engine/weights/open-weights.ts';
import { expectedTensors, expectTensors, fixture } from './expected.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heirloom-weights-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const plainFiles = [
  ['plain.zip.pth', 'pth-zip'],
  ['plain.legacy.pth', 'pth-legacy'],
  ['plain.protocol4.pth', 'pth-zip'],
  ['deflated.zip.pth', 'pth-zip'],
  ['bigendian.zip.pth', 'pth-zip'],
  ['plain.safetensors', 'safetensors'],
] as const;

describe('openWeights', () => {
  it.each(plainFiles)('reads every tensor of %s as PyTorch does', (name, format) => {
    const weights = openWeights(fixture(name));
    expect(weights.format).toBe(format);
    expect(weights.source).toBe(name);
    expectTensors(weights, expectedTensors('plain'));
    weights.close();
  });

  it.each(['plain.zip.pth', 'plain.legacy.pth'])('keeps the order and the types of %s', (name) => {
    const weights = openWeights(fixture(name));
    expect([...weights.tensors.keys()].slice(0, 5)).toEqual(['conv.weight', 'conv.bias', 'float64', 'float16', 'bfloat16']);
    expect([...weights.tensors.values()].slice(1, 11).map((tensor) => tensor.dtype)).toEqual(
      ['f32', 'f64', 'f16', 'bf16', 'i64', 'i32', 'i16', 'i8', 'u8', 'bool'],
    );
    weights.close();
  });

  it('prefers the averaged weights of a training checkpoint and cuts the wrapper prefix', () => {
    const weights = openWeights(fixture('wrapped.zip.pth'));
    expect(weights.unwrapped).toEqual(['params_ema', 'module.']);
    expectTensors(weights, expectedTensors('ema'));
    weights.close();
  });

  it.each(['script.pt', 'traced.pt'])('reads the state of the TorchScript file %s', (name) => {
    const weights = openWeights(fixture(name));
    expect(weights.format).toBe('torchscript');
    expectTensors(weights, expectedTensors('model'));
    weights.close();
  });

  it('reads the metadata of safetensors', () => {
    const weights = openWeights(fixture('plain.safetensors'));
    expect(weights.metadata).toEqual({ title: 'Tiny', alpha: '0.5' });
    weights.close();
  });

  it('goes by content, not by the extension', () => {
    const path = join(folder, 'misnamed.txt');
    copyFileSync(fixture('plain.safetensors'), path);
    expect(detectModelFile(path)).toBe('safetensors');
    const weights = openWeights(path);
    expect(weights.format).toBe('safetensors');
    weights.close();
  });

  it('reads numbers from the file when asked, not before', () => {
    const path = join(folder, 'late.safetensors');
    const bytes = readFileSync(fixture('small.safetensors'));
    writeFileSync(path, bytes);
    const weights = openWeights(path);
    // The last tensor is float16; 0x7800 is 32768.
    bytes.writeUInt16LE(0x7800, bytes.length - 2);
    writeFileSync(path, bytes);
    const read = [...weights.tensors.keys()].map((name) => weights.read(name));
    expect(read.some((numbers) => numbers.at(-1) === 32768)).toBe(true);
    weights.close();
  });

  it('names a tensor that is not there', () => {
    const weights = openWeights(fixture('plain.zip.pth'));
    expect(() => weights.read('conv.wieght')).toThrow(/no tensor named conv\.wieght/);
    weights.close();
  });

  it('says what is wrong with a path', () => {
    expect(() => openWeights(join(folder, 'nowhere.pth'))).toThrow('nowhere.pth could not be opened: there is no such file.');
    expect(() => openWeights(folder)).toThrow(/could not be opened/);
  });

  it.each([
    ['an empty file', Buffer.alloc(0), /is damaged .*: it is empty/],
    ['text', Buffer.from('hello there, this is no model'), /no kind of model file that Heirloom knows/],
    ['a web page', Buffer.from('<!DOCTYPE html><title>404</title>'), /web page/],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\n'), /Git LFS/],
    ['an HDF5 file', Buffer.from('\x89HDF\r\n\x1a\n0000000000000', 'latin1'), /HDF5/],
    ['an ONNX file', Buffer.from([0x08, 0x07, 0x12, 0x00]), /ready ONNX graph/],
    ['a zip without data.pkl', Buffer.from('504b0506000000000000000000000000000000000000', 'hex'), /no data\.pkl/],
    ['a plain pickle', Buffer.from('\x80\x02K\x07.', 'latin1'), /is a Python pickle, but not a PyTorch checkpoint/],
  ])('refuses %s by what it is', (_, bytes, sentence) => {
    expect(() => openWeightsFromBytes(bytes, 'thing.pth')).toThrow(sentence);
  });
});
