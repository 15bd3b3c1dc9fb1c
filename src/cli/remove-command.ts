import { randomUUID } from 'node:crypto';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { quietContext } from '../engine/context.ts';
import { maskFromImage } from '../engine/fill/mask-from-image.ts';
import { openPhoto } from '../engine/image/decode.ts';
import { remove } from '../engine/steps/remove.ts';
import { HeirloomError } from '../shared/failure.ts';
import { type Mask, maskSchema } from '../shared/mask.ts';
import { accepts, checkParams, type ParamValue } from '../shared/params.ts';
import type { Recipe } from '../shared/recipe.ts';
import { type Command, type Terminal, UsageError } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { exportFlags, exportOptionsFrom, extensionOf } from './export-flags.ts';
import { describeFlags, type Flag, numberFrom, parseFlags, type ParsedFlags } from './flags.ts';
import { duration, followJob } from './follow-job.ts';
import { withEngine } from './open-engine.ts';
import { withStore } from './with-store.ts';

const paramFlags: Readonly<Record<string, string>> = { method: 'method', seed: 'seed', feather: 'featherPx' };

const ownFlags: readonly Flag[] = [
  {
    name: 'mask',
    takes: 'FILE',
    help: 'A picture of the same size as the photo: white is removed, black is kept.',
  },
  { name: 'invert', help: 'The other way round: black is removed.' },
  {
    name: 'grow',
    takes: 'PX',
    help: 'Moves the edge of the mask outwards by so many pixels; negative: inwards.',
  },
  ...Object.entries(paramFlags).map(([name, param]) => {
    const spec = remove.params[param as keyof typeof remove.params];
    return {
      name,
      takes: spec.kind === 'number' ? 'N' : 'VALUE',
      help: `${spec.help} Takes ${accepts(spec)}, ${String(spec.default)} if left out.`,
    };
  }),
  {
    name: 'output',
    short: 'o',
    takes: 'FILE',
    help: 'Where to save; next to the photo, as "NAME-removed", if left out. Never the photo itself.',
  },
  { name: 'overwrite', help: 'Replace an output that exists.' },
  { name: 'allow-damaged', help: 'Open what can be read of a damaged photo.' },
  { name: 'json', help: 'Print one JSON object a line instead of text.' },
  { name: 'verbose', help: 'Print the log.' },
];

/** Largest `--grow`, either way. */
const mostGrowPx = 2000;

export const removeCommand: Command = {
  name: 'remove',
  summary: 'remove what a mask picture shows, filling the place from its surroundings',
  help: () => `heirloom remove PHOTO --mask FILE [-o FILE] [flags]

Removes scratches or unwanted things. Every pixel outside of the mask and its soft edge stays as it is.

  heirloom remove old.jpg --mask scratches.png -o new.png

${describeFlags(ownFlags)}

How the result is saved:
${describeFlags(exportFlags)}
`,
  run: async (args, terminal) => {
    const flags = parseFlags(args, [...ownFlags, ...exportFlags]);
    const [photo, ...more] = flags.positionals;
    if (photo === undefined)
      throw new UsageError('Which photo? Name a file: heirloom remove PHOTO --mask FILE.');
    if (more.length > 0) throw new UsageError(`One photo at a time, but ${more.length + 1} were named.`);
    const maskFile = flags.text('mask');
    if (maskFile === undefined) throw new UsageError('What should go? Name a mask picture: --mask FILE.');
    const params = paramsFrom(flags);
    const growPx = flags.has('grow') ? numberFrom(flags.text('grow')!, 'grow') : 0;
    if (Math.abs(growPx) > mostGrowPx)
      throw new UsageError(
        `--grow should be a number from -${mostGrowPx} to ${mostGrowPx}, but is ${growPx}.`,
      );
    const mask = await readMask(resolve(maskFile));
    return removeFrom(
      resolve(photo),
      { ...mask, growPx, invert: flags.has('invert') },
      params,
      flags,
      terminal,
    );
  },
};

/** @throws UsageError when a value is none that its parameter accepts. */
function paramsFrom(flags: ParsedFlags): Record<string, ParamValue> {
  const given: Record<string, ParamValue> = {};
  for (const [name, param] of Object.entries(paramFlags)) {
    const text = flags.text(name);
    const spec = remove.params[param as keyof typeof remove.params];
    if (text !== undefined) given[param] = spec.kind === 'number' ? numberFrom(text, name) : text;
  }
  try {
    return checkParams(remove.params, given, remove.title);
  } catch (error) {
    throw error instanceof HeirloomError ? new UsageError(error.message) : error;
  }
}

async function readMask(path: string): Promise<Mask> {
  return withStore(async (store) => {
    const { image } = await openPhoto(path, { store });
    try {
      return maskSchema.parse(await maskFromImage(image, quietContext()), 'The mask');
    } finally {
      await image.dispose();
    }
  });
}

async function removeFrom(
  path: string,
  mask: Mask,
  params: Record<string, ParamValue>,
  flags: ParsedFlags,
  terminal: Terminal,
): Promise<number> {
  const json = flags.has('json');
  const startedMs = performance.now();
  return withEngine(terminal, flags.has('verbose'), async (local) => {
    const photo = await local.call('photo.open', {
      id: randomUUID(),
      path,
      name: basename(path),
      allowDamaged: flags.has('allow-damaged'),
    });
    const { image } = photo;
    if (image.width !== mask.width || image.height !== mask.height) {
      throw new HeirloomError(
        'bad-input',
        `The mask is ${mask.width}×${mask.height} pixels, but the picture is ${image.width}×${image.height}.`,
        'Make a mask of exactly the size of the picture.',
      );
    }
    const recipe: Recipe = {
      format: 'heirloom-recipe',
      version: 1,
      steps: [
        {
          id: 'remove-1',
          step: remove.id,
          version: remove.version,
          enabled: true,
          strength: 1,
          params,
          mask,
        },
      ],
    };
    const given = flags.text('output');
    const options = exportOptionsFrom(flags, given, photo.exportDefaults);
    const output =
      given === undefined
        ? join(dirname(path), `${basename(path, extname(path))}-removed${extensionOf[options.format]}`)
        : resolve(given);
    for (const notice of json ? [] : photo.notices) terminal.err(`${notice}\n`);
    const job = await local.call('export.start', {
      photo: photo.id,
      recipe,
      path: output,
      options,
      overwrite: flags.has('overwrite'),
    });
    const { result } = await followJob(local, job, terminal, json);
    const seconds = (performance.now() - startedMs) / 1000;
    const notices = result?.notices ?? [];
    if (json) terminal.out(`${JSON.stringify({ event: 'done', output, notices, seconds })}\n`);
    else {
      for (const notice of notices) terminal.err(`${notice}\n`);
      terminal.out(`${given ?? output} (${duration(seconds)})\n`);
    }
    return exitCodes.ok;
  });
}
