import { statSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * The files named on a command line: by "open with", by a file dragged onto the icon, or by hand.
 *
 * @param args the command line without the program file; switches and folders are passed over.
 */
export function requestedFiles(args: readonly string[], workingDirectory: string): readonly string[] {
  return args
    .filter((entry) => entry !== '' && !entry.startsWith('-'))
    .map((entry) => resolve(workingDirectory, entry))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}
