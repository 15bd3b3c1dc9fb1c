import { expect, test } from 'vitest';
import { runGolden } from './golden.ts';

test('SCUNet matches PyTorch, rolled windows at every resolution', async () => {
  const { architecture, info, maxAbsError } = await runGolden('scu-net');
  expect(architecture.id).toBe('scu-net');
  expect(info).toMatchObject({
    role: 'clean',
    sizeMultiple: 32,
    padMode: 'replicate',
    hyperparameters: { features: 6, blocks: '1-2-1-2-1-1-1', window: 4 },
  });
  expect(maxAbsError).toBeLessThanOrEqual(5e-5);
});
