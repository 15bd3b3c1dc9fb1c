import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { HeirloomError } from '../shared/failure.ts';
import type { Schema } from '../shared/schema.ts';

/** A small JSON file that is checked when read and replaced in one piece when written. */
export interface JsonFile<T> {
  /** The checked content, or `fallback`. A damaged file is set aside as `*.bad`, and `notice` says so. */
  read(): Promise<{ readonly value: T; readonly notice?: string }>;
  /** Writes are carried out one after the other. */
  write(value: T): Promise<void>;
}

/** A JSON file at `path` that holds what `schema` accepts. */
export function jsonFile<T>(path: string, schema: Schema<T>, fallback: T): JsonFile<T> {
  let last: Promise<unknown> = Promise.resolve();
  return {
    async read() {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw new HeirloomError('file', `The file ${path} cannot be read.`, 'Check its permissions.', { cause: error });
      });
      if (text === undefined) return { value: fallback };
      try {
        return { value: schema.parse(JSON.parse(text)) };
      } catch (error) {
        await rename(path, `${path}.bad`).catch(() => {});
        const reason = error instanceof SyntaxError ? 'it is not valid JSON' : (error as Error).message;
        return {
          value: fallback,
          notice: `${basename(path)} was damaged (${reason}); the defaults are used, and the old file is kept as ${basename(path)}.bad.`,
        };
      }
    },
    write(value) {
      const next = last.catch(() => {}).then(() => replaceFile(path, `${JSON.stringify(value, undefined, 2)}\n`));
      last = next;
      return next;
    },
  };
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    const hint = 'Check that the disk has space and the folder may be written.';
    throw new HeirloomError('file', `${basename(path)} could not be saved in ${dirname(path)}.`, hint, { cause: error });
  }
}
