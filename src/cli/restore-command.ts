import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { describeStep, steps as engineSteps } from '../engine/steps/registry.ts';
import type { PhotoInfo, StepDescription } from '../shared/contract.ts';
import { HeirloomError } from '../shared/failure.ts';
import { parseRecipe, type Recipe } from '../shared/recipe.ts';
import { type Command, type Terminal, UsageError } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { exportFlags, exportOptionsFrom, extensionOf } from './export-flags.ts';
import { describeFlags, type Flag, parseFlags, type ParsedFlags } from './flags.ts';
import { duration, followJob } from './follow-job.ts';
import { withEngine } from './open-engine.ts';
import { proposeMasks } from './propose-masks.ts';
import { applyRecipeFlags, expandPrincipals, recipeFlags } from './recipe-flags.ts';

const ownFlags: readonly Flag[] = [
  { name: 'output', short: 'o', takes: 'FILE', help: 'Where to save; next to the photo, as "NAME-restored", if left out. Never the photo itself.' },
  { name: 'recipe', takes: 'FILE', help: 'Start from this recipe instead of what Heirloom proposes for the photo.' },
  { name: 'plain', help: 'Start with every step off instead.' },
  { name: 'save-recipe', takes: 'FILE', help: 'Also write the recipe that was used.' },
  { name: 'overwrite', help: 'Replace an output that exists.' },
  { name: 'allow-damaged', help: 'Open what can be read of a damaged photo.' },
  { name: 'json', help: 'Print one JSON object a line instead of text.' },
  { name: 'verbose', help: 'Print the log.' },
];

function stepDescriptions(): readonly StepDescription[] {
  return engineSteps.map(describeStep);
}

export const restoreCommand: Command = {
  name: 'restore',
  summary: 'restore a photo and save the result',
  help: () => `heirloom restore PHOTO [-o FILE] [flags]

Restores a photo. Without flags it does what Heirloom proposes for that photo, as in the studio.

  heirloom restore old.jpg -o new.png --enlarge 4 --alpha 0.3
  heirloom restore old.jpg -o new.png --faces on --face-strength 0.5

${describeFlags(ownFlags)}

How the result is saved:
${describeFlags(exportFlags)}

Steps (naming a step or one of its parameters turns it on, --STEP off or --no-STEP leaves it out):
${describeFlags(recipeFlags(stepDescriptions()))}
`,
  run: async (args, terminal) => {
    const steps = stepDescriptions();
    const flags = parseFlags(expandPrincipals(args, steps), [...ownFlags, ...exportFlags, ...recipeFlags(steps)]);
    const [photo, ...more] = flags.positionals;
    if (photo === undefined) throw new UsageError('Which photo? Name a file: heirloom restore PHOTO.');
    if (more.length > 0) throw new UsageError(`One photo at a time, but ${more.length + 1} were named.`);
    if (flags.has('plain') && flags.has('recipe')) throw new UsageError('--plain and --recipe do not go together.');
    // What is wrong with the flags is said before anything is opened.
    applyRecipeFlags(await startRecipe(flags), flags, steps);
    return restore(resolve(photo), flags, steps, terminal);
  },
};

async function restore(path: string, flags: ParsedFlags, steps: readonly StepDescription[], terminal: Terminal): Promise<number> {
  const json = flags.has('json');
  const startedMs = performance.now();
  return withEngine(terminal, flags.has('verbose'), async (local) => {
    const name = basename(path);
    const photo = await local.call('photo.open', { id: randomUUID(), path, name, allowDamaged: flags.has('allow-damaged') });
    const wanted = applyRecipeFlags(await startRecipe(flags, photo), flags, steps);
    const given = flags.text('output');
    const options = exportOptionsFrom(flags, given, photo.exportDefaults);
    const output = given === undefined ? join(dirname(path), `${basename(path, extname(path))}-restored${extensionOf[options.format]}`) : resolve(given);
    if (json) terminal.out(`${JSON.stringify({ event: 'opened', photo: describePhoto(photo), recipe: wanted })}\n`);
    else for (const notice of photo.notices) terminal.err(`${notice}\n`);
    const { recipe, notices: found } = await proposeMasks(local, photo.id, wanted, terminal, json);
    const job = await local.call('export.start', { photo: photo.id, recipe, path: output, options, overwrite: flags.has('overwrite') });
    const { result } = await followJob(local, job, terminal, json);
    await saveRecipe(flags, recipe);
    const seconds = (performance.now() - startedMs) / 1000;
    const notices = [...found, ...(result?.notices ?? [])];
    if (json) terminal.out(`${JSON.stringify({ event: 'done', output, notices, seconds })}\n`);
    else {
      for (const notice of notices) terminal.err(`${notice}\n`);
      terminal.out(`${given ?? output} (${doneSteps(recipe, steps)}; ${duration(seconds)})\n`);
    }
    return exitCodes.ok;
  });
}

/** What the flags change: a recipe file, no step at all, or what is proposed for the photo. */
async function startRecipe(flags: ParsedFlags, photo?: PhotoInfo): Promise<Recipe> {
  const file = flags.text('recipe');
  if (file !== undefined) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new HeirloomError('file', `The recipe ${file} cannot be read.`, 'Check its name and permissions.', { cause: error });
    });
    return parseRecipe(text, file);
  }
  const proposed: Recipe = photo?.suggestion ?? { format: 'heirloom-recipe', version: 1, steps: [] };
  return flags.has('plain') ? { ...proposed, steps: proposed.steps.map((use) => ({ ...use, enabled: false })) } : proposed;
}

async function saveRecipe(flags: ParsedFlags, recipe: Recipe): Promise<void> {
  const file = flags.text('save-recipe');
  if (file === undefined) return;
  await writeFile(file, `${JSON.stringify(recipe, undefined, 2)}\n`, { flag: flags.has('overwrite') ? 'w' : 'wx' }).catch((error: unknown) => {
    throw new HeirloomError('file', `The recipe cannot be written to ${file}.`, 'Choose another name, or add --overwrite.', { cause: error });
  });
}

function describePhoto({ name, image, format, bitDepth, notices }: PhotoInfo): object {
  return { name, width: image.width, height: image.height, format, bitDepth, notices };
}

function doneSteps(recipe: Recipe, steps: readonly StepDescription[]): string {
  const titles = recipe.steps.filter((use) => use.enabled).map((use) => steps.find(({ id }) => id === use.step)?.title ?? use.step);
  return titles.length === 0 ? 'no step was needed' : titles.join(', ');
}
