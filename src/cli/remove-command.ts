import { resolve } from 'node:path';
import { quietContext } from '../engine/context.ts';
import { maskFromImage } from '../engine/fill/mask-from-image.ts';
import { openPhoto } from '../engine/image/decode.ts';
import { remove } from '../engine/steps/remove.ts';
import { HeirloomError } from '../shared/failure.ts';
import { type Mask, maskSchema } from '../shared/mask.ts';
import { accepts, checkParams, type ParamValue } from '../shared/params.ts';
import { type Command, type Terminal, UsageError } from './command.ts';
import { editPhoto, withEditFlags } from './edit-photo.ts';
import { exportFlags } from './export-flags.ts';
import { describeFlags, type Flag, numberFrom, parseFlags, type ParsedFlags } from './flags.ts';
import { withStore } from './with-store.ts';

const paramFlags: Readonly<Record<string, string>> = {
  method: 'method',
  model: 'model',
  seed: 'seed',
  feather: 'featherPx',
};

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
];

/** Largest `--grow`, either way. */
const mostGrowPx = 2000;

export const removeCommand: Command = {
  name: 'remove',
  summary: 'remove what a mask picture shows, filling the place from its surroundings',
  help: () => `heirloom remove PHOTO --mask FILE [-o FILE] [flags]

Removes scratches or unwanted things. Every pixel outside of the mask and its soft edge stays as it is.

  heirloom remove old.jpg --mask scratches.png -o new.png

${describeFlags(withEditFlags(ownFlags, 'removed').slice(0, -exportFlags.length))}

How the result is saved:
${describeFlags(exportFlags)}
`,
  run: async (args, terminal) => {
    const flags = parseFlags(args, withEditFlags(ownFlags, 'removed'));
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
  return editPhoto(path, 'removed', flags, terminal, (_local, { image }) => {
    if (image.width !== mask.width || image.height !== mask.height) {
      throw new HeirloomError(
        'bad-input',
        `The mask is ${mask.width}×${mask.height} pixels, but the picture is ${image.width}×${image.height}.`,
        'Make a mask of exactly the size of the picture.',
      );
    }
    const { id, version } = remove;
    const use = { id: `${id}-1`, step: id, version, enabled: true, strength: 1, params, mask };
    return { recipe: { format: 'heirloom-recipe', version: 1, steps: [use] } };
  });
}
