import { HeirloomError } from '../shared/failure.ts';
import { parseWebArguments, runWebHost, webHelp } from './web-command.ts';

/** Entry of `npm run web`. */
async function main(): Promise<void> {
  try {
    const parsed = parseWebArguments(process.argv.slice(2));
    if (parsed.help) process.stdout.write(webHelp);
    else await runWebHost(parsed);
  } catch (error) {
    const hint = error instanceof HeirloomError && error.hint !== undefined ? ` ${error.hint}` : '';
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}${hint}\n`);
    process.exitCode = error instanceof TypeError ? 2 : 1;
  }
}

await main();
