import { HeirloomError } from '../../shared/failure.ts';
import type { ModelChoice, ModelHub } from '../models/model-hub.ts';

type Hub = Pick<ModelHub, 'defaultFor' | 'entry' | 'has'>;

/**
 * The restorer for a face: the chosen network, or the first on this machine (the fidelity end of a pair before others), at α towards its partner where that is there.
 *
 * @throws HeirloomError `missing-model` when there is none.
 */
export function chooseFaceRestorer(hub: Hub, id: string, alpha: number): ModelChoice {
  const chosen = id || hub.defaultFor('face-restore', 'fidelity') || hub.defaultFor('face-restore');
  if (chosen === undefined) {
    throw new HeirloomError(
      'missing-model',
      'There is no model for restoring faces on this machine.',
      'Add one, such as GFPGAN or RestoreFormer, in the models panel or with "heirloom models add FILE".',
    );
  }
  const { partner } = hub.entry(chosen);
  return partner !== undefined && hub.has(partner) ? { id: chosen, partner, alpha } : { id: chosen };
}
