import { mapRows } from '../image/map-rows.ts';
import { defineStep } from './step.ts';
import { createToner, isNeutral, toneParams } from './tone-levels.ts';

export { analyzeTone, suggestTone } from './tone-analysis.ts';

/** Gives a faded print its black, its white and its colors back. Gray stays gray; a tint stays unless its cast is set to be taken away. */
export const tone = defineStep({
  id: 'tone',
  version: 1,
  title: 'Tone',
  summary: 'Brings back the contrast and the colors of a faded print.',
  params: toneParams,
  strength: 'blend',
  models: () => [],
  outputSize: (input) => ({ width: input.width, height: input.height }),
  run: async (image, values, { store }, context) => {
    if (isNeutral(values)) return image;
    const apply = createToner(values, image.channels);
    const change = (rows: Float32Array): Float32Array => {
      apply(rows);
      return rows;
    };
    return mapRows(image, { store }, change, context);
  },
});
