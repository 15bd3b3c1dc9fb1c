import type { StepDescription } from '../shared/contract.ts';
import { HeirloomError } from '../shared/failure.ts';
import { accepts, checkParams, defaultParams, type ParamSpec, type ParamValue } from '../shared/params.ts';
import type { Recipe, StepUse } from '../shared/recipe.ts';
import { insertUse, newUseId } from '../shared/recipe-order.ts';
import { UsageError } from './command.ts';
import { type Flag, numberFrom, type ParsedFlags } from './flags.ts';

interface Alias {
  readonly step: string;
  readonly param: string;
  /** What else follows from using it. */
  readonly also?: Readonly<Record<string, ParamValue>>;
}

/** Short names for what is used most. */
const aliases: Readonly<Record<string, Alias>> = {
  alpha: { step: 'enlarge', param: 'alpha' },
  'long-side': { step: 'enlarge', param: 'longSidePx', also: { size: 'long-side' } },
  'print-cm': { step: 'enlarge', param: 'printLongSideCm', also: { size: 'print' } },
  'face-alpha': { step: 'faces', param: 'faceAlpha' },
  'print-dpi': { step: 'enlarge', param: 'printDpi', also: { size: 'print' } },
};

/** Short names for the strength of a step. */
const strengthAliases: Readonly<Record<string, string>> = { 'face-strength': 'faces' };

/** What the number in `--step N` means; the strength for all other steps that have one. */
const principals: Readonly<Record<string, Alias>> = {
  enlarge: { step: 'enlarge', param: 'factor', also: { size: 'factor' } },
};

/** The flags of `heirloom restore` that follow from the steps and their parameters. */
export function recipeFlags(steps: readonly StepDescription[]): readonly Flag[] {
  const flags = steps.flatMap((step): Flag[] => {
    const principal = principals[step.id]?.param ?? (step.strength === 'none' ? undefined : 'strength');
    return [
      { name: step.id, help: `${step.summary}${principal === undefined ? '' : ` --${step.id} N also sets its ${principal}.`}` },
      { name: `no-${step.id}`, help: `Leave the step "${step.title}" out.` },
      ...(step.strength === 'none' ? [] : [{ name: `${step.id}-strength`, takes: 'N', help: '0 = no effect, 1 = full effect.' }]),
      ...Object.entries(step.params).map(([name, spec]) => paramFlag(step, name, spec)),
      ...Object.entries(step.params).flatMap(([name, spec]) =>
        spec.kind === 'flag' ? [{ name: `no-${flagName(step.id, name)}`, help: `The opposite of --${flagName(step.id, name)}.`, hidden: true }] : [],
      ),
    ];
  });
  const short = (name: string, of: string): Flag => ({ name, takes: 'N', help: `Short for --${of}.` });
  return [
    ...flags,
    ...usableAliases(steps).map(([name, { step, param }]) => short(name, flagName(step, param))),
    ...Object.entries(strengthAliases).flatMap(([name, id]) => (steps.some((step) => step.id === id) ? [short(name, `${id}-strength`)] : [])),
  ];
}

function paramFlag(step: StepDescription, name: string, spec: ParamSpec): Flag {
  const help = `${spec.help} Takes ${accepts(spec)}${spec.default === '' ? '' : `, ${String(spec.default)} if left out`}.`;
  return spec.kind === 'flag' ? { name: flagName(step.id, name), help } : { name: flagName(step.id, name), takes: spec.kind === 'number' ? 'N' : 'VALUE', help };
}

