import { describe, expect, it } from 'vitest';
import { scratchUNet } from '../../../src/engine/architectures/scratch-u-net.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { maxAbsDifference, openGolden, runGolden } from './golden.ts';

describe('scratch U-Net', () => {
  it('gives what PyTorch gives, read from beside an optimizer state', async () => {
    const { architecture, params, info, maxAbsError } = await runGolden('scratch-u-net');
    expect(architecture.id).toBe('scratch-u-net');
    expect(params).toMatchObject({ inputChannels: 1, outputChannels: 1, width: 8, depth: 2 });
    expect(info).toMatchObject({
      role: 'scratch-detect',
      sizeMultiple: 4,
      inputRange: [-1, 1],
      outputRange: [0, 1],
    });
    expect(maxAbsError).toBeLessThan(2e-5);
  });

  it('gives what PyTorch gives with filters for lines and a wide context, and says how far that sees', async () => {
    const plain = await runGolden('scratch-u-net');
    const far = await runGolden('scratch-u-net-far');
    expect(far.params).toMatchObject({ width: 8, depth: 2, lineSize: 9, farCount: 3 });
    expect(far.maxAbsError).toBeLessThan(2e-5);
    expect(maxAbsDifference(far.outputs.output!, plain.outputs.output!)).toBeGreaterThan(0.01);
    // Filters of nine pixels and their mixing reach two farther than the first convolution; holes of 2, 4 and 8 at a quarter of the size.
    expect(far.info.receptiveFieldPx).toBe(plain.info.receptiveFieldPx + 2 + 4 * (2 + 4 + 8));
    const more = 2 * (6 * 81 + 8 * 6 * 9) + (2 * (2 * 6 * 32 + 3 * 36 * 9)) / 16;
    expect(Math.abs(far.info.flopPerPixel - plain.info.flopPerPixel - more)).toBeLessThan(1);
  });

  it('names the tensor that does not fit or is not there', () => {
    const weights = openGolden('scratch-u-net-far');
    const even = new Map(weights.tensors);
    even.set('lines.filt', { name: 'lines.filt', shape: [6, 1, 8, 8], dtype: 'f32' });
    const odd: Weights = { ...weights, source: 'odd.safetensors', tensors: even };
    expect(() => scratchUNet.read(odd)).toThrow(/lines\.filt of odd\.safetensors has shape \[6, 1, 8, 8\]/);
    const without = [...weights.tensors].filter(([name]) => !name.startsWith('context.far'));
    const less: Weights = { ...weights, source: 'less.safetensors', tensors: new Map(without) };
    expect(() => scratchUNet.read(less)).toThrow(/less\.safetensors has no tensor context\.far\.0\.weight/);
    weights.close();
  });
});
