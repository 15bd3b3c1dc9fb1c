import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { createSession, maxAbsDifference } from './golden.ts';

test.skipIf(sharedData === undefined)(
  `a published .pth gives what its published .onnx gives${sharedDataNote}`,
  async () => {
    const weights = openWeights(`${sharedData}/weights/derived_rebuilt_pth/realesr-animevideov3.rebuilt.pth`);
    const { architecture, params } = detectArchitecture(weights);
    expect(architecture.id).toBe('srvgg-net-compact');
    expect(params).toMatchObject({ features: 64, convolutions: 16, scale: 4 });
    const ours = await createSession(weights);
    const outside = await createSession(weights, true);
    weights.close();
    const twin = await InferenceSession.create(
      `${sharedData}/weights/realesr-animevideov3-onnx/realesr-animevideov3.onnx`,
    );
    for (const [height, width] of [
      [24, 31],
      [17, 40],
    ] as const) {
      const pixels = Float32Array.from(
        { length: 3 * height * width },
        (_, index) => 0.5 + 0.5 * Math.sin(index * 0.37) * Math.cos(index / 91),
      );
      const input = new Tensor('float32', pixels, [1, 3, height, width]);
      const expected = Object.values(await twin.run({ [twin.inputNames[0] ?? 'input']: input }))[0] as Tensor;
      const actual = (await ours.run({ input })).output as Tensor;
      expect(maxAbsDifference(actual, expected)).toBeLessThanOrEqual(2e-5);
      expect(maxAbsDifference((await outside.run({ input })).output as Tensor, actual)).toBe(0);
    }
    for (const session of [ours, outside, twin]) await session.release();
  },
);
