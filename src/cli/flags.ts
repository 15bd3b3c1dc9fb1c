import { parseArgs } from 'node:util';
import { UsageError } from './command.ts';

/** One flag, declared once: for the parser and for the help. */
export interface Flag {
  readonly name: string;
  /** What it takes, such as "N" or "FILE"; without it the flag takes nothing. */
  readonly takes?: string;
  readonly help: string;
  readonly short?: string;
  /** Known to the parser, but not worth a line of help of its own. */
  readonly hidden?: boolean;
}

export interface ParsedFlags {
  readonly positionals: readonly string[];
  /** Text of a flag that takes something. */
  text(name: string): string | undefined;
  has(name: string): boolean;
}

/**
 * Parses a command's arguments.
 *
 * @throws UsageError for an unknown flag, or one that takes something and was given nothing.
 */
export function parseFlags(args: readonly string[], flags: readonly Flag[]): ParsedFlags {
  const options = Object.fromEntries(
    flags.map(({ name, takes, short }) => [
      name,
      { type: takes === undefined ? ('boolean' as const) : ('string' as const), ...(short === undefined ? {} : { short }) },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: joinNegative(args, flags), options, allowPositionals: true });
    return {
      positionals,
      text: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
      has: (name) => values[name] !== undefined,
    };
  } catch (error) {
    // Its sentences are plain enough; the rest is about its own API.
    throw new UsageError((error as Error).message.split('. To specify')[0]!.replace(/\.?$/, '.'));
  }
}

/** `--flag -5` means `--flag=-5` where the flag takes something. */
function joinNegative(args: readonly string[], flags: readonly Flag[]): string[] {
  const joined: string[] = [];
  for (const entry of args) {
    const last = joined.at(-1) ?? '';
    const takes = flags.some((flag) => flag.takes !== undefined && last === `--${flag.name}`);
    if (takes && /^-\.?\d/.test(entry)) joined[joined.length - 1] = `${last}=${entry}`;
    else joined.push(entry);
  }
  return joined;
}

/** The number a flag was given. */
export function numberFrom(text: string, flag: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new UsageError(`--${flag} should be a number, but is "${text}".`);
  return value;
}

/** Help lines, aligned. */
export function describeFlags(flags: readonly Flag[]): string {
  const lines = flags
    .filter((flag) => flag.hidden !== true)
    .map(({ name, short, takes, help }) => [`${short === undefined ? '' : `-${short}, `}--${name}${takes === undefined ? '' : ` ${takes}`}`, help] as const);
  return describeRows(lines);
}

/** Two aligned columns; the second is folded at the usual width. */
export function describeRows(rows: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)));
  const indent = ' '.repeat(width + 4);
  return rows
    .map(([left, right]) => {
      const text = fold(right, 100 - indent.length).join(`\n${indent}`);
      return left.length <= width ? `  ${left.padEnd(width)}  ${text}` : `  ${left}\n${indent}${text}`;
    })
    .join('\n');
}

function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
