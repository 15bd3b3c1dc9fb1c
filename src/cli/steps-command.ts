import { describeStep, steps as engineSteps } from '../engine/steps/registry.ts';
import { accepts } from '../shared/params.ts';
import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { describeRows, parseFlags } from './flags.ts';
import { flagName } from './recipe-flags.ts';

export const stepsCommand: Command = {
  name: 'steps',
  summary: 'list the steps and their parameters',
  help: () => 'heirloom steps [--json]\n\nLists the steps in the order of a new recipe, with their parameters.\n',
  run: (args, terminal) => {
    const flags = parseFlags(args, [{ name: 'json', help: 'Print JSON.' }]);
    const steps = engineSteps.map(describeStep);
    if (flags.has('json')) terminal.out(`${JSON.stringify(steps, undefined, 2)}\n`);
    else {
      for (const { id, title, summary, params } of steps) {
        const rows = Object.entries(params).map(([name, spec]) => [`--${flagName(id, name)}`, `${spec.label}: ${accepts(spec)}`] as const);
        terminal.out(`${id}: ${title}. ${summary}\n${rows.length === 0 ? '' : `${describeRows(rows)}\n`}\n`);
      }
    }
    return Promise.resolve(exitCodes.ok);
  },
};
