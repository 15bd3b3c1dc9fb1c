import { describe, expect, it } from 'vitest';
import { gfpganV1Clean, type GfpganParams } from '../../../src/engine/architectures/gfpgan-v1-clean.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { openGolden, runGolden } from './golden.ts';

describe('GFPGANv1Clean', () => {
  it('gives what PyTorch gives, with sizes and widths read from the weights', async () => {
    const { architecture, params, info, maxAbsError } = await runGolden('gfpgan-v1-clean');
    expect(architecture.id).toBe('gfpgan-v1-clean');
    expect(params as GfpganParams).toMatchObject({
      sizePx: 32,
      levels: 3,
      styleDimension: 12,
      latents: 8,
      encoderWidths: [8, 8, 6, 4],
      generatorWidths: [16, 16, 12, 8],
    });
    expect(info).toMatchObject({ role: 'face-restore', scale: 1, inputRange: [-1, 1], tileable: false });
    expect(info.fixedSize).toEqual({ width: 32, height: 32 });
    expect(maxAbsError).toBeLessThan(2e-5);
  });

  it('counts its operations from the shapes, at the size each layer runs at', () => {
    const weights = openGolden('gfpgan-v1-clean');
    // Per pixel of a 32 px face: the two convolutions at full size alone are 2 · 9 · (12 · 8 + 8 · 8).
    expect(gfpganV1Clean.read(weights).flopPerPixel).toBeGreaterThan(2 * 9 * (12 * 8 + 8 * 8));
  });

  it('names the tensor that does not fit', () => {
    const weights = openGolden('gfpgan-v1-clean');
    const tensors = new Map(weights.tensors);
    tensors.set('final_linear.weight', { name: 'final_linear.weight', shape: [77, 128], dtype: 'f32' });
    const odd: Weights = { ...weights, source: 'odd.pth', tensors };
    expect(() => gfpganV1Clean.read(odd)).toThrow(/final_linear\.weight of odd\.pth has shape \[77, 128\]/);
    tensors.delete('stylegan_decoder.noises.noise6');
    expect(() => gfpganV1Clean.read(odd)).toThrow(/stylegan_decoder\.noises\.noise6/);
  });
});
