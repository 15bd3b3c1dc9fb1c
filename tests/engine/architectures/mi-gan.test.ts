import { describe, expect, it } from 'vitest';
import { readGoldenTensors, runGolden } from './golden.ts';

describe('MI-GAN', () => {
  it('gives what PyTorch gives and leaves what is outside the mask unchanged', async () => {
    const { architecture, params, info, outputs, maxAbsError } = await runGolden('mi-gan');
    expect(architecture.id).toBe('mi-gan');
    expect(params).toMatchObject({ sizePx: 16, widths: [16, 12, 8] });
    expect(info).toMatchObject({ role: 'fill', inputRange: [-1, 1], fixedSize: { width: 16, height: 16 } });
    expect(maxAbsError).toBeLessThan(2e-5);
    const stored = readGoldenTensors('mi-gan');
    const mask = stored.get('mask')?.data as Float32Array;
    const input = stored.get('input')?.data as Float32Array;
    const output = outputs.output?.data as Float32Array;
    const changed = [...output].filter(
      (value, index) => mask[index % mask.length] === 0 && value !== input[index],
    );
    expect(changed).toHaveLength(0);
  });
});
