import { faceEditsSchema } from './face-edit.ts';
import { HeirloomError } from './failure.ts';
import { maskSchema } from './mask.ts';
import { migrateRecipe } from './recipe-migration.ts';
import { removalSchema } from './removal.ts';
import { array, boolean, type Infer, integer, number, object, oneOf, optional, record, string, union } from './schema.ts';

/** One use of a step in a recipe. */
const stepUse = object({
  /** Unique within the recipe; stays when the step is moved or its params change. */
  id: string(100),
  /** Id of the step, e.g. 'enlarge'. */
  step: string(100),
  /** The step's version the params were made for. */
  version: integer(1, 1_000_000),
  enabled: boolean(),
  /** 0 = as before the step, 1 = full effect. */
  strength: number(0, 1),
  params: record(union(number(), boolean(), string(1000))),
  /** Where it acts; everywhere if left out. */
  mask: optional(maskSchema),
  /** What it takes away, in order; for a step that holds several removals. */
  entries: optional(array(removalSchema, 1000)),
  /** What was decided about single faces; only for the step that restores them. */
  faces: optional(faceEditsSchema),
});

/**
 * What is done to a photo, as plain versioned JSON: the document, an undo entry, the CLI's `--recipe`, a batch and a test case.
 */
export const recipeSchema = object({
  format: oneOf('heirloom-recipe'),
  version: oneOf(1),
  steps: array(stepUse, 100),
});

export type StepUse = Infer<typeof stepUse>;
export type Recipe = Infer<typeof recipeSchema>;

export const emptyRecipe: Recipe = { format: 'heirloom-recipe', version: 1, steps: [] };

/**
 * Reads a recipe from JSON text, also one that an earlier version wrote.
 *
 * @throws HeirloomError `bad-input` naming `where` and what is wrong.
 */
export function parseRecipe(text: string, where: string): Recipe {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HeirloomError('bad-input', `${where} is not valid JSON.`, 'Save the recipe again from Heirloom.');
  }
  try {
    const recipe = recipeSchema.parse(value);
    const ids = new Set(recipe.steps.map((use) => use.id));
    if (ids.size !== recipe.steps.length) throw new HeirloomError('bad-input', 'two steps share one id.');
    return migrateRecipe(recipe);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new HeirloomError('bad-input', `${where} is not a Heirloom recipe: ${reason}`);
  }
}
