import { expect, test } from 'vitest';
import { runGolden } from './golden.ts';

/** Fixture, architecture and the hyperparameters that must be read back from the file. */
const cases: readonly (readonly [string, string, Record<string, unknown>])[] = [
  ['scu-net', 'scu-net', { features: 6, blocks: [1, 2, 1, 2, 1, 1, 1], windowPx: 4 }],
  ['naf-net', 'naf-net', { width: 6, encoderBlocks: [1, 2], middleBlocks: 1, decoderBlocks: [1, 1] }],
  [
    'swin-ir-real-x4',
    'swin-ir',
    {
      features: 12,
      depths: [2, 3],
      heads: 2,
      windowPx: 4,
      groupEnd: '3conv',
      upsampler: 'nearest+conv',
      scale: 4,
    },
  ],
  ['swin-ir-classical-x3', 'swin-ir', { heads: 3, groupEnd: '1conv', upsampler: 'pixelshuffle', scale: 3 }],
  ['swin-ir-light-x2', 'swin-ir', { features: 8, upsampler: 'pixelshuffledirect', scale: 2 }],
  ['swin-ir-jpeg', 'swin-ir', { windowPx: 7, upsampler: 'none', internalRange: 255, scale: 1 }],
  ['swin-ir-gray', 'swin-ir', { channels: 1, windowPx: 4, upsampler: 'none', internalRange: 1 }],
];

test.each(cases)(
  '%s is recognized as %s, measured, and gives what PyTorch gives',
  async (name, id, expected) => {
    const { architecture, params, maxAbsError } = await runGolden(name);
    expect(architecture.id).toBe(id);
    expect(params).toMatchObject(expected);
    expect(maxAbsError).toBeLessThanOrEqual(2e-5);
  },
);
