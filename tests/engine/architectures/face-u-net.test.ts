import { describe, expect, it } from 'vitest';
import { faceUNet, type FaceUNetParams } from '../../../src/engine/architectures/face-u-net.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { openGolden, runGolden } from './golden.ts';

describe('Face U-Net', () => {
  it('gives what PyTorch gives, with size and widths read from the weights', async () => {
    const { architecture, params, info, maxAbsError } = await runGolden('face-u-net');
    expect(architecture.id).toBe('face-u-net');
    expect(params as FaceUNetParams).toMatchObject({ sizePx: 32, levels: 2, widths: [4, 6, 8] });
    expect(info).toMatchObject({ role: 'face-restore', scale: 1, inputRange: [-1, 1], tileable: false });
    expect(info.fixedSize).toEqual({ width: 32, height: 32 });
    expect(maxAbsError).toBeLessThan(2e-5);
  });

  it('names the tensor that does not fit', () => {
    const weights = openGolden('face-u-net');
    const tensors = new Map(weights.tensors);
    tensors.set('final_conv.weight', { name: 'final_conv.weight', shape: [8, 7, 3, 3], dtype: 'f32' });
    const odd: Weights = { ...weights, source: 'odd.safetensors', tensors };
    expect(() => faceUNet.read(odd)).toThrow(
      /final_conv\.weight of odd\.safetensors has shape \[8, 7, 3, 3\]/,
    );
  });
});
