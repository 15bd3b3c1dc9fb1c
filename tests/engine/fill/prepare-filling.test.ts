import { expect, test } from 'vitest';
import { fillHole, type HoleFiller } from '../../../src/engine/fill/fill-hole.ts';
import type { FillNetwork } from '../../../src/engine/fill/fill-network.ts';
import { prepareFilling } from '../../../src/engine/fill/prepare-filling.ts';

test('the network and the thread each fill a hole; without either nothing happens', async () => {
  const asked: string[] = [];
  const network: FillNetwork = {
    id: 'fill',
    windowPx: 320,
    largestHolePx: 160,
    predict: (pixels, hole, width, height) => {
      expect([hole.length, pixels.length]).toEqual([width * height, 3 * width * height]);
      expect([hole.includes(0), hole.includes(1)]).toEqual([true, true]);
      asked.push('network');
      return Promise.resolve(pixels);
    },
  };
  const filler: HoleFiller = async (image, options) => {
    const filled = await fillHole(image, options);
    expect(filled.some((value, i) => value !== image.pixels[i])).toBe(true);
    asked.push('thread');
    return filled;
  };
  await prepareFilling(network, filler);
  expect(asked.sort()).toEqual(['network', 'thread']);
  await prepareFilling(undefined, undefined);
});
