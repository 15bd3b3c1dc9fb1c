import { HeirloomError } from './failure.ts';

/**
 * The parameters of a step as data. The panel, the command-line flag, the check and the documentation all follow from it.
 */
export type ParamSpec = NumberParam | ChoiceParam | FlagParam | ModelParam;

interface ParamBase {
  readonly label: string;
  /** One sentence: what the user sees change. */
  readonly help: string;
  /** Shown only while another parameter of the step has this value; otherwise it decides nothing. */
  readonly shownWhen?: { readonly param: string; readonly is: ParamValue };
}

export interface NumberParam extends ParamBase {
  readonly kind: 'number';
  readonly min: number;
  readonly max: number;
  /** Slider step; 1 makes it a whole number. */
  readonly step: number;
  readonly default: number;
  readonly unit?: string;
}

export interface ChoiceParam extends ParamBase {
  readonly kind: 'choice';
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  readonly default: string;
}

export interface FlagParam extends ParamBase {
  readonly kind: 'flag';
  readonly default: boolean;
}

/** A model id of one of the given roles (see the catalog), or '' for the step's own default. */
export interface ModelParam extends ParamBase {
  readonly kind: 'model';
  readonly role: string;
  readonly default: string;
}

export type ParamValue = number | string | boolean;
export type ParamSet = Readonly<Record<string, ParamSpec>>;
export type ParamValues<S extends ParamSet = ParamSet> = {
  readonly [K in keyof S]: S[K] extends NumberParam ? number : S[K] extends FlagParam ? boolean : string;
};

/** The default of every parameter. */
export function defaultParams<S extends ParamSet>(set: S): ParamValues<S> {
  return Object.fromEntries(Object.entries(set).map(([name, spec]) => [name, spec.default])) as ParamValues<S>;
}

/**
 * Checks values against their specs; what is missing takes its default, unknown names are refused.
 *
 * @throws HeirloomError `bad-input` naming the step, the parameter and what it accepts.
 */
export function checkParams<S extends ParamSet>(set: S, values: Readonly<Record<string, unknown>>, where: string): ParamValues<S> {
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(set, name)) {
      const known = Object.keys(set).join(', ') || 'none';
      throw new HeirloomError('bad-input', `${where} has no parameter "${name}".`, `It knows: ${known}.`);
    }
  }
  return Object.fromEntries(
    Object.entries(set).map(([name, spec]) => [name, checkParam(spec, values[name], `${where}: ${name}`)]),
  ) as ParamValues<S>;
}

function checkParam(spec: ParamSpec, value: unknown, where: string): ParamValue {
  if (value === undefined) return spec.default;
  switch (spec.kind) {
    case 'number':
      if (typeof value === 'number' && value >= spec.min && value <= spec.max && (spec.step !== 1 || Number.isInteger(value))) return value;
      break;
    case 'flag':
      if (typeof value === 'boolean') return value;
      break;
    case 'choice':
      if (spec.choices.some((choice) => choice.value === value)) return value as string;
      break;
    case 'model':
      if (typeof value === 'string' && value.length < 200) return value;
      break;
  }
  throw new HeirloomError('bad-input', `${where} should be ${accepts(spec)}, but is ${JSON.stringify(value)}.`);
}

/** What a parameter accepts, in words: for messages and `--help`. */
export function accepts(spec: ParamSpec): string {
  switch (spec.kind) {
    case 'number':
      return `a ${spec.step === 1 ? 'whole ' : ''}number from ${spec.min} to ${spec.max}`;
    case 'flag':
      return 'on or off';
    case 'choice':
      return `one of ${spec.choices.map((choice) => choice.value).join(', ')}`;
    case 'model':
      return 'the id of an installed model';
  }
}
