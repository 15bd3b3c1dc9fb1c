import { expect, test } from 'vitest';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { rrdbNet } from '../../../src/engine/architectures/rrdb-net.ts';
import { srvggNetCompact } from '../../../src/engine/architectures/srvgg-net-compact.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { openGolden } from './golden.ts';

/** Weights of zeros with these names and shapes. */
function weightsOf(shapes: Readonly<Record<string, readonly number[]>>, source = 'mystery.pth'): Weights {
  const tensors = new Map(
    Object.entries(shapes).map(([name, shape]) => [name, { name, shape, dtype: 'f32' as const }]),
  );
  return {
    source,
    format: 'test',
    metadata: {},
    tensors,
    read: (name) => new Float32Array((shapes[name] ?? []).reduce((product, size) => product * size, 1)),
    close: () => undefined,
  };
}

function failureOf(weights: Weights): { code: string; message: string; hint: string | undefined } {
  try {
    detectArchitecture(weights);
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint: string | undefined };
    return { code, message, hint };
  }
  throw new Error('The weights were accepted.');
}

test('unknown weights are refused with the file, its first tensors and what was expected', () => {
  const { code, message, hint } = failureOf(
    weightsOf({ 'wte.weight': [50257, 768], 'h.0.attn.bias': [1, 1, 4, 4], a: [], b: [2] }),
  );
  expect(code).toBe('unsupported-model');
  expect(message).toBe(
    'mystery.pth is not a network Heirloom knows: its 4 tensors begin with wte.weight [50257, 768], h.0.attn.bias [1, 1, 4, 4], a [], ….',
  );
  expect(hint).toContain('SRVGGNetCompact');
  expect(hint).toContain('.onnx');
});

test('a file without tensors is refused as such', () => {
  expect(failureOf(weightsOf({})).message).toBe('mystery.pth holds no tensors.');
});

test('names from the file cannot flood the message', () => {
  expect(failureOf(weightsOf({ ['x'.repeat(5000)]: [1] })).message.length).toBeLessThan(250);
});

test.each([
  [
    'a U-Net discriminator',
    { 'conv0.weight': [64, 3, 3, 3], 'conv1.weight_orig': [128, 64, 4, 4], 'conv9.weight': [1, 64, 3, 3] },
  ],
  [
    'a U-Net discriminator',
    {
      'conv0.weight': [64, 3, 3, 3],
      'conv1.weight': [128, 64, 4, 4],
      'conv8.weight': [64, 64, 3, 3],
      'conv9.weight': [1, 64, 3, 3],
    },
  ],
  [
    'a VGG-style discriminator',
    { 'conv0_0.weight': [64, 3, 3, 3], 'conv0_1.weight': [64, 64, 4, 4], 'linear1.weight': [100, 8192] },
  ],
])('%s is refused by name', (name, shapes) => {
  const { code, message, hint } = failureOf(weightsOf(shapes, 'net_d.pth'));
  expect(code).toBe('unsupported-model');
  expect(message).toContain(`net_d.pth is ${name}`);
  expect(hint).toContain('generator');
});

test('a tensor that does not fit is named', () => {
  const weights = openGolden('rrdb-x4-new');
  const tensors = new Map(weights.tensors);
  tensors.set('body.1.rdb2.conv3.weight', {
    name: 'body.1.rdb2.conv3.weight',
    shape: [4, 17, 3, 3],
    dtype: 'f32',
  });
  const { code, message } = failureOf({
    ...weights,
    source: 'broken.pth',
    tensors,
    read: weights.read,
    close: weights.close,
  });
  expect(code).toBe('unsupported-model');
  expect(message).toBe(
    'Tensor body.1.rdb2.conv3.weight of broken.pth has shape [4, 17, 3, 3] where [4, 16, 3, 3] was expected.',
  );
  weights.close();
});

test('a missing tensor is named', () => {
  const weights = openGolden('compact-x4');
  const tensors = new Map(weights.tensors);
  tensors.delete('body.4.bias');
  expect(
    failureOf({ ...weights, source: 'cut.pth', tensors, read: weights.read, close: weights.close }).message,
  ).toBe('cut.pth has no tensor body.4.bias, which this kind of network needs.');
  weights.close();
});

test('sizes that no network has are refused before anything is built', () => {
  const body = {
    'body.0.weight': [1, 3, 3, 3],
    'body.0.bias': [1],
    'body.1.weight': [1],
    'body.2.bias': [120000],
  };
  expect(failureOf(weightsOf({ ...body, 'body.2.weight': [120000, 1, 3, 3] })).message).toContain(
    'body.2.weight of mystery.pth has shape',
  );
  expect(failureOf(weightsOf({ ...body, 'body.2.weight': [0, 0, 0, 0], 'body.2.bias': [0] })).code).toBe(
    'unsupported-model',
  );
  expect(
    failureOf(weightsOf({ ...body, 'body.0.weight': [0, 3, 3, 3], 'body.2.weight': [1, 1, 1, 1] })).code,
  ).toBe('unsupported-model');
});

test('a chain that ends in slopes is refused', () => {
  const shapes = {
    'body.0.weight': [8, 3, 3, 3],
    'body.0.bias': [8],
    'body.1.weight': [8],
    'body.2.weight': [8, 8, 3, 3],
    'body.2.bias': [8],
    'body.3.weight': [8],
  };
  expect(failureOf(weightsOf(shapes)).message).toBe(
    'Tensor body.3.weight of mystery.pth has shape [8] where a convolution at the end was expected.',
  );
});

test('the cost of the published sizes is the known one', () => {
  const compact = { features: 64, convolutions: 32, scale: 4, inputChannels: 3, outputChannels: 3 };
  expect(srvggNetCompact.describe(compact).flopPerPixel / 1e6).toBeCloseTo(2.418, 3);
  const esrgan = {
    layout: 'new',
    features: 64,
    growth: 32,
    blocks: 23,
    inputChannels: 3,
    outputChannels: 3,
  } as const;
  const info = rrdbNet.describe({ ...esrgan, unshuffle: 1, doublings: 2, scale: 4, plus: false });
  expect(info.flopPerPixel / 1e6).toBeCloseTo(35.85, 2);
});
