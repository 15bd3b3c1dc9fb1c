import { resolve } from 'node:path';
import { createContext } from '../engine/context.ts';
import { writeMask } from '../engine/fill/write-mask.ts';
import { repair } from '../engine/steps/repair.ts';
import { HeirloomError } from '../shared/failure.ts';
import { accepts, checkParams, type ParamValue } from '../shared/params.ts';
import type { Recipe } from '../shared/recipe.ts';
import { type Command, UsageError } from './command.ts';
import { editPhoto, withEditFlags } from './edit-photo.ts';
import { exportFlags } from './export-flags.ts';
import { describeFlags, type Flag, numberFrom, parseFlags, type ParsedFlags } from './flags.ts';
import { proposeMasks } from './propose-masks.ts';

type ParamName = keyof typeof repair.params;

/** Flags are named like the parameters, but for units. */
const flagNames: Readonly<Partial<Record<ParamName, string>>> = { growPx: 'grow', featherPx: 'feather' };
const paramFlags = (Object.keys(repair.params) as ParamName[]).map(
  (param) => [flagNames[param] ?? param, param] as const,
);

const ownFlags: readonly Flag[] = [
  ...paramFlags.flatMap(([name, param]): Flag[] => {
    const spec = repair.params[param];
    if (spec.kind === 'flag')
      return [
        spec.default
          ? { name: `no-${name}`, help: `Do not ${lowered(spec.help)}` }
          : { name, help: spec.help },
      ];
    const otherwise = spec.default === '' ? 'the first one on this machine' : String(spec.default);
    const help = `${spec.help} Takes ${accepts(spec)}; ${otherwise} if left out.`;
    return [{ name, takes: spec.kind === 'number' ? 'N' : 'VALUE', help }];
  }),
  { name: 'write-mask', takes: 'FILE', help: 'Also write what was repaired, as a PNG: white is damage.' },
];

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

export const repairCommand: Command = {
  name: 'repair',
  summary: 'find scratches, dust, folds and torn borders, and fill them from their surroundings',
  help: () => `heirloom repair PHOTO [-o FILE] [flags]

Looks for damage and repairs what it finds, without asking. Look at the result, or at the mask first: heirloom remove --mask
repairs exactly what a mask shows. When nothing is found the photo is saved as it was, and a sentence says so.

  heirloom repair old.jpg -o new.png --sensitivity 0.5 --write-mask mask.png

${describeFlags(withEditFlags(ownFlags, 'repaired').slice(0, -exportFlags.length))}

How the result is saved:
${describeFlags(exportFlags)}
`,
  run: async (args, terminal) => {
    const flags = parseFlags(args, withEditFlags(ownFlags, 'repaired'));
    const [photo, ...more] = flags.positionals;
    if (photo === undefined) throw new UsageError('Which photo? Name a file: heirloom repair PHOTO.');
    if (more.length > 0) throw new UsageError(`One photo at a time, but ${more.length + 1} were named.`);
    const path = resolve(photo);
    const recipe = recipeFrom(flags);
    return editPhoto(path, 'repaired', flags, terminal, async (local, { id }) => {
      const json = flags.has('json');
      const { recipe: decided, proposals, notices } = await proposeMasks(local, id, recipe, terminal, json);
      const [proposal] = proposals;
      const maskFile = flags.text('write-mask');
      if (maskFile !== undefined)
        await writeMask(
          proposal!.mask,
          resolve(maskFile),
          { photo: path, overwrite: flags.has('overwrite') },
          createContext(terminal.signal),
        );
      if (json) {
        const { share, found } = proposal!;
        terminal.out(`${JSON.stringify({ event: 'found', share, found })}\n`);
      }
      return { recipe: decided, notices };
    });
  },
};

/** @throws UsageError when a value is none that its parameter accepts. */
function recipeFrom(flags: ParsedFlags): Recipe {
  const given: Record<string, ParamValue> = {};
  for (const [name, param] of paramFlags) {
    const text = flags.text(name);
    const spec = repair.params[param];
    if (spec.kind === 'flag') given[param] = spec.default ? !flags.has(`no-${name}`) : flags.has(name);
    else if (text !== undefined) given[param] = spec.kind === 'number' ? numberFrom(text, name) : text;
  }
  try {
    const params = checkParams(repair.params, given, repair.title);
    const { id, version } = repair;
    const use = { id: `${id}-1`, step: id, version, enabled: true, strength: 1, params };
    return { format: 'heirloom-recipe', version: 1, steps: [use] };
  } catch (error) {
    throw error instanceof HeirloomError ? new UsageError(error.message) : error;
  }
}
