import { programFiles } from '../host/program-files.ts';
import { CancelledError, HeirloomError, toFailure } from '../shared/failure.ts';
import { type Command, type Terminal, UsageError } from './command.ts';
import { compareCommand } from './compare-command.ts';
import { degradeCommand } from './degrade-command.ts';
import { exitCodeFor, exitCodeHelp, exitCodes } from './exit-codes.ts';
import { facesCommand } from './faces-command.ts';
import { describeRows } from './flags.ts';
import { modelsCommand } from './models-command.ts';
import { removeCommand } from './remove-command.ts';
import { repairCommand } from './repair-command.ts';
import { restoreCommand } from './restore-command.ts';
import { stepsCommand } from './steps-command.ts';
import { webCommand } from './web-command.ts';

export const commands: readonly Command[] = [restoreCommand, repairCommand, removeCommand, stepsCommand, modelsCommand, compareCommand, degradeCommand, facesCommand, webCommand];

/** Runs one command line. Never throws: whatever goes wrong becomes one sentence and an exit code. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return help(rest[0], terminal);
  if (name === '--version' || name === '-v') {
    terminal.out(`${programFiles().version}\n`);
    return exitCodes.ok;
  }
  const command = commands.find((candidate) => candidate.name === name);
  try {
    if (command === undefined) throw new UsageError(`There is no command "${name}"; there are ${commands.map((known) => known.name).join(', ')}.`);
    const end = rest.indexOf('--');
    if (rest.slice(0, end < 0 ? undefined : end).some((entry) => entry === '--help' || entry === '-h')) return help(name, terminal);
    return await command.run(rest, terminal);
  } catch (error) {
    return report(error, command, terminal, rest.includes('--json'));
  }
}

function help(name: string | undefined, terminal: Terminal): number {
  const command = commands.find((candidate) => candidate.name === name);
  terminal.out(command?.help() ?? overview());
  return exitCodes.ok;
}

function overview(): string {
  return `heirloom COMMAND ...

Restores old photographs on this machine. The original is never changed, and nothing leaves the machine.

${describeRows(commands.map((command) => [command.name, command.summary]))}

  heirloom COMMAND --help tells more; heirloom --version prints the version.

Exit codes:
${describeRows(exitCodeHelp.map(([code, meaning]) => [String(code), meaning]))}
`;
}

function report(error: unknown, command: Command | undefined, terminal: Terminal, json: boolean): number {
  if (error instanceof CancelledError || terminal.signal.aborted) {
    if (json) terminal.out(`${JSON.stringify({ event: 'cancelled' })}\n`);
    else terminal.err('Cancelled. Nothing was saved.\n');
    return exitCodes.cancelled;
  }
  if (error instanceof UsageError) {
    terminal.err(`${error.message}\nSee heirloom ${command === undefined ? '' : `${command.name} `}--help.\n`);
    return exitCodes.usage;
  }
  const failure = toFailure(error);
  if (json) terminal.out(`${JSON.stringify({ event: 'failed', failure })}\n`);
  else terminal.err(`${failure.message}${failure.hint === undefined ? '' : ` ${failure.hint}`}\n`);
  // A bug: its stack is what the log needs.
  if (!(error instanceof HeirloomError) && error instanceof Error) terminal.err(`${error.stack ?? ''}\n`);
  return exitCodeFor(failure.code);
}
