import { describe, expect, it } from 'vitest';
import { decodeYuNet } from '../../../src/engine/architectures/yu-net-decode.ts';
import { readGoldenTensors, runGolden } from './golden.ts';

describe('YuNet', () => {
  it('gives what PyTorch gives, read from a checkpoint with optimizer state', async () => {
    const { architecture, params, info, errors } = await runGolden('yu-net');
    expect(architecture.id).toBe('yu-net');
    expect(params).toMatchObject({ stemWidth: 8, widths: [8, 12, 12, 12, 12, 12] });
    expect(info).toMatchObject({ role: 'face-detect', sizeMultiple: 32 });
    expect(Object.keys(errors)).toHaveLength(12);
    for (const error of Object.values(errors)) expect(error).toBeLessThan(2e-5);
  });

  it('decodes every cell as PyTorch does', () => {
    const stored = readGoldenTensors('yu-net');
    const outputs = Object.fromEntries(
      [...stored].map(([key, tensor]) => [key, tensor.data as Float32Array]),
    );
    const rows = stored.get('decoded')?.data as Float32Array;
    const faces = decodeYuNet(outputs, 96, 64, { scoreThreshold: 0, overlapThreshold: 1 });
    expect(faces).toHaveLength(rows.length / 15);
    const key = (score: number, left: number): string => `${score.toFixed(4)} ${left.toFixed(2)}`;
    const byKey = new Map(faces.map((face) => [key(face.score, face.left), face]));
    let matched = 0;
    for (let row = 0; row < rows.length; row += 15) {
      const wanted = [...rows.subarray(row, row + 15)];
      const face = byKey.get(key(wanted[14] ?? 0, wanted[0] ?? 0));
      if (face === undefined) continue;
      matched += 1;
      const size = [face.right - face.left, face.bottom - face.top];
      const found = [face.left, face.top, ...size, ...face.points.flat(), face.score];
      for (const [k, value] of wanted.entries()) expect(found[k]).toBeCloseTo(value, 2);
    }
    // Rows whose key falls on a rounding edge may miss their partner.
    expect(matched).toBeGreaterThan(faces.length * 0.95);
  });

  it('lets all cells that found the same face vote on its points, and only those', () => {
    const side = 32;
    const zeros = (stride: number, values: number): Float32Array =>
      new Float32Array((side / stride) ** 2 * values);
    const outputs: Record<string, Float32Array> = {};
    for (const stride of [8, 16, 32]) {
      outputs[`cls_${stride}`] = zeros(stride, 1);
      outputs[`obj_${stride}`] = zeros(stride, 1);
      outputs[`bbox_${stride}`] = zeros(stride, 4);
      outputs[`kps_${stride}`] = zeros(stride, 10);
    }
    // Three cells of stride 8 in one row: two see the same box around (8, 8), the third another one.
    const see = (cell: number, score: number, middle: number, point: number): void => {
      outputs['cls_8']?.fill(score, cell, cell + 1);
      outputs['obj_8']?.fill(score, cell, cell + 1);
      outputs['bbox_8']?.set([middle - cell, 1, Math.log(2), Math.log(2)], 4 * cell);
      outputs['kps_8']?.fill(0, 10 * cell, 10 * cell + 10);
      outputs['kps_8']?.set([point - cell], 10 * cell);
    };
    see(0, 0.9, 1, 1);
    see(1, 0.9, 1, 1.5);
    see(3, 0.4, 3, 3);
    const [alone] = decodeYuNet(outputs, side, side, { scoreThreshold: 0.6 });
    const voted = decodeYuNet(outputs, side, side, { scoreThreshold: 0.6, vote: true });
    expect(voted).toHaveLength(1);
    expect([8, 12]).toContain(Math.round(alone?.points[0]?.[0] ?? 0));
    expect(voted[0]?.points[0]?.[0]).toBeCloseTo(10, 5);
    expect(voted[0]?.left).toBeCloseTo(0, 5);
    expect(voted[0]?.right).toBeCloseTo(16, 5);
    expect(voted[0]?.score).toBe(alone?.score);
  });

  it('refuses outputs of another image size', () => {
    const stored = readGoldenTensors('yu-net');
    const outputs = Object.fromEntries(
      [...stored].map(([key, tensor]) => [key, tensor.data as Float32Array]),
    );
    expect(() => decodeYuNet(outputs, 128, 64)).toThrow(/cls_8 has 96 numbers where 128/);
  });
});
