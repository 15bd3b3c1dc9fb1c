import { randomUUID } from 'node:crypto';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { PhotoInfo } from '../shared/contract.ts';
import type { Recipe } from '../shared/recipe.ts';
import type { Terminal } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { exportFlags, exportOptionsFrom, extensionOf } from './export-flags.ts';
import type { Flag, ParsedFlags } from './flags.ts';
import { duration, followJob } from './follow-job.ts';
import { type LocalEngine, withEngine } from './open-engine.ts';

/** What commands that do one thing to one photo have in common. `suffix` is added to the name of a result that was given none. */
export function editFlags(suffix: string): readonly Flag[] {
  return [
    {
      name: 'output',
      short: 'o',
      takes: 'FILE',
      help: `Where to save; next to the photo, as "NAME-${suffix}", if left out. Never the photo itself.`,
    },
    { name: 'overwrite', help: 'Replace an output that exists.' },
    { name: 'allow-damaged', help: 'Open what can be read of a damaged photo.' },
    { name: 'json', help: 'Print one JSON object a line instead of text.' },
    { name: 'verbose', help: 'Print the log.' },
  ];
}

/** All flags of such a command, given its own. */
export function withEditFlags(own: readonly Flag[], suffix: string): readonly Flag[] {
  return [...own, ...editFlags(suffix), ...exportFlags];
}

/** What is done to the photo, and what to tell about it beside the notices. */
export interface Edit {
  readonly recipe: Recipe;
  readonly notices?: readonly string[];
}

/** Opens a photo, carries out what `makeEdit` decides, saves the result and says where. */
export async function editPhoto(
  path: string,
  suffix: string,
  flags: ParsedFlags,
  terminal: Terminal,
  makeEdit: (local: LocalEngine, photo: PhotoInfo) => Edit | Promise<Edit>,
): Promise<number> {
  const json = flags.has('json');
  const startedMs = performance.now();
  return withEngine(terminal, flags.has('verbose'), async (local) => {
    const name = basename(path);
    const allowDamaged = flags.has('allow-damaged');
    const photo = await local.call('photo.open', { id: randomUUID(), path, name, allowDamaged });
    const given = flags.text('output');
    const options = exportOptionsFrom(flags, given, photo.exportDefaults);
    const output =
      given === undefined
        ? join(dirname(path), `${basename(path, extname(path))}-${suffix}${extensionOf[options.format]}`)
        : resolve(given);
    for (const notice of json ? [] : photo.notices) terminal.err(`${notice}\n`);
    const { recipe, notices: own = [] } = await makeEdit(local, photo);
    const overwrite = flags.has('overwrite');
    const job = await local.call('export.start', {
      photo: photo.id,
      recipe,
      path: output,
      options,
      overwrite,
    });
    const { result } = await followJob(local, job, terminal, json);
    const seconds = (performance.now() - startedMs) / 1000;
    const notices = [...own, ...(result?.notices ?? [])];
    if (json) terminal.out(`${JSON.stringify({ event: 'done', output, notices, seconds })}\n`);
    else {
      for (const notice of notices) terminal.err(`${notice}\n`);
      terminal.out(`${given ?? output} (${duration(seconds)})\n`);
    }
    return exitCodes.ok;
  });
}
