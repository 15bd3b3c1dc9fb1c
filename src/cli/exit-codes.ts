import type { FailureCode } from '../shared/failure.ts';

/** What the program ends with; documented in `heirloom --help`. */
export const exitCodes = { ok: 0, internal: 1, usage: 2, input: 3, model: 4, file: 5, resources: 6, cancelled: 130 } as const;

export const exitCodeHelp: readonly (readonly [code: number, meaning: string])[] = [
  [0, 'done'],
  [1, 'a bug in Heirloom'],
  [2, 'the command line was not understood'],
  [3, 'an input (photo, recipe) is damaged, unknown or does not fit'],
  [4, 'a model is missing, damaged or not supported'],
  [5, 'a file cannot be read or written'],
  [6, 'out of memory, or the device failed'],
  [130, 'cancelled with Ctrl+C'],
];

/** The exit code for a failure. */
export function exitCodeFor(code: FailureCode): number {
  switch (code) {
    case 'bad-input':
      return exitCodes.input;
    case 'unsupported-model':
    case 'missing-model':
    case 'corrupt-model':
      return exitCodes.model;
    case 'file':
      return exitCodes.file;
    case 'out-of-memory':
    case 'device':
      return exitCodes.resources;
    case 'internal':
      return exitCodes.internal;
  }
}
