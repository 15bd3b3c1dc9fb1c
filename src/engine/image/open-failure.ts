import type { FileHandle } from 'node:fs/promises';
import { HeirloomError } from '../../shared/failure.ts';
import { systemCode, type FileOperations } from './files.ts';

/** Opens a photo for reading, never for writing. @throws HeirloomError `file` or `bad-input`, one sentence each. */
export async function openForReading(
  file: string,
  name: string,
  files: FileOperations,
): Promise<{ readonly handle: FileHandle; readonly sizeBytes: number }> {
  try {
    const stat = await files.stat(file);
    if (stat.isDirectory())
      throw new HeirloomError(
        'bad-input',
        `"${name}" is a folder, not a photo.`,
        'Choose a photo inside it.',
      );
    if (!stat.isFile())
      throw new HeirloomError('bad-input', `"${name}" is not a regular file.`, 'Choose a photo.');
    if (stat.size === 0)
      throw new HeirloomError('bad-input', `"${name}" is empty.`, 'Fetch it again from where it came from.');
    return { handle: await files.open(file, 'r'), sizeBytes: stat.size };
  } catch (error) {
    throw readFailure(error, file, name);
  }
}

function readFailure(error: unknown, file: string, name: string): HeirloomError {
  if (error instanceof HeirloomError) return error;
  const code = systemCode(error);
  const options = { cause: error };
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new HeirloomError(
        'file',
        `There is no file "${file}".`,
        'Check the name and the folder.',
        options,
      );
    case 'EACCES':
    case 'EPERM':
      return new HeirloomError(
        'file',
        `Heirloom may not read "${name}".`,
        'Change its permissions or copy it somewhere else.',
        options,
      );
    default:
      return new HeirloomError(
        'file',
        `"${name}" could not be read (${code ?? String(error)}).`,
        'Check the disk, or copy the file somewhere else.',
        options,
      );
  }
}

/** The failure of a file that cannot be decoded; `canForce` where opening what can be read of it may help. */
export function damagedFile(name: string, why: string, cause: unknown, canForce: boolean): HeirloomError {
  const again = 'Fetch it again from where it came from';
  const hint = canForce ? `${again}, or open what can be read of it.` : `${again}.`;
  return new HeirloomError('bad-input', `"${name}" is damaged and cannot be opened (${why}).`, hint, {
    cause,
    ...(canForce ? { retry: 'allow-damaged' as const } : {}),
  });
}

/** The first line of a decoder's message, without paths and prefixes, to stand in parentheses. */
export function decoderReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split('\n').map((part) => part.trim());
  const line =
    lines.find((part) => part !== '' && !/[/\\]|treated as error/.test(part)) ?? 'the decoder gave up';
  return line
    .replace(/^(Input file|Input buffer)[^:]*:\s*/i, '')
    .replace(/^[\w ]+: /, '')
    .replace(/\.$/, '')
    .slice(0, 120);
}
