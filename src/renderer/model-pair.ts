import type { ModelCard } from '../shared/contract.ts';
import type { ParamValue } from '../shared/params.ts';

/** Whether both networks that α mixes are there, for the parameters of a step that has `model` and `partner`. */
export function canMix(cards: readonly ModelCard[], params: Readonly<Record<string, ParamValue>>): boolean {
  const find = (id: unknown): ModelCard | undefined => cards.find((card) => card.id === id && card.present);
  if (params['partner']) return find(params['partner']) !== undefined;
  const first = params['model']
    ? find(params['model'])
    : cards.find((card) => card.present && card.role === 'enlarge' && card.end === 'fidelity');
  return first?.partner !== undefined && find(first.partner) !== undefined;
}
