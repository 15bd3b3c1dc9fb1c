import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { CancelledError, HeirloomError } from '../../shared/failure.ts';
import type { Context } from '../context.ts';
import { systemCode, writeFailure, type FileOperations } from './files.ts';

export interface SafeWriteOptions {
  readonly overwrite: boolean;
  readonly files: FileOperations;
  readonly context: Context;
}

/**
 * Lets `write` fill a temporary file beside `target`, brings it to the disk, and gives it its name in one step.
 *
 * @param source the photo this comes from: never written to, by whatever name or link `target` reaches it.
 * @returns the size of the file in bytes.
 * @throws HeirloomError `bad-input` if `target` is the source or exists and may not be replaced; `file` if it cannot be written;
 *   CancelledError. No temporary file is left.
 */
export async function writeSafely(
  target: string,
  source: string,
  write: (temporary: string) => Promise<void>,
  options: SafeWriteOptions,
): Promise<number> {
  const { files, context } = options;
  const name = path.basename(target);
  await checkTarget(target, source, options);
  const temporary = path.join(
    path.dirname(target),
    `.${name.slice(0, 100)}.${randomBytes(6).toString('hex')}.heirloom-part`,
  );
  try {
    // Made first, so that a folder that may not be written to is known before any work.
    await (await files.open(temporary, 'wx', 0o666)).close();
    await write(temporary);
    if (context.signal.aborted) throw new CancelledError();
    const handle = await files.open(temporary, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await checkTarget(target, source, options);
    await files.rename(temporary, target);
    await syncFolder(path.dirname(target), files);
    return (await files.stat(target)).size;
  } catch (error) {
    await files.rm(temporary, { force: true }).catch(() => {});
    throw writeFailure(error, `"${name}"`);
  }
}

async function checkTarget(
  target: string,
  source: string,
  { overwrite, files }: SafeWriteOptions,
): Promise<void> {
  const name = path.basename(target);
  const existing = await statOrNothing(target, files);
  if (existing === undefined) return;
  const original = await statOrNothing(source, files);
  const isOriginal = original !== undefined && original.dev === existing.dev && original.ino === existing.ino;
  if (isOriginal || (await realpathOr(target, files)) === (await realpathOr(source, files))) {
    throw new HeirloomError(
      'bad-input',
      `"${name}" is the original photo, which Heirloom never writes to.`,
      'Save the result under another name.',
    );
  }
  if (existing.isDirectory())
    throw new HeirloomError('bad-input', `"${name}" is a folder.`, 'Choose a file name inside it.');
  if (!existing.isFile())
    throw new HeirloomError('bad-input', `"${name}" is not a regular file.`, 'Choose another name.');
  if (!overwrite)
    throw new HeirloomError(
      'bad-input',
      `There is already a file "${name}".`,
      'Choose another name, or allow replacing it.',
    );
}

async function statOrNothing(file: string, files: FileOperations) {
  try {
    return await files.stat(file, { bigint: true });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw writeFailure(error, `"${path.basename(file)}"`);
  }
}

async function realpathOr(file: string, files: FileOperations): Promise<string> {
  return files.realpath(file).catch(() => path.resolve(file));
}

/** A rename is only as durable as its folder; not every system lets folders be synced. */
async function syncFolder(folder: string, files: FileOperations): Promise<void> {
  try {
    const handle = await files.open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Windows: folders cannot be opened. The file itself is on the disk.
  }
}
