import { describe, expect, it } from 'vitest';
import { runGolden } from './golden.ts';

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
});
