import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { createSession, maxAbsDifference, openGolden, readGoldenTensors, runGolden } from './golden.ts';

describe('LaMa', () => {
  it.each([
    ['la-ma', 'a traced file, maps of odd sides'],
    ['la-ma-even', 'a checkpoint, maps of even sides'],
  ])('gives what PyTorch gives: %s, %s', async (name) => {
    const { architecture, params, info, maxAbsError } = await runGolden(name);
    expect(architecture.id).toBe('la-ma');
    expect(params).toMatchObject({ halvings: 3, blocks: 2, localWidth: 4, globalWidth: 12 });
    expect(info).toMatchObject({ role: 'fill', sizeMultiple: 8, padMode: 'symmetric', tileable: false });
    expect(maxAbsError).toBeLessThan(2e-5);
  });

  it('serves both sizes with one session, and leaves what is outside the mask unchanged', async () => {
    const session = await createSession(openGolden('la-ma'));
    for (const name of ['la-ma', 'la-ma-even']) {
      const stored = readGoldenTensors(name);
      const input = stored.get('input') as Tensor;
      const mask = stored.get('mask') as Tensor;
      const { output } = await session.run({ input, mask });
      const pixels = output?.data as Float32Array;
      const area = mask.data.length;
      const changed = [...pixels].filter(
        (value, index) => mask.data[index % area] === 0 && value !== input.data[index],
      );
      expect(changed).toHaveLength(0);
      const none = new Tensor('float32', new Float32Array(area), [...mask.dims]);
      const untouched = await session.run({ input, mask: none });
      expect(maxAbsDifference(untouched.output as Tensor, input)).toBe(0);
    }
    await session.release();
  });
});
