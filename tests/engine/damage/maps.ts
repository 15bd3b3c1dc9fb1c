import { type DamageMap, emptyMap, evidenceOf } from '../../../src/engine/damage/damage-map.ts';
import type { ModelInfo } from '../../../src/engine/architectures/architecture.ts';
import type { Network } from '../../../src/engine/models/network.ts';
import type { DamageKind } from '../../../src/shared/damage.ts';

/** A map with rectangles of one probability (0 to 1) and kind each. */
export function mapOf(
  width: number,
  height: number,
  kinds: readonly DamageKind[],
  rectangles: readonly (readonly [
    x: number,
    y: number,
    w: number,
    h: number,
    probability: number,
    kind: number,
  ])[],
  picture: { readonly width: number; readonly height: number } = { width, height },
): DamageMap {
  const map = emptyMap({ width, height }, picture, kinds);
  for (const [x0, y0, w, h, probability, kind] of rectangles) {
    for (let y = y0; y < y0 + h; y++) {
      map.evidence.fill(evidenceOf(probability), y * width + x0, y * width + x0 + w);
      map.kind.fill(kind, y * width + x0, y * width + x0 + w);
    }
  }
  return map;
}

const info: ModelInfo = {
  role: 'scratch-detect',
  scale: 1,
  inputChannels: 1,
  outputChannels: 1,
  sizeMultiple: 16,
  padMode: 'reflect',
  receptiveFieldPx: 100,
  tileable: true,
  inputRange: [-1, 1],
  outputRange: [0, 1],
  hyperparameters: {},
  flopPerPixel: 1000,
};

/** A network that answers pixel by pixel: `answer` gets the gray value in [-1, 1] and gives a probability for each output. */
export function pointNetwork(
  outputs: number,
  answer: (value: number, output: number) => number,
  seen: { sizes: string[]; lowest: number; highest: number } = {
    sizes: [],
    lowest: Infinity,
    highest: -Infinity,
  },
): Network {
  return {
    id: 'point',
    architecture: 'Point',
    info: { ...info, outputChannels: outputs },
    run: async ({ input }) => {
      const [, , height = 0, width = 0] = input!.dims;
      seen.sizes.push(`${width}x${height}`);
      const data = new Float32Array(outputs * width * height);
      for (let i = 0; i < width * height; i++) {
        const value = Number(input!.data[i]);
        seen.lowest = Math.min(seen.lowest, value);
        seen.highest = Math.max(seen.highest, value);
        for (let output = 0; output < outputs; output++)
          data[output * width * height + i] = answer(value, output);
      }
      return { output: { data, dims: [1, outputs, height, width] } };
    },
  };
}
