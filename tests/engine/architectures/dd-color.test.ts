import { describe, expect, it } from 'vitest';
import { runGolden } from './golden.ts';

describe('DDColor', () => {
  it('gives what PyTorch gives, with spectral norms folded', async () => {
    const { architecture, params, info, maxAbsError } = await runGolden('dd-color');
    expect(architecture.id).toBe('dd-color');
    expect(params).toMatchObject({
      dims: [6, 8, 10, 12],
      depths: [1, 1, 2, 1],
      queries: 5,
      hidden: 16,
      decoderLayers: 3,
    });
    expect(info).toMatchObject({ role: 'colorize', outputChannels: 2, sizeMultiple: 32 });
    expect(maxAbsError).toBeLessThan(2e-5);
  });
});
