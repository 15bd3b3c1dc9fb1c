import { describe, expect, it } from 'vitest';
import { trainedWithRelu } from '../../../src/engine/architectures/retina-face-slope.ts';
import type { Dtype, TensorInfo, Weights } from '../../../src/engine/weights/weights.ts';
import { openGolden } from './golden.ts';

const inputs = 4;
const outputs = 8;
const gamma = [0.5, 0.8, 0.4, 0.6];
const beta = [0.3, -0.9, 0.1, -0.7];

/** One block whose stored running mean is what training leaves behind when its inputs have these means. */
function trained(inputMeans: readonly number[]): Weights {
  const matrix = Array.from(
    { length: outputs * inputs },
    (_, index) => ((index * 7919 + 13) % 97) / 97 - 0.5,
  );
  const running = Array.from({ length: outputs }, (_, row) =>
    inputMeans.reduce((sum, mean, column) => sum + (matrix[row * inputs + column] ?? 0) * mean, 0),
  );
  const key = 'body.stage1.1';
  const data: Record<string, readonly [number[], number[]]> = {
    [`${key}.1.weight`]: [gamma, [inputs]],
    [`${key}.1.bias`]: [beta, [inputs]],
    [`${key}.3.weight`]: [matrix, [outputs, inputs, 1, 1]],
    [`${key}.4.running_mean`]: [running, [outputs]],
    [`${key}.4.running_var`]: [Array<number>(outputs).fill(1), [outputs]],
  };
  const info = (name: string, shape: number[]): TensorInfo => ({ name, shape, dtype: 'f32' satisfies Dtype });
  return {
    source: 'block.pth',
    format: 'test',
    metadata: {},
    tensors: new Map(Object.entries(data).map(([name, [, shape]]) => [name, info(name, shape)])),
    read: (name) => Float32Array.from(data[name]?.[0] ?? []),
    close: () => {},
  };
}

describe('activation of a trained RetinaFace', () => {
  it('is a ReLU if a channel that is never positive has mean zero', () => {
    expect(trainedWithRelu(trained([0.4, 0, 0.2, 0]))).toBe(true);
  });

  it('is leaky if such a channel has a tenth of its mean', () => {
    expect(trainedWithRelu(trained([0.38, -0.09, 0.19, -0.07]))).toBe(false);
  });

  it('stays open without such a channel', () => {
    expect(trainedWithRelu(trained([0.4, 0.1, 0.2, 0.05]))).toBeUndefined();
  });

  it('stays open for weights that were never trained', () => {
    expect(trainedWithRelu(openGolden('retina-face-mobilenet'))).toBeUndefined();
  });
});
