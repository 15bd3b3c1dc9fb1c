import { Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { createSession, runGolden } from './golden.ts';

test('matches PyTorch without batch normalization, gray', async () => {
  const { architecture, info, maxAbsError } = await runGolden('dn-cnn-gray');
  expect(architecture.id).toBe('dn-cnn');
  expect(info).toMatchObject({
    role: 'clean',
    scale: 1,
    inputChannels: 1,
    hyperparameters: { features: 12, convolutions: 6 },
  });
  expect(maxAbsError).toBeLessThanOrEqual(2e-5);
});

test('matches PyTorch with batch normalization folded in', async () => {
  const { architecture, info, maxAbsError } = await runGolden('dn-cnn-norm');
  expect(architecture.id).toBe('dn-cnn');
  expect(info).toMatchObject({
    inputChannels: 3,
    hyperparameters: { features: 10, convolutions: 5, batchNorm: true },
  });
  expect(maxAbsError).toBeLessThanOrEqual(2e-5);
});

test.skipIf(sharedData === undefined)(
  `a published file takes the noise out of a picture it never saw${sharedDataNote}`,
  async () => {
    const weights = openWeights(`${sharedData}/weights/kair/dncnn_25.pth`);
    const { architecture, params } = detectArchitecture(weights);
    expect(architecture.id).toBe('dn-cnn');
    expect(params).toMatchObject({ channels: 1, features: 64 });
    const session = await createSession(weights);
    weights.close();
    const side = 64;
    const clean = Float32Array.from({ length: side * side }, (_, index) => {
      const x = index % side;
      const y = Math.floor(index / side);
      return 0.5 + 0.3 * Math.sin(x / 7) * Math.cos(y / 9) + (x > 32 ? 0.15 : 0);
    });
    const noisy = clean.map((value, index) => value + (25 / 255) * gaussian(index));
    const result = await session.run({ input: new Tensor('float32', noisy, [1, 1, side, side]) });
    await session.release();
    const restored = result.output?.data as Float32Array;
    expect(psnr(noisy, clean)).toBeLessThan(21);
    expect(psnr(restored, clean)).toBeGreaterThan(31);
  },
);

function psnr(a: Float32Array, b: Float32Array): number {
  const squares = a.reduce((sum, value, index) => sum + (value - (b[index] ?? 0)) ** 2, 0);
  return 10 * Math.log10(a.length / squares);
}

/** A standard normal number for each index, the same every time (Box and Muller's transform of a hash). */
function gaussian(index: number): number {
  const u = hash(2 * index + 1);
  const v = hash(2 * index + 2);
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

function hash(value: number): number {
  let bits = Math.imul(value, 0x9e3779b1);
  bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca77);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae3d);
  return (((bits ^ (bits >>> 16)) >>> 0) + 1) / (2 ** 32 + 1);
}
