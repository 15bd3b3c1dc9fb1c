import { HeirloomError } from '../shared/failure.ts';
import { parseWebArguments, runWebHost, webHelp } from '../web/web-command.ts';
import { type Command, UsageError } from './command.ts';
import { exitCodes } from './exit-codes.ts';

export const webCommand: Command = {
  name: 'web',
  summary: 'show the studio in a browser',
  help: () => webHelp,
  run: async (args) => {
    await runWebHost(parse(args));
    return exitCodes.ok;
  },
};

function parse(args: readonly string[]): ReturnType<typeof parseWebArguments> {
  try {
    return parseWebArguments(args);
  } catch (error) {
    if (error instanceof TypeError || error instanceof HeirloomError) throw new UsageError(error.message);
    throw error;
  }
}
