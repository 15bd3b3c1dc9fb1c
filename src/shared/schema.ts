import { HeirloomError } from './failure.ts';

/**
 * A run-time check that also carries its static type.
 *
 * `parse` returns the checked value (unknown keys dropped) or throws a `HeirloomError('bad-input')` naming the path.
 */
export interface Schema<T> {
  parse(value: unknown, path?: string): T;
  /** True when `undefined` is accepted, so that object keys may be left out. */
  readonly optional?: boolean;
}

/** The static type a schema checks for. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

type Fields = Readonly<Record<string, Schema<unknown>>>;
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends Infer<F[K]> ? K : never }[keyof F];
type ObjectOf<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: Exclude<Infer<F[K]>, undefined>;
};

function reject(path: string, expected: string, value: unknown): never {
  const found = value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
  const shown = typeof value === 'string' || typeof value === 'number' ? ` (${JSON.stringify(value).slice(0, 60)})` : '';
  throw new HeirloomError('bad-input', `${path || 'The value'} should be ${expected}, but is ${found}${shown}.`);
}

/** Any string up to `maxLength` characters. */
export function string(maxLength = 10_000): Schema<string> {
  return {
    parse: (value, path = '') =>
      typeof value === 'string' && value.length <= maxLength ? value : reject(path, `text of at most ${maxLength} characters`, value),
  };
}

/** A finite number in `[min, max]`. */
export function number(min = -Infinity, max = Infinity): Schema<number> {
  return {
    parse: (value, path = '') =>
      typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max
        ? value
        : reject(path, `a number from ${min} to ${max}`, value),
  };
}

/** A whole number in `[min, max]`. */
export function integer(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Schema<number> {
  return {
    parse: (value, path = '') =>
      Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
        ? (value as number)
        : reject(path, `a whole number from ${min} to ${max}`, value),
  };
}

export function boolean(): Schema<boolean> {
  return { parse: (value, path = '') => (typeof value === 'boolean' ? value : reject(path, 'true or false', value)) };
}

/** One of the given strings or numbers. */
export function oneOf<const T extends string | number | boolean>(...choices: readonly T[]): Schema<T> {
  return {
    parse: (value, path = '') =>
      choices.includes(value as T) ? (value as T) : reject(path, `one of ${choices.join(', ')}`, value),
  };
}

export function array<T>(item: Schema<T>, maxLength = 100_000): Schema<readonly T[]> {
  return {
    parse: (value, path = '') => {
      if (!Array.isArray(value) || value.length > maxLength) reject(path, `a list of at most ${maxLength}`, value);
      return (value as unknown[]).map((entry, index) => item.parse(entry, `${path}[${index}]`));
    },
  };
}

/** An object with exactly these fields; unknown keys are dropped. */
export function object<const F extends Fields>(fields: F): Schema<ObjectOf<F>> {
  return {
    parse: (value, path = '') => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) reject(path, 'an object', value);
      const source = value as Record<string, unknown>;
      const result: Record<string, unknown> = {};
      for (const [key, field] of Object.entries(fields)) {
        const entry = Object.hasOwn(source, key) ? source[key] : undefined;
        if (entry === undefined && field.optional === true) continue;
        result[key] = field.parse(entry, path === '' ? key : `${path}.${key}`);
      }
      return result as ObjectOf<F>;
    },
  };
}

/** An object with any keys (at most `maxKeys`), every value of one type. */
export function record<T>(item: Schema<T>, maxKeys = 1000): Schema<Readonly<Record<string, T>>> {
  return {
    parse: (value, path = '') => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) reject(path, 'an object', value);
      const entries = Object.entries(value as Record<string, unknown>);
      if (entries.length > maxKeys) reject(path, `an object of at most ${maxKeys} keys`, value);
      return Object.fromEntries(entries.map(([key, entry]) => [key, item.parse(entry, `${path}.${key}`)]));
    },
  };
}

/** The value may be left out. */
export function optional<T>(inner: Schema<T>): Schema<T | undefined> {
  return { optional: true, parse: (value, path) => (value === undefined ? undefined : inner.parse(value, path)) };
}

export function nullable<T>(inner: Schema<T>): Schema<T | null> {
  return { parse: (value, path) => (value === null ? null : inner.parse(value, path)) };
}

/** The first schema that accepts the value. */
export function union<const S extends readonly Schema<unknown>[]>(...choices: S): Schema<Infer<S[number]>> {
  return {
    parse: (value, path) => {
      let last: unknown;
      for (const choice of choices) {
        try {
          return choice.parse(value, path) as Infer<S[number]>;
        } catch (error) {
          last = error;
        }
      }
      throw last;
    },
  };
}

/** A call without input. */
export function nothing(): Schema<undefined> {
  return { optional: true, parse: () => undefined };
}
