import { HeirloomError } from '../../shared/failure.ts';
import type { Network } from '../models/network.ts';
import type { ModelHub } from '../models/model-hub.ts';
import { paddedIndex } from '../models/tile-tensors.ts';

/** A network that invents what is hidden, asked with pictures in memory. */
export interface FillNetwork {
  readonly id: string;
  /** Longest side of what it is shown at once, in pixels. */
  readonly windowPx: number;
  /** Longest side of a hole in it. */
  readonly largestHolePx: number;
  /**
   * @param pixels (height, width, 3), 0 to 1; sides at most `windowPx`.
   * @param hole 1 where to fill, (height, width).
   * @returns what it would put in the hole, (height, width, 3), 0 to 1; meaningless elsewhere.
   * @throws HeirloomError `out-of-memory` or `device`.
   */
  predict(pixels: Float32Array, hole: Uint8Array, width: number, height: number): Promise<Float32Array>;
}

/** What networks without a fixed size are shown at once: they were trained at 256 pixels, and go a little beyond. */
const freeWindowPx = 320;

/**
 * The fill network with this id, or the first one that is on this machine.
 *
 * @returns undefined when none was named and there is none.
 * @throws HeirloomError `missing-model`, `unsupported-model` when it does something else.
 */
export async function openFillNetwork(
  hub: Pick<ModelHub, 'defaultFor' | 'openNetwork'>,
  id = '',
): Promise<FillNetwork | undefined> {
  const chosen = id || hub.defaultFor('fill');
  return chosen === undefined ? undefined : createFillNetwork(await hub.openNetwork(chosen));
}

/** @throws HeirloomError `unsupported-model` when it does not fill holes. */
export function createFillNetwork({ id, info, run }: Network): FillNetwork {
  if (info.role !== 'fill' || info.inputChannels !== 3) {
    throw new HeirloomError(
      'unsupported-model',
      `${id} does not fill holes in color pictures.`,
      'Choose a model made for that, such as LaMa or MI-GAN.',
    );
  }
  const windowPx = info.fixedSize?.width ?? freeWindowPx;
  // The context encoder in its first form sees nothing but the middle of its window.
  const predicted = info.hyperparameters['predicted size'];
  const isMiddleOnly = typeof predicted === 'number' && predicted < windowPx;
  return {
    id,
    windowPx,
    largestHolePx: isMiddleOnly ? predicted - 4 : windowPx / 2,
    predict: async (pixels, hole, width, height) => {
      const size = {
        width: info.fixedSize?.width ?? roundUp(width, info.sizeMultiple),
        height: info.fixedSize?.height ?? roundUp(height, info.sizeMultiple),
      };
      // In a fixed window the picture lies in the middle, where such networks look.
      const left = info.fixedSize === undefined ? 0 : (size.width - width) >> 1;
      const top = info.fixedSize === undefined ? 0 : (size.height - height) >> 1;
      const from = sourceIndices(size, { left, top, width, height });
      const area = size.width * size.height;
      const [low, high] = info.inputRange;
      const input = new Float32Array(3 * area);
      const mask = new Float32Array(area);
      for (let i = 0; i < area; i++) {
        mask[i] = hole[from[i]!]!;
        for (let c = 0; c < 3; c++) input[c * area + i] = low + (high - low) * pixels[from[i]! * 3 + c]!;
      }
      const outputs = await run({
        input: { data: input, dims: [1, 3, size.height, size.width] },
        mask: { data: mask, dims: [1, 1, size.height, size.width] },
      });
      const output = outputs['output'];
      if (output === undefined) throw new HeirloomError('device', `${id} gave no picture.`);
      const [lowest, highest] = info.outputRange;
      const result = new Float32Array(3 * width * height);
      for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
          const at = (y + top) * size.width + x + left;
          for (let c = 0; c < 3; c++) {
            const value = (Number(output.data[c * area + at]) - lowest) / (highest - lowest);
            result[i * 3 + c] = Math.min(1, Math.max(0, value));
          }
        }
      }
      return result;
    },
  };
}

function roundUp(length: number, multiple: number): number {
  return Math.ceil(length / multiple) * multiple;
}

/** For every pixel of the window the one of the picture that stands there, mirrored at its edges. */
function sourceIndices(
  window: { readonly width: number; readonly height: number },
  picture: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
): Int32Array {
  const mirrored = (position: number, length: number): number =>
    paddedIndex(position < 0 ? -1 - position : position, length, 'symmetric');
  return Int32Array.from({ length: window.width * window.height }, (_, i) => {
    const x = mirrored((i % window.width) - picture.left, picture.width);
    const y = mirrored(Math.floor(i / window.width) - picture.top, picture.height);
    return y * picture.width + x;
  });
}
