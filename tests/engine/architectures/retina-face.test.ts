import { describe, expect, it } from 'vitest';
import { decodeRetinaFace } from '../../../src/engine/architectures/retina-face-decode.ts';
import { readGoldenTensors, runGolden } from './golden.ts';

const widthPx = 104;
const heightPx = 72;

describe.each([
  ['retina-face-mobilenet', { backbone: 'mobilenet', blocks: [6, 6, 2], fpnWidth: 8 }],
  ['retina-face-resnet', { backbone: 'resnet', blocks: [1, 2, 1, 1], fpnWidth: 8 }],
])('RetinaFace %s', (name, expected) => {
  it('gives what PyTorch gives on an image whose sides are no multiples of the strides', async () => {
    const { architecture, params, info, errors } = await runGolden(name);
    expect(architecture.id).toBe('retina-face');
    expect(params).toMatchObject(expected);
    expect(info.role).toBe('face-detect');
    expect(Object.keys(errors).sort()).toEqual(['box', 'landmark', 'score']);
    for (const error of Object.values(errors)) expect(error).toBeLessThan(2e-5);
  });

  it('decodes every anchor and the faces left after suppression as PyTorch does', () => {
    const stored = readGoldenTensors(name);
    const outputs = Object.fromEntries(
      ['box', 'score', 'landmark'].map((key) => [key, stored.get(key)?.data as Float32Array]),
    );
    const rows = stored.get('faces')?.data as Float32Array;
    const faces = decodeRetinaFace(outputs, widthPx, heightPx, {
      scoreThreshold: 0.5,
      overlapThreshold: 0.4,
    });
    expect(faces).toHaveLength(rows.length / 15);
    for (const [index, face] of faces.entries()) {
      const found = [face.left, face.top, face.right, face.bottom, ...face.points.flat(), face.score];
      const wanted = [...rows.subarray(15 * index, 15 * index + 15)];
      for (const [k, value] of wanted.entries()) expect(found[k]).toBeCloseTo(value, 2);
    }
    const all = decodeRetinaFace(outputs, widthPx, heightPx, { scoreThreshold: -1, overlapThreshold: 1 });
    expect(all).toHaveLength((stored.get('decoded')?.data.length ?? 0) / 14);
  });
});
