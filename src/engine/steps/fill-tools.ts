import type { FillImageOptions } from '../fill/fill-image.ts';
import { openFillNetwork } from '../fill/fill-network.ts';
import type { ModelHub } from '../models/model-hub.ts';
import type { StepTools } from './step.ts';

/** The methods a step that fills offers, as choices of a parameter. */
export const fillMethods = [
  { value: 'auto', label: 'Automatic' },
  { value: 'together', label: 'A network and patches of the surroundings together' },
  { value: 'network', label: 'A network alone' },
  { value: 'exemplar', label: 'Patches of the surroundings' },
  { value: 'telea', label: 'Continuing the edges: fast, for hair-thin scratches' },
] as const;

/**
 * What `fillImage` needs of this machine: the network with the id `model`, or the first there is, and the thread that fills.
 *
 * @throws HeirloomError `missing-model` when the one that was named is not here; `unsupported-model` when it does something else.
 */
export async function fillTools(
  model: string,
  { store, models, filler }: Pick<StepTools, 'store' | 'models' | 'filler'>,
): Promise<Pick<FillImageOptions, 'store' | 'network' | 'filler'>> {
  const network = await openFillNetwork(models, model);
  return { store, ...(network === undefined ? {} : { network }), ...(filler === undefined ? {} : { filler }) };
}

/** Keys of the networks that a fill may ask: part of what its result is known by. */
export function fillModels(model: string, hub: Pick<ModelHub, 'defaultFor' | 'key'>): readonly string[] {
  const id = model || hub.defaultFor('fill');
  return id === undefined ? [] : [hub.key({ id })];
}
