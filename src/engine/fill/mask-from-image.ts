import { HeirloomError } from '../../shared/failure.ts';
import { emptyMask, type Mask } from '../../shared/mask.ts';
import type { Context } from '../context.ts';
import { colorChannels, hasAlpha, type Image } from '../image/image.ts';
import { eachRows } from '../image/map-rows.ts';

/** As many as a mask takes. */
const mostRuns = 4_000_000;

/**
 * A mask picture as a mask: what is at least half light is selected (white = act); transparent pixels are not.
 *
 * @throws HeirloomError `bad-input` when the picture is so busy that it cannot be a mask; CancelledError.
 */
export async function maskFromImage(image: Image, context: Context): Promise<Mask> {
  const channels = image.channels;
  const colors = colorChannels(image);
  const runs: number[] = [0];
  let isIn = false;
  await eachRows(
    image,
    (rows) => {
      for (let i = 0; i < rows.length; i += channels) {
        let light = 0;
        for (let c = 0; c < colors; c++) light += rows[i + c]! / colors;
        if (hasAlpha(image)) light *= rows[i + colors]!;
        if (light >= 0.5 !== isIn) {
          isIn = !isIn;
          runs.push(0);
        }
        runs[runs.length - 1]!++;
      }
      if (runs.length > mostRuns) {
        throw new HeirloomError(
          'bad-input',
          'The mask picture is too busy to be a mask.',
          'Use a picture that is white where something should go and black elsewhere.',
        );
      }
    },
    context,
  );
  return { ...emptyMask(image), shapes: [{ kind: 'bitmap', runs, erase: false }] };
}
