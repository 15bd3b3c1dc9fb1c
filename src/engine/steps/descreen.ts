import { blockSide, removeScreen } from '../screen/remove-screen.ts';
import { measureScreen, type Screen } from '../screen/measure-screen.ts';
import type { Image } from '../image/image.ts';
import { defineStep, type StepTools } from './step.ts';

const longestPeriodPx = 20;

const params = {
  smooth: {
    kind: 'number',
    label: 'Smoothing',
    help: 'How much of what is finer than the dots goes with them; clear edges stay.',
    min: 0,
    max: 1,
    step: 0.05,
    default: 0.5,
  },
  periodPx: {
    kind: 'number',
    label: 'Dot distance',
    help: 'Between rows of dots; 0 measures it, and leaves a photo without a screen as it is.',
    min: 0,
    max: longestPeriodPx,
    step: 0.01,
    default: 0,
    unit: 'px',
  },
  angleDeg: {
    kind: 'number',
    label: 'Angle',
    help: 'Direction of the rows of dots; only used with a dot distance.',
    min: 0,
    max: 90,
    step: 0.1,
    default: 45,
    unit: '°',
  },
} as const;

/** Finer dots cannot be told from detail. */
const shortestPeriodPx = 2;

/** Takes away the dots of a halftone print. A photo in which no screen is measured comes out as it went in. */
export const descreen = defineStep({
  id: 'descreen',
  version: 1,
  title: 'Descreen',
  summary: 'Takes away the dots of a print from a newspaper or a book.',
  params,
  strength: 'blend',
  models: () => [],
  outputSize: (input) => ({ width: input.width, height: input.height }),
  contextPx: async ({ periodPx }) => blockSide(periodPx === 0 ? longestPeriodPx : periodPx),
  run: async (image, { smooth, periodPx, angleDeg }, tools, context) => {
    const screen = periodPx === 0 ? await measure(image, tools) : { periodPx, angleDeg };
    if (screen === undefined || screen.periodPx < shortestPeriodPx) return image;
    const origin = tools.original?.part ?? { x: 0, y: 0 };
    return removeScreen(image, screen, { smooth, origin, store: tools.store, context });
  },
});

/** Of the whole photo, so that a preview of a part shows what the whole becomes. */
async function measure(
  image: Image,
  { original }: StepTools,
): Promise<Pick<Screen, 'periodPx' | 'angleDeg'> | undefined> {
  const isScaled = original === undefined || original.part.width !== image.width;
  return measureScreen(isScaled ? image : original.image);
}
