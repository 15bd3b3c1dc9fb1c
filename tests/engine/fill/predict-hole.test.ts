import { describe, expect, test } from 'vitest';
import { fillHole, widest } from '../../../src/engine/fill/fill-hole.ts';
import { createFillNetwork, type FillNetwork } from '../../../src/engine/fill/fill-network.ts';
import { predictHole } from '../../../src/engine/fill/predict-hole.ts';
import type { HoleImage } from '../../../src/engine/fill/patch-level.ts';
import { goldenNetwork } from './fill-networks.ts';
import { errorInHole, stepsAcross, textured, textures } from './textures.ts';

const box = (x: number, y: number): boolean => x >= 30 && x < 66 && y >= 34 && y < 62;

/** A network that knows the truth, but sees everything soft and too bright; it notes what it was shown. */
function oracle(truth: Float32Array, image: HoleImage, options: { bias?: number; windowPx?: number } = {}): FillNetwork & { readonly shown: number[] } {
  const { bias = 0.2, windowPx = 96 } = options;
  const shown: number[] = [];
  return {
    id: 'oracle',
    windowPx,
    largestHolePx: windowPx / 2,
    shown,
    predict: async (pixels, hole, width, height) => {
      shown.push(Math.max(width, height));
      // Finds its place by what is known of the truth: only whole pictures are shown here.
      const factor = Math.round(image.width / width);
      const result = new Float32Array(pixels.length);
      for (let i = 0; i < width * height; i++) {
        const at = Math.min(image.height - 1, factor * Math.floor(i / width)) * image.width + Math.min(image.width - 1, factor * (i % width));
        for (let c = 0; c < 3; c++) {
          const value = truth[at * image.channels + (image.channels === 3 ? c : 0)]!;
          result[3 * i + c] = hole[i] === 1 ? Math.min(1, value + bias) : value;
        }
      }
      return result;
    },
  };
}

describe('a prediction', () => {
  test('is brought to the tones along the rim', async () => {
    const [, , edge] = textures;
    const { image, truth } = textured(edge!, 96, 3, box);
    // A window larger than the picture: it is shown whole.
    const network = oracle(truth, image, { bias: 0.1, windowPx: 300 });
    const { pixels, factor } = await predictHole(image, widest(image.hole, 96, 96), network);
    expect(factor).toBe(1);
    expect(errorInHole(image, pixels, truth)).toBeLessThan(0.03);
    pixels.forEach((value, i) => {
      if (image.hole[Math.floor(i / 3)] === 0) expect(value).toBe(image.pixels[i]);
    });
  });

  test('of a wide hole is made from a smaller picture, of a long one piece by piece', async () => {
    const wide = textured(textures[2]!, 160, 1, (x, y) => x >= 40 && x < 120 && y >= 40 && y < 120);
    const network = oracle(wide.truth, wide.image, { windowPx: 96 });
    const { factor } = await predictHole(wide.image, 40, network);
    expect(factor).toBe(3);
    expect(Math.max(...network.shown)).toBeLessThanOrEqual(96);

    const long = textured(textures[2]!, 160, 1, (x, y) => Math.abs(y - 80) < 6 && x > 3 && x < 157);
    const seen: number[] = [];
    const gray: FillNetwork = {
      id: 'gray',
      windowPx: 96,
      largestHolePx: 48,
      predict: async (pixels, _hole, width, height) => {
        seen.push(width * height);
        return new Float32Array(pixels.length).fill(0.5);
      },
    };
    const { pixels } = await predictHole(long.image, 6, gray);
    expect(seen.length).toBeGreaterThan(2);
    expect(Math.max(...seen)).toBeLessThanOrEqual(96 * 96);
    expect(pixels.every((value) => Number.isFinite(value))).toBe(true);
  });
});

describe.each(['la-ma.pt', 'mi-gan.pth', 'context-encoder.pth', 'context-encoder-channel-wise.pth'])('%s', (file) => {
  test('fills by every method, gray and in color, and changes nothing else', async () => {
    const network = createFillNetwork(await goldenNetwork(file));
    for (const channels of [1, 3] as const) {
      const { image } = textured(textures[3]!, 96, channels, box);
      const prediction = await predictHole(image, widest(image.hole, 96, 96), network);
      const results: Float32Array[] = [];
      for (const method of ['network', 'together'] as const) {
        const filled = await fillHole(image, { method, seed: 1, prediction });
        filled.forEach((value, i) => {
          if (image.hole[Math.floor(i / channels)] === 0) expect(value).toBe(image.pixels[i]);
          else expect(Number.isFinite(value)).toBe(true);
        });
        results.push(filled);
      }
      expect(errorInHole(image, results[0]!, results[1]!)).toBeGreaterThan(0.001);
    }
  });
});

describe('together', () => {
  test('patches take structure from a network that is right, and are hardly worse with one that is wrong', async () => {
    const island = {
      name: 'island',
      at: (x: number, y: number): number => ((x - 48) ** 2 + (y - 48) ** 2 < 81 || x > 74 ? 0.85 : 0.25) + 0.03 * Math.sin(x * 1.9) * Math.sin(y * 1.7),
    };
    const { image, truth } = textured(island, 96, 1, (x, y) => Math.abs(x - 48) < 20 && Math.abs(y - 48) < 20);
    const error = async (predicted: Float32Array | undefined): Promise<number> => {
      const method = predicted === undefined ? 'exemplar' : 'together';
      const prediction = predicted === undefined ? {} : { prediction: { pixels: predicted, factor: 1 } };
      return errorInHole(image, await fillHole(image, { method, seed: 3, ...prediction }), truth);
    };
    const blurred = truth.map((_, i) => {
      let sum = 0;
      for (let dy = -2; dy <= 2; dy++) for (let dx = -2; dx <= 2; dx++) sum += truth[Math.min(truth.length - 1, Math.max(0, i + 96 * dy + dx))]! / 25;
      return sum;
    });
    const alone = await error(undefined);
    expect(await error(blurred)).toBeLessThan(0.6 * alone);
    const wrong = truth.map((value, i) => (image.hole[i] === 1 ? 0.25 + 0.1 * Math.sin((i % 96) * 0.3) : value));
    expect(await error(wrong)).toBeLessThan(1.4 * alone);
  });

  test('the step across the rim stays that of the texture', async () => {
    const { image, truth } = textured(textures[3]!, 96, 3, box);
    const prediction = { pixels: truth.map((value) => 0.7 * value + 0.15), factor: 1 };
    const filled = await fillHole(image, { method: 'together', seed: 1, prediction });
    expect(stepsAcross(image, filled)).toBeLessThan(1.5 * stepsAcross(image, truth));
  });
});

test('what does not fill holes is refused in a sentence', async () => {
  const network = await goldenNetwork('compact-x1.pth');
  expect(() => createFillNetwork(network)).toThrow('compact-x1.pth does not fill holes in color pictures.');
});
