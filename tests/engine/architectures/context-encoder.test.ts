import { describe, expect, it } from 'vitest';
import { contextEncoder } from '../../../src/engine/architectures/context-encoder.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { openGolden, runGolden } from './golden.ts';

describe('context encoder', () => {
  it.each([
    ['context-encoder', { sizePx: 32, predictedPx: 16, bottleneck: 20 }],
    ['context-encoder-channel-wise', { sizePx: 32, predictedPx: 32, bottleneck: 0 }],
  ])('%s gives what PyTorch gives', async (name, expected) => {
    const { architecture, params, info, maxAbsError } = await runGolden(name);
    expect(architecture.id).toBe('context-encoder');
    expect(params).toMatchObject(expected);
    expect(info).toMatchObject({ role: 'fill', fixedSize: { width: 32, height: 32 }, inputRange: [-1, 1] });
    expect(maxAbsError).toBeLessThan(2e-5);
  });

  it('is not mistaken for the discriminator trained beside it', () => {
    const weights = openGolden('context-encoder');
    const tensors = new Map([...weights.tensors].filter(([name]) => Number(/\d+/.exec(name)?.[0]) < 8));
    expect(contextEncoder.detect({ ...weights, tensors } satisfies Weights)).toBe(false);
  });

  it('names the layer that does not fit', () => {
    const weights = openGolden('context-encoder');
    const tensors = new Map(weights.tensors);
    tensors.set('main.2.weight', { name: 'main.2.weight', shape: [7, 9, 4, 4], dtype: 'f32' });
    const odd: Weights = { ...weights, source: 'odd.pth', tensors };
    expect(() => contextEncoder.read(odd)).toThrow(/main\.2\.weight of odd\.pth/);
  });
});
