import type { Context } from '../context.ts';
import { colorChannels, type Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { mapRows } from '../image/map-rows.ts';
import { grainField } from './grain-field.ts';
import { type Grain, grainLevels } from './measure-grain.ts';

export interface AddGrainOptions {
  readonly seed: number;
  /** Where the picture lies in the whole it is a part of, in its own pixels. */
  readonly origin: { readonly x: number; readonly y: number };
  readonly store: ImageStore;
  readonly context: Context;
}

/** Seeds of the channels' own grain lie this far apart. */
const channelSeeds = 1_000_003;

/**
 * A new picture with grain: of each light as strong as `grain` says, the same for all channels as far as it says. Channels that are equal
 * stay equal when the grain has no color; alpha is kept.
 */
export async function addGrain(
  image: Image,
  grain: Grain,
  { seed, origin, store, context }: AddGrainOptions,
): Promise<Image> {
  const { channels, width } = image;
  const colors = colorChannels(image);
  const [ofShared, ofOwn] = colors === 1 ? [1, 0] : [Math.sqrt(1 - grain.color), Math.sqrt(grain.color)];
  const change = (rows: Float32Array, y: number, height: number): Float32Array => {
    const rect = { x: origin.x, y: origin.y + y, width, height };
    const shared = grainField(rect, grain.sizePx, seed);
    const own =
      ofOwn === 0
        ? []
        : Array.from({ length: colors }, (_, c) =>
            grainField(rect, grain.sizePx, seed + channelSeeds * (c + 1)),
          );
    for (let i = 0; i < shared.length; i++) {
      const at = i * channels;
      let light = 0;
      for (let c = 0; c < colors; c++) light += rows[at + c]! / colors;
      const deviation = deviationAt(grain, light);
      if (deviation === 0) continue;
      for (let c = 0; c < colors; c++) {
        const before = rows[at + c]!;
        const noise = ofShared * shared[i]! + (ofOwn === 0 ? 0 : ofOwn * own[c]![i]!);
        // Within black and white, but what lay beyond (a wider gamut) may stay there.
        rows[at + c] = Math.min(
          Math.max(1, before),
          Math.max(Math.min(0, before), before + deviation * noise),
        );
      }
    }
    return rows;
  };
  return mapRows(image, { store }, change, context);
}

function deviationAt({ deviation }: Grain, light: number): number {
  const at = Math.min(1, Math.max(0, light)) * (grainLevels - 1);
  const below = Math.min(grainLevels - 2, Math.floor(at));
  return deviation[below]! + (at - below) * (deviation[below + 1]! - deviation[below]!);
}
