import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Compatibility, ModelCard } from '../shared/contract.ts';
import { HeirloomError } from '../shared/failure.ts';
import { type Command, type Terminal, UsageError } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { describeRows, type Flag, numberFrom, parseFlags, type ParsedFlags } from './flags.ts';
import { followJob } from './follow-job.ts';
import { type LocalEngine, withEngine } from './open-engine.ts';

const flags: readonly Flag[] = [
  { name: 'alpha', takes: 'N', help: 'How far from A (0) to B (1).' },
  { name: 'output', short: 'o', takes: 'FILE', help: 'Where to save the mixed weights.' },
  { name: 'json', help: 'Print JSON.' },
  { name: 'verbose', help: 'Print the log.' },
];

type Action = (local: LocalEngine, args: readonly string[], given: ParsedFlags, terminal: Terminal) => Promise<void>;

const actions: Readonly<Record<string, readonly [usage: string, help: string, action: Action]>> = {
  list: ['list', 'every known model, and whether it is on this machine', list],
  inspect: ['inspect FILE', 'what a file of weights is, without adding it', inspect],
  add: ['add FILE', 'add a file of weights', add],
  remove: ['remove ID', 'remove an added or installed model', remove],
  install: ['install ID', 'fetch a model of the catalog from its source, and check it', install],
  compare: ['compare A B', 'whether two models can be mixed', compare],
  interpolate: ['interpolate A B --alpha N -o FILE', 'save the weights between two models', interpolate],
};

export const modelsCommand: Command = {
  name: 'models',
  summary: 'list, inspect, add, install, compare and mix models',
  help: () => `heirloom models [list | ${Object.keys(actions).slice(1).join(' | ')}] [--json]

${describeRows(Object.values(actions).map(([usage, help]) => [usage, help]))}
`,
  run: async (args, terminal) => {
    const given = parseFlags(args, flags);
    const [name = 'list', ...rest] = given.positionals;
    const entry = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (entry === undefined) throw new UsageError(`There is no "models ${name}"; there are ${Object.keys(actions).join(', ')}.`);
    const wanted = entry[0].split(' --')[0]!.split(' ').length - 1;
    if (rest.length !== wanted) throw new UsageError(`Use it as: heirloom models ${entry[0]}`);
    if (name === 'interpolate') checkInterpolation(given);
    await withEngine(terminal, given.has('verbose'), (local) => entry[2](local, rest, given, terminal));
    return exitCodes.ok;
  },
};

async function list({ call }: LocalEngine, _args: readonly string[], given: ParsedFlags, terminal: Terminal): Promise<void> {
  const cards = await call('model.list', undefined);
  if (given.has('json')) return printJson(terminal, cards);
  const rows = cards.map((card) => [card.id, `${card.present ? 'here' : 'not installed'}; ${card.role}; ${card.title}`] as const);
  terminal.out(`${describeRows(rows)}\n`);
}

async function inspect({ call }: LocalEngine, [file = '']: readonly string[], given: ParsedFlags, terminal: Terminal): Promise<void> {
  showCard(await call('model.inspect', { path: resolve(file) }), given, terminal);
}

async function add({ call }: LocalEngine, [file = '']: readonly string[], given: ParsedFlags, terminal: Terminal): Promise<void> {
  showCard(await call('model.add', { path: resolve(file) }), given, terminal);
}

async function remove({ call }: LocalEngine, [model = '']: readonly string[], _given: ParsedFlags, terminal: Terminal): Promise<void> {
  await call('model.remove', { model });
  terminal.out(`${model} was removed.\n`);
}

async function install(local: LocalEngine, [model = '']: readonly string[], given: ParsedFlags, terminal: Terminal): Promise<void> {
  const job = await local.call('model.install', { model });
  await followJob(local, job, terminal, given.has('json'));
  const card = (await local.call('model.list', undefined)).find(({ id }) => id === model);
  if (card !== undefined) showCard(card, given, terminal);
}

async function compare({ call }: LocalEngine, [a = '', b = '']: readonly string[], given: ParsedFlags, terminal: Terminal): Promise<void> {
  const report = await call('model.compare', { a, b });
  if (given.has('json')) return printJson(terminal, report);
  terminal.out(`${report.verdict}\n`);
  const lists = ['missing', 'extra', 'shapeDifferent', 'nonFinite'] as const satisfies readonly (keyof Compatibility)[];
  for (const key of lists) if (report[key].length > 0) terminal.out(`  ${key}: ${report[key].slice(0, 10).join(', ')}${report[key].length > 10 ? ', …' : ''}\n`);
  if (report.warning !== undefined) terminal.out(`${report.warning}\n`);
}

async function interpolate(local: LocalEngine, [a = '', b = '']: readonly string[], given: ParsedFlags, terminal: Terminal): Promise<void> {
  const { alpha, path } = checkInterpolation(given);
  if (existsSync(path)) throw new HeirloomError('file', `${path} exists.`, 'Choose another name.');
  const job = await local.call('model.interpolate', { a, b, alpha, path });
  await followJob(local, job, terminal, given.has('json'));
  if (given.has('json')) printJson(terminal, { output: path, alpha });
  else terminal.out(`${path}\n`);
}

function checkInterpolation(given: ParsedFlags): { readonly alpha: number; readonly path: string } {
  const text = given.text('alpha');
  const output = given.text('output');
  if (text === undefined || output === undefined) throw new UsageError('interpolate needs --alpha N and -o FILE.');
  const alpha = numberFrom(text, 'alpha');
  if (alpha < 0 || alpha > 1) throw new UsageError(`--alpha should be a number from 0 to 1, but is ${alpha}.`);
  return { alpha, path: resolve(output) };
}

function showCard(card: ModelCard, given: ParsedFlags, terminal: Terminal): void {
  if (given.has('json')) return printJson(terminal, card);
  const rows = Object.entries(card).map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : String(value)] as const);
  terminal.out(`${describeRows(rows)}\n`);
}

function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(`${JSON.stringify(value, undefined, 2)}\n`);
}
