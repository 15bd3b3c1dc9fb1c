import { repair } from '../engine/steps/repair.ts';
import { type DamageProposal, kindsWanted } from '../shared/damage.ts';
import { checkParams } from '../shared/params.ts';
import type { Recipe, StepUse } from '../shared/recipe.ts';
import type { Terminal } from './command.ts';
import { followJob } from './follow-job.ts';
import type { LocalEngine } from './open-engine.ts';

/** A recipe whose uses of Repair all have a mask, and what was found for those that had none. */
export interface ProposedRecipe {
  readonly recipe: Recipe;
  readonly proposals: readonly DamageProposal[];
  /** Sentences the user should know. */
  readonly notices: readonly string[];
}

/**
 * Looks for damage for every use of Repair that is on and has no mask. On the command line nobody looks at a proposal before it is applied;
 * what was applied is in the recipe, and said.
 */
export async function proposeMasks(
  local: LocalEngine,
  photo: string,
  recipe: Recipe,
  terminal: Terminal,
  json: boolean,
): Promise<ProposedRecipe> {
  let current = recipe;
  const proposals: DamageProposal[] = [];
  const notices: string[] = [];
  for (const use of recipe.steps) {
    if (use.step !== repair.id || !use.enabled || use.mask !== undefined) continue;
    const job = await local.call('mask.propose', { photo, recipe: current, use: use.id });
    const { result } = await followJob(local, job, terminal, json);
    const search = result!.damage!;
    const values = checkParams(repair.params, use.params, repair.title);
    const proposal = await local.call('mask.threshold', {
      damage: search.id,
      sensitivity: values.sensitivity,
      kinds: kindsWanted(values),
      growPx: values.growPx,
    });
    await local.call('mask.release', { damage: search.id });
    proposals.push(proposal);
    notices.push(...search.notices, proposal.sentence);
    const change = (other: StepUse): StepUse =>
      other.id === use.id ? { ...other, mask: proposal.mask } : other;
    current = { ...current, steps: current.steps.map(change) };
  }
  return { recipe: current, proposals, notices };
}
