import { HeirloomError } from '../../shared/failure.ts';
import type { ParamValues } from '../../shared/params.ts';
import type { Image } from '../image/image.ts';
import { resizeImage } from '../image/resize.ts';
import type { ModelChoice, ModelHub } from '../models/model-hub.ts';
import { contextOf } from '../models/model.ts';
import { defineStep, type Size, type StepTools } from './step.ts';

const params = {
  size: {
    kind: 'choice',
    label: 'Size by',
    help: 'How the size of the result is given.',
    choices: [
      { value: 'factor', label: 'Factor' },
      { value: 'long-side', label: 'Pixels on the long side' },
      { value: 'print', label: 'Print size' },
    ],
    default: 'factor',
  },
  factor: { kind: 'number', label: 'Factor', help: 'How many times wider and higher the result is; 1 restores at the same size.', min: 0.1, max: 8, step: 0.1, default: 2, unit: '×', shownWhen: { param: 'size', is: 'factor' } },
  longSidePx: { kind: 'number', label: 'Long side', help: 'Pixels on the long side of the result.', min: 16, max: 60000, step: 1, default: 4000, unit: 'px', shownWhen: { param: 'size', is: 'long-side' } },
  printLongSideCm: { kind: 'number', label: 'Print, long side', help: 'Long side of the print on paper.', min: 1, max: 500, step: 0.1, default: 30, unit: 'cm', shownWhen: { param: 'size', is: 'print' } },
  printDpi: { kind: 'number', label: 'Print resolution', help: 'Dots per inch of the print.', min: 50, max: 1200, step: 1, default: 300, unit: 'dpi', shownWhen: { param: 'size', is: 'print' } },
  alpha: { kind: 'number', label: 'Fidelity ↔ perception', help: '0 keeps to what the photo shows; 1 invents plausible texture. In between, the weights of both networks are mixed.', min: 0, max: 1, step: 0.01, default: 0.3 },
  model: { kind: 'model', label: 'Model', help: 'The network at α = 0.', role: 'enlarge', default: '' },
  partner: { kind: 'model', label: 'Partner', help: 'The network at α = 1; must have the architecture of the first.', role: 'enlarge', default: '' },
} as const;

type Params = ParamValues<typeof params>;

/** Larger results than this are refused before any work is done. */
const largestSidePx = 120_000;

/** Enlarges through a network and, for sizes that are not the network's own, a Lanczos resize (Real-ESRGAN's way of serving any scale). */
export const enlarge = defineStep({
  id: 'enlarge',
  version: 1,
  title: 'Enlarge',
  summary: 'Makes the photo larger and sharper.',
  params,
  strength: 'none',
  behindFaces: true,
  models: (values, hub) => [hub.key(choose(values, hub))],
  outputSize: (input, values) => targetSize(input, values),
  forPart: (values, whole) => ({ ...values, size: 'factor', factor: targetSize(whole, values).width / whole.width }),
  // A Lanczos resize afterwards sees three more pixels.
  contextPx: async (values, hub) => contextOf(await hub.open(choose(values, hub))) + 3,
  run: async (image, values, { models, store }, context) => {
    const target = targetSize(image, values);
    const model = await models.open(choose(values, models));
    const enlarged = await model.apply(image, store, context.part(0, 0.95));
    if (enlarged.width === target.width && enlarged.height === target.height) return enlarged;
    return resizeOwned(enlarged, target, store, context.part(0.95, 1));
  },
});

async function resizeOwned(image: Image, target: Size, store: StepTools['store'], context: Parameters<typeof resizeImage>[3]['context']): Promise<Image> {
  try {
    return await resizeImage(image, target.width, target.height, { kernel: 'lanczos3', store, context });
  } finally {
    await image.dispose();
  }
}

/** The pair and α a set of parameters stands for. */
export function choose(values: Pick<Params, 'model' | 'partner' | 'alpha'>, hub: ModelHub): ModelChoice {
  const id = values.model || hub.defaultFor('enlarge', 'fidelity') || hub.defaultFor('enlarge');
  if (id === undefined) throw new HeirloomError('missing-model', 'There is no model for enlarging on this machine.', 'Add one in the models panel.');
  const partner = values.partner || hub.entry(id).partner;
  const usable = partner !== undefined && hub.has(partner);
  if (values.partner !== '' && !usable) throw new HeirloomError('missing-model', `${hub.entry(values.partner).title} is not on this machine.`, 'Install it in the models panel, or set α to 0.');
  return usable ? { id, partner, alpha: values.alpha } : { id };
}

/** @throws HeirloomError `bad-input` when the result would be too large to be a picture. */
function targetSize(input: Size, values: Params): Size {
  const long = Math.max(input.width, input.height);
  const wanted = values.size === 'factor' ? long * values.factor : values.size === 'long-side' ? values.longSidePx : (values.printLongSideCm / 2.54) * values.printDpi;
  const factor = wanted / long;
  const size = { width: Math.max(1, Math.round(input.width * factor)), height: Math.max(1, Math.round(input.height * factor)) };
  if (Math.max(size.width, size.height) > largestSidePx) {
    throw new HeirloomError('bad-input', `The result would be ${size.width}×${size.height} pixels; Heirloom goes up to ${largestSidePx} on a side.`, 'Choose a smaller factor.');
  }
  return size;
}
