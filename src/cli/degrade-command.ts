import { extname, resolve } from 'node:path';
import { createContext } from '../engine/context.ts';
import { openPhoto } from '../engine/image/decode.ts';
import { defaultExportOptions, savePhoto } from '../engine/image/encode.ts';
import { damageDefaults, damageRecipes, damageStrengths, degradePhoto } from '../engine/metrics/degrade-photo.ts';
import { type Command, UsageError } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { exportFlags, exportOptionsFrom } from './export-flags.ts';
import { describeFlags, type Flag, numberFrom, parseFlags } from './flags.ts';
import { withStore } from './with-store.ts';

const names = [...damageStrengths.map((strength) => strength.name), ...damageRecipes];

const flags: readonly Flag[] = [
  { name: 'output', short: 'o', takes: 'FILE', help: 'Where to save the degraded copy.' },
  { name: 'strength', takes: 'NAME', help: `What is done to it: ${names.join(', ')}.` },
  { name: 'seed', takes: 'N', help: `The same seed gives the same picture; ${damageDefaults.seed} if left out.` },
  { name: 'scale', takes: 'N', help: `How many times smaller it becomes, 1 to 8; ${damageDefaults.scale} if left out.` },
  { name: 'overwrite', help: 'Replace an output that exists.' },
];

export const degradeCommand: Command = {
  name: 'degrade',
  summary: 'make a degraded copy, to measure restorations against the original',
  help: () => `heirloom degrade PHOTO -o FILE --strength medium --seed 1

Makes a small, blurred, noisy copy of a good photo, in a way that can be repeated. Restoring it and comparing the result
with the original measures a restoration.

${describeFlags(flags)}

How the copy is saved:
${describeFlags(exportFlags)}
`,
  run: async (args, terminal) => {
    const given = parseFlags(args, [...flags, ...exportFlags]);
    const [photo, ...more] = given.positionals;
    const output = given.text('output');
    if (photo === undefined || more.length > 0 || output === undefined || extname(output) === '') {
      throw new UsageError('Use it as: heirloom degrade PHOTO -o FILE --strength NAME');
    }
    const damage = given.text('strength') ?? 'medium';
    if (!names.includes(damage as (typeof names)[number])) throw new UsageError(`There is no strength "${damage}"; there are ${names.join(', ')}.`);
    const options = { damage, seed: numberFrom(given.text('seed') ?? String(damageDefaults.seed), 'seed'), scale: numberFrom(given.text('scale') ?? String(damageDefaults.scale), 'scale') };
    return withStore(async (store) => {
      const { image, metadata } = await openPhoto(resolve(photo), { store, signal: terminal.signal });
      const exportOptions = exportOptionsFrom(given, output, { ...defaultExportOptions(metadata), bitDepth: 8 });
      const degraded = await degradePhoto(image, options, store);
      await savePhoto(degraded, metadata, resolve(output), exportOptions, {
        store,
        context: createContext(terminal.signal),
        overwrite: given.has('overwrite'),
      });
      terminal.out(`${output} (${degraded.width}×${degraded.height}, ${damage}, seed ${options.seed})\n`);
      return exitCodes.ok;
    });
  },
};
