import { describe, expect, it } from 'vitest';
import { runGolden } from './golden.ts';

const shared = { sizePx: 64, widths: [8, 16, 16], encoderBlocks: 1, decoderBlocks: 2, groups: 8, codes: 32 };

describe('RestoreFormer', () => {
  it.each([
    ['restore-former', { ...shared, variant: 'RestoreFormer', heads: 8 }],
    ['restore-former-plus-plus', { ...shared, variant: 'RestoreFormer++', heads: 4 }],
  ])('%s gives what PyTorch gives, from half-precision weights', async (name, expected) => {
    const { architecture, params, info, maxAbsError } = await runGolden(name);
    expect(architecture.id).toBe('restore-former');
    expect(params).toMatchObject(expected);
    expect(info).toMatchObject({ role: 'face-restore', fixedSize: { width: 64, height: 64 } });
    expect(maxAbsError).toBeLessThan(5e-5);
  });
});
