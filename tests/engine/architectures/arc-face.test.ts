import { describe, expect, it } from 'vitest';
import { arcFace } from '../../../src/engine/architectures/arc-face.ts';
import { readCatalog } from '../../../src/engine/models/catalog.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { runGolden } from './golden.ts';

/** Names and shapes of IR-SE-50 as it was published; its numbers are never asked for. */
function irSe50(): Weights {
  const shapes = new Map<string, readonly number[]>();
  const put = (name: string, ...shape: readonly number[]): unknown => shapes.set(`${name}.weight`, shape);
  const norm = (name: string, channels: number): void => {
    for (const part of ['weight', 'bias', 'running_mean', 'running_var'])
      shapes.set(`${name}.${part}`, [channels]);
  };
  put('input_layer.0', 64, 3, 3, 3);
  norm('input_layer.1', 64);
  put('input_layer.2', 64);
  const widths = [3, 4, 14, 3].flatMap((count, stage) => Array<number>(count).fill(64 * 2 ** stage));
  widths.forEach((width, index) => {
    const before = widths[index - 1] ?? 64;
    const layer = `body.${index}.res_layer`;
    if (width !== before) {
      put(`body.${index}.shortcut_layer.0`, width, before, 1, 1);
      norm(`body.${index}.shortcut_layer.1`, width);
    }
    norm(`${layer}.0`, before);
    put(`${layer}.1`, width, before, 3, 3);
    put(`${layer}.2`, width);
    put(`${layer}.3`, width, width, 3, 3);
    norm(`${layer}.4`, width);
    put(`${layer}.5.fc1`, width / 16, width, 1, 1);
    put(`${layer}.5.fc2`, width, width / 16, 1, 1);
  });
  norm('output_layer.0', 512);
  put('output_layer.3', 512, 512 * 49);
  shapes.set('output_layer.3.bias', [512]);
  norm('output_layer.4', 512);
  return {
    source: 'recognition_arcface_ir_se50.pth',
    format: 'test',
    metadata: {},
    tensors: new Map([...shapes].map(([name, shape]) => [name, { name, shape, dtype: 'f32' as const }])),
    read: (name) => {
      throw new Error(`${name} was read.`);
    },
    close: () => undefined,
  };
}

describe('ArcFace', () => {
  it.each([
    ['arc-face-excited', true],
    ['arc-face-plain', false],
  ])('gives what PyTorch gives, a vector of length 1 for each face (%s)', async (name, excited) => {
    const { architecture, params, info, outputs, errors } = await runGolden(name);
    expect(architecture.id).toBe('arc-face');
    expect(params).toMatchObject({ excited, length: 12, sizePx: 32 });
    expect(info).toMatchObject({ role: 'face-recognize', fixedSize: { width: 32, height: 32 } });
    expect(info.hyperparameters).toMatchObject({ blocks: 6, widths: '4 6 8 10' });
    expect(outputs.embedding?.dims).toEqual([2, 12]);
    expect(errors.embedding).toBeLessThan(2e-6);
    const values = outputs.embedding!.data as Float32Array;
    for (const face of [values.subarray(0, 12), values.subarray(12)])
      expect(Math.hypot(...face)).toBeCloseTo(1, 5);
  });

  it('knows IR-SE-50 by its shapes, and the published file is as large as they are', () => {
    const weights = irSe50();
    expect(arcFace.detect(weights)).toBe(true);
    const info = arcFace.describe(arcFace.read(weights));
    expect(info.fixedSize).toEqual({ width: 112, height: 112 });
    expect(info.hyperparameters).toEqual({
      blocks: 24,
      widths: '64 128 256 512',
      'squeeze and excitation': true,
      'embedding length': 512,
    });
    // 6.3 G multiply-adds for one face.
    expect((info.flopPerPixel * 112 * 112) / 2e9).toBeCloseTo(6.3, 1);
    let numbers = 0;
    for (const { shape } of weights.tensors.values()) numbers += shape.reduce((product, n) => product * n, 1);
    const { sizeBytes = 0 } = readCatalog('resources/models').find(({ role }) => role === 'face-recognize')!;
    // Names and offsets add to the numbers.
    expect(sizeBytes - 4 * numbers).toBeGreaterThan(0);
    expect(sizeBytes - 4 * numbers).toBeLessThan(250 * weights.tensors.size);
  });
});