/** `longSidePx` of the step `enlarge` is `enlarge-long-side-px` on the command line. */
export function flagName(step: string, param: string): string {
  return `${step}-${param.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Turns `--enlarge 4` into `--enlarge --enlarge-factor 4`, and `--faces off` into `--no-faces`: what they mean. */
export function expandPrincipals(args: readonly string[], steps: readonly StepDescription[]): readonly string[] {
  const expanded: string[] = [];
  const rest = [...args];
  for (let entry = rest.shift(); entry !== undefined; entry = rest.shift()) {
    if (entry === '--') return [...expanded, entry, ...rest];
    const [name = '', given] = entry.startsWith('--') ? entry.slice(2).split('=', 2) : [];
    const step = steps.find(({ id }) => id === name);
    const onOff = given ?? rest[0];
    if (step !== undefined && (onOff === 'on' || onOff === 'off')) {
      if (given === undefined) rest.shift();
      expanded.push(onOff === 'on' ? `--${name}` : `--no-${name}`);
      continue;
    }
    const isNumber = /^\d*\.?\d+$/.test(given ?? rest[0] ?? '');
    const principal = step === undefined ? undefined : (principals[name]?.param ?? (step.strength === 'none' ? undefined : 'strength'));
    if (step === undefined || principal === undefined || !isNumber) expanded.push(entry);
    else expanded.push(`--${name}`, `--${flagName(name, principal)}`, given ?? rest.shift() ?? '');
  }
  return expanded;
}

/**
 * Changes a recipe as the flags say. Naming a step or one of its parameters turns it on, `--no-step` turns it off.
 *
 * @throws UsageError when a value is none that its parameter accepts.
 */
export function applyRecipeFlags(recipe: Recipe, flags: ParsedFlags, steps: readonly StepDescription[]): Recipe {
  return steps.reduce((changed, step) => applyStep(changed, flags, step, steps), recipe);
}

function applyStep(recipe: Recipe, flags: ParsedFlags, step: StepDescription, steps: readonly StepDescription[]): Recipe {
  const { id } = step;
  if (flags.has(`no-${id}`)) {
    return { ...recipe, steps: recipe.steps.map((use) => (use.step === id ? { ...use, enabled: false } : use)) };
  }
  const params = givenParams(flags, step, steps);
  const strengthFlag = [`${id}-strength`, ...Object.keys(strengthAliases).filter((name) => strengthAliases[name] === id)].find((name) => flags.text(name) !== undefined);
  const strengthText = strengthFlag === undefined ? undefined : flags.text(strengthFlag);
  if (!flags.has(id) && strengthText === undefined && Object.keys(params).length === 0) return recipe;
  const strength = strengthText === undefined ? undefined : numberFrom(strengthText, strengthFlag ?? '');
  if (strength !== undefined && (strength < 0 || strength > 1)) {
    throw new UsageError(`--${strengthFlag ?? ''} should be a number from 0 to 1, but is ${strength}.`);
  }
  const change = (use: StepUse): StepUse => ({
    ...use,
    enabled: true,
    strength: strength ?? use.strength,
    params: check(step, { ...use.params, ...params }),
  });
  const at = recipe.steps.findIndex((use) => use.step === id);
  if (at >= 0) return { ...recipe, steps: recipe.steps.map((use, index) => (index === at ? change(use) : use)) };
  const added = change({ id: newUseId(recipe, id), step: id, version: step.version, enabled: true, strength: 1, params: defaultParams(step.params) });
  return insertUse(recipe, added, steps);
}

function givenParams(flags: ParsedFlags, step: StepDescription, steps: readonly StepDescription[]): Record<string, ParamValue> {
  const given: Record<string, ParamValue> = {};
  const principal = principals[step.id];
  if (principal !== undefined && flags.has(step.id) && flags.text(flagName(step.id, principal.param)) !== undefined) Object.assign(given, principal.also);
  for (const [name, alias] of usableAliases(steps)) {
    const text = alias.step === step.id ? flags.text(name) : undefined;
    if (text !== undefined) Object.assign(given, alias.also, { [alias.param]: read(step.params[alias.param]!, text, name) });
  }
  for (const [name, spec] of Object.entries(step.params)) {
    const flag = flagName(step.id, name);
    const text = flags.text(flag);
    if (spec.kind === 'flag' && (flags.has(flag) || flags.has(`no-${flag}`))) given[name] = flags.has(flag);
    if (text !== undefined) given[name] = read(spec, text, flag);
  }
  return given;
}

function read(spec: ParamSpec, text: string, flag: string): ParamValue {
  return spec.kind === 'number' ? numberFrom(text, flag) : text;
}

function usableAliases(steps: readonly StepDescription[]): readonly (readonly [string, Alias])[] {
  return Object.entries(aliases).filter(([, { step, param }]) => steps.find(({ id }) => id === step)?.params[param] !== undefined);
}

function check(step: StepDescription, params: StepUse['params']): StepUse['params'] {
  try {
    return checkParams(step.params, params, step.title);
  } catch (error) {
    throw error instanceof HeirloomError ? new UsageError(`${error.message}${error.hint === undefined ? '' : ` ${error.hint}`}`) : error;
  }
}
