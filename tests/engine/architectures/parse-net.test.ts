import { describe, expect, it } from 'vitest';
import { parseNetClasses } from '../../../src/engine/architectures/parse-net.ts';
import { runGolden } from './golden.ts';

describe('ParseNet', () => {
  it('gives what PyTorch gives', async () => {
    const { architecture, params, info, maxAbsError } = await runGolden('parse-net');
    expect(architecture.id).toBe('parse-net');
    expect(params).toMatchObject({ width: 4, bodyWidth: 8, halvings: 4, bodyBlocks: 2, classes: 19 });
    expect(info).toMatchObject({
      role: 'face-parse',
      outputChannels: parseNetClasses.length,
      sizeMultiple: 16,
    });
    expect(maxAbsError).toBeLessThan(2e-5);
  });
});
