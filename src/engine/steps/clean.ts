import { HeirloomError } from '../../shared/failure.ts';
import type { ParamValues } from '../../shared/params.ts';
import { zipRows } from '../image/map-rows.ts';
import { contextOf } from '../models/model.ts';
import type { ModelChoice, ModelHub } from '../models/model-hub.ts';
import { defineStep } from './step.ts';

const params = {
  model: { kind: 'model', label: 'Gentle end', help: 'The network at low strength: removes compression blocks, keeps grain.', role: 'clean', default: '' },
  partner: { kind: 'model', label: 'Strong end', help: 'The network at full strength; must have the architecture of the first.', role: 'clean', default: '' },
} as const;

/** Up to this strength the photo is mixed with the gentle network's result; above it the two networks' weights are interpolated. */
const gentleUntil = 0.3;

/** Removes noise, compression blocks and ringing; strength interpolates the weights of a gentle and a strong network. */
export const clean = defineStep({
  id: 'clean',
  version: 1,
  title: 'Clean',
  summary: 'Removes noise, compression blocks and ringing.',
  params,
  strength: 'own',
  models: (values, hub) => [hub.key(choose(values, hub, 1)), hub.key(choose(values, hub, 0))],
  outputSize: (input) => ({ width: input.width, height: input.height }),
  contextPx: async (values, hub) => contextOf(await hub.open(choose(values, hub, 0))),
  run: async (image, values, { models, store, strength }, context) => {
    if (strength === 0) return image;
    const alpha = Math.max(0, (strength - gentleUntil) / (1 - gentleUntil));
    const model = await models.open(choose(values, models, Math.round(alpha * 100) / 100));
    if (model.info.scale !== 1) throw new HeirloomError('bad-input', `${model.id} enlarges by ${model.info.scale} and cannot be used for cleaning.`, 'Choose a model of scale 1.');
    const cleaned = await model.apply(image, store, context.part(0, 0.95));
    if (strength >= gentleUntil) return cleaned;
    const share = strength / gentleUntil;
    try {
      return await zipRows(image, cleaned, { store }, (before, after) => before.map((value, i) => value + share * ((after[i] as number) - value)), context.part(0.95, 1));
    } finally {
      await cleaned.dispose();
    }
  },
});

function choose(values: ParamValues<typeof params>, hub: ModelHub, alpha: number): ModelChoice {
  const id = values.model || hub.defaultFor('clean', 'gentle') || hub.defaultFor('clean');
  if (id === undefined) throw new HeirloomError('missing-model', 'There is no model for cleaning on this machine.', 'Add one in the models panel.');
  const partner = values.partner || hub.entry(id).partner;
  return partner !== undefined && hub.has(partner) ? { id, partner, alpha } : { id };
}
