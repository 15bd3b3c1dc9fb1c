import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { decodeBlazeFace } from '../../../src/engine/architectures/blaze-face-decode.ts';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { createSession, maxAbsDifference, openGolden, readGoldenTensors } from './golden.ts';

/** Every pixel of a 64×64 image several times: the fixture stores the small image. */
function enlarged(image: Tensor, sizePx: number): Tensor {
  const factor = sizePx / 64;
  const data = new Float32Array(3 * sizePx * sizePx);
  for (let index = 0; index < data.length; index++) {
    const x = Math.floor((index % sizePx) / factor);
    const y = Math.floor((Math.floor(index / sizePx) % sizePx) / factor);
    const channel = Math.floor(index / (sizePx * sizePx));
    data[index] = Number(image.data[(channel * 64 + y) * 64 + x]);
  }
  return new Tensor('float32', data, [1, 3, sizePx, sizePx]);
}

describe.each([
  ['blaze-face-front', { range: 'front', sizePx: 128, widths: [20, 24] }],
  ['blaze-face-back', { range: 'back', sizePx: 256, widths: [12, 12] }],
])('BlazeFace %s', (name, expected) => {
  it('gives what PyTorch gives', async () => {
    const weights = openGolden(name);
    const { architecture, params } = detectArchitecture(weights);
    expect(architecture.id).toBe('blaze-face');
    expect(params).toMatchObject(expected);
    const stored = readGoldenTensors(name);
    const session = await createSession(weights);
    const outputs = await session.run({ input: enlarged(stored.get('image') as Tensor, expected.sizePx) });
    await session.release();
    expect(
      maxAbsDifference(outputs.classification as Tensor, stored.get('classification') as Tensor),
    ).toBeLessThan(2e-5);
    // Regressions are pixels of up to half the image.
    expect(maxAbsDifference(outputs.regression as Tensor, stored.get('regression') as Tensor)).toBeLessThan(
      2e-4,
    );
  });

  it('decodes and blends as PyTorch does', () => {
    const stored = readGoldenTensors(name);
    const outputs = {
      regression: stored.get('regression')?.data as Float32Array,
      classification: stored.get('classification')?.data as Float32Array,
    };
    const faces = decodeBlazeFace(outputs, expected.sizePx, { scoreThreshold: 0.5, overlapThreshold: 0.3 });
    const rows = stored.get('faces')?.data as Float32Array;
    expect(faces).toHaveLength(rows.length / 17);
    for (const [index, face] of faces.entries()) {
      const found = [face.left, face.top, face.right, face.bottom, ...face.points.flat()];
      const wanted = rows.subarray(17 * index, 17 * index + 17);
      for (const [k, value] of found.entries())
        expect(value / expected.sizePx).toBeCloseTo(wanted[k] ?? NaN, 4);
      expect(face.score).toBeCloseTo(wanted[16] ?? NaN, 5);
    }
  });
});
