import fs from 'node:fs/promises';
import { HeirloomError } from '../../shared/failure.ts';

/** The file operations the image layer uses, so that tests can stand in a full or read-only disk. */
export interface FileOperations {
  readonly open: typeof fs.open;
  readonly rename: typeof fs.rename;
  readonly rm: typeof fs.rm;
  readonly mkdir: typeof fs.mkdir;
  readonly stat: typeof fs.stat;
  readonly realpath: typeof fs.realpath;
}

export const nodeFiles: FileOperations = fs;

/** The error code of the operating system, if `error` or what caused it has one, or if its text names one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code)) return error.code;
  if (/no space left on device|disk full|ENOSPC/i.test(error.message)) return 'ENOSPC';
  if (/read-only file system/i.test(error.message)) return 'EROFS';
  if (/permission denied/i.test(error.message)) return 'EACCES';
  return error.cause === undefined ? undefined : systemCode(error.cause);
}

/** Turns a failed write to `what` (for example `the file "a.png"`) into one sentence. */
export function writeFailure(error: unknown, what: string): Error {
  if (error instanceof HeirloomError || (error instanceof Error && error.name === 'CancelledError'))
    return error;
  const options = { cause: error };
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new HeirloomError(
        'file',
        `The disk is full, so ${what} could not be written.`,
        'Free some space or choose another disk, then try again.',
        options,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HeirloomError(
        'file',
        `Heirloom may not write there, so ${what} could not be written.`,
        'Choose a folder you may write to.',
        options,
      );
    case 'ENOENT':
    case 'ENOTDIR':
      return new HeirloomError(
        'file',
        `The folder for ${what} does not exist.`,
        'Choose a folder that exists.',
        options,
      );
    case 'EBUSY':
    case 'ETXTBSY':
      return new HeirloomError(
        'file',
        `Another program is using ${what}.`,
        'Close it there, then try again.',
        options,
      );
    default: {
      const reason = error instanceof Error ? error.message.split('\n')[0]?.trim() : String(error);
      return new HeirloomError(
        'file',
        `${capitalized(what)} could not be written (${reason}).`,
        'Check the disk, or choose another folder.',
        options,
      );
    }
  }
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
