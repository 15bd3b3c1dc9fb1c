import { describe, expect, it } from 'vitest';
import { openWeightsFromBytes } from '../../../src/engine/weights/open-weights.ts';
import { cutPrefixes } from '../../../src/engine/weights/unwrap.ts';
import { int, pickle, tensorOf, text } from './pickle-writer.ts';
import { torchFile } from './zip-writer.ts';

type Tree = 'tensor' | number | string | readonly Tree[] | { readonly [key: string]: Tree };

/** A pickled structure in which 'tensor' stands for a tensor of four zeros. */
function encode(tree: Tree): Buffer {
  if (tree === 'tensor') return tensorOf({});
  if (typeof tree === 'number') return int(tree);
  if (typeof tree === 'string') return text(tree);
  if (tree instanceof Array) return Buffer.concat([Buffer.from(']('), ...tree.map(encode), Buffer.from('e')]);
  const items = Object.entries(tree as Readonly<Record<string, Tree>>).flatMap(([key, value]) => [text(key), encode(value)]);
  return Buffer.concat([Buffer.from('}('), ...items, Buffer.from('u')]);
}

function open(tree: Tree): { names: string[]; unwrapped: readonly string[] | undefined } {
  const weights = openWeightsFromBytes(torchFile(pickle(encode(tree)), { 0: Buffer.alloc(16) }), 'checkpoint.pth');
  return { names: [...weights.tensors.keys()], unwrapped: weights.unwrapped };
}

describe('unwrapping finds the network in', () => {
  const net: Tree = { 'a.weight': 'tensor', 'a.bias': 'tensor' };
  const names = ['a.weight', 'a.bias'];
  it.each<readonly [string, Tree, readonly string[]]>([
    ['a bare state dict', net, []],
    ['params beside nothing', { params: net }, ['params']],
    ['averaged weights before raw ones', { params: { 'b.weight': 'tensor' }, params_ema: net }, ['params_ema']],
    ['a state dict beside numbers, texts and an optimizer', { epoch: 3, arch: 'unet', optimizer: { state: { 0: { step: 'tensor' } } }, state_dict: net }, ['state_dict']],
    ['a state of a scratch detector', { model_state: net, iteration: 7 }, ['model_state']],
    ['nested wrappers', { checkpoint: { model: { params: net } } }, ['checkpoint', 'model', 'params']],
    ['a generator beside its discriminator', { generator: net, discriminator: { 'd.weight': 'tensor' } }, ['generator']],
    ['DataParallel', { state_dict: { 'module.a.weight': 'tensor', 'module.a.bias': 'tensor' } }, ['state_dict', 'module.']],
    ['a Lightning checkpoint of RestoreFormer++', { state_dict: { 'vqvae.a.weight': 'tensor', 'vqvae.a.bias': 'tensor', 'loss.lpips.weight': 'tensor' } }, ['state_dict', 'vqvae.']],
    ['an MMagic checkpoint', { state_dict: { step_counter: 'tensor', 'generator.a.weight': 'tensor', 'generator.a.bias': 'tensor', 'discriminator.d.weight': 'tensor' } }, ['state_dict', 'generator.']],
    ['averaged and raw generators', { 'generator_ema.a.weight': 'tensor', 'generator_ema.a.bias': 'tensor', 'generator.a.weight': 'tensor', 'generator.a.bias': 'tensor' }, ['generator_ema.']],
  ])('%s', (_, tree, unwrapped) => {
    expect(open(tree)).toEqual({ names, unwrapped });
  });

  it('parts that were saved apart, under joined names', () => {
    expect(open({ encoder: net, decoder: { 'b.weight': 'tensor' } }).names).toEqual(['encoder.a.weight', 'encoder.a.bias', 'decoder.b.weight']);
  });
});

describe('unwrapping', () => {
  it('keeps the names of the 2018 ESRGAN, which all begin with model.', () => {
    expect(open({ 'model.0.weight': 'tensor', 'model.1.sub.0.RDB1.conv1.0.weight': 'tensor' }).names).toEqual(['model.0.weight', 'model.1.sub.0.RDB1.conv1.0.weight']);
  });

  it('keeps a prefix that only some of the network has', () => {
    const names = ['generator.a', 'encoder.b'];
    expect(cutPrefixes(new Map(names.map((name) => [name, 0]))).cut).toEqual([]);
  });

  it.each<readonly [string, Tree, RegExp]>([
    ['a number', 7, /holds no named tensors, but a number/],
    ['a single tensor', 'tensor', /holds no named tensors, but a tensor/],
    ['a list of tensors', ['tensor'], /holds no named tensors, but a list/],
    ['settings', { lr: 1, name: 'x' }, /holds no named tensors, but a dictionary with "lr", "name"/],
    ['nothing', {}, /holds no named tensors, but an empty dictionary/],
  ])('says what it found instead of tensors: %s', (_, tree, sentence) => {
    expect(() => open(tree)).toThrow(sentence);
  });
});
