import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { HeirloomError } from '../../shared/failure.ts';
import { array, type Infer, integer, object, oneOf, optional, string } from '../../shared/schema.ts';

const entrySchema = object({
  id: string(100),
  title: string(200),
  role: string(40),
  origin: oneOf('embedded', 'catalog', 'added'),
  /** File name inside the folder it is kept in. */
  file: string(300),
  license: string(500),
  url: optional(string(500)),
  sizeBytes: optional(integer(1)),
  sha256: optional(string(64)),
  /** The other end of the pair that α interpolates. */
  partner: optional(string(100)),
  /** 'fidelity', 'perception', 'gentle' or 'strong'. */
  end: optional(string(40)),
  note: optional(string(1000)),
});

const catalogSchema = object({ version: oneOf(1), models: array(entrySchema, 10_000) });

/** One model file Heirloom knows of, present or not. */
export type CatalogEntry = Infer<typeof entrySchema>;

/** Reads `catalog.json` of `directory`; a missing file is an empty catalog. */
export function readCatalog(directory: string): readonly CatalogEntry[] {
  const path = join(directory, 'catalog.json');
  if (!existsSync(path)) return [];
  try {
    return catalogSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).models;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new HeirloomError('corrupt-model', `The model catalog ${path} cannot be read: ${reason}`, 'Reinstall Heirloom, or restore the file.');
  }
}

/** The text of a catalog file. */
export function formatCatalog(models: readonly CatalogEntry[]): string {
  return `${JSON.stringify({ version: 1, models }, null, 2)}\n`;
}

/** SHA-256 of a file, as 64 hexadecimal digits. */
export async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, signal === undefined ? {} : { signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What changes when a file is replaced: cheap enough to be asked before every run. */
export function fileStamp(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return `${size}-${mtimeMs}`;
}
