import { copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createWriteStream, existsSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { HeirloomError } from '../../shared/failure.ts';
import type { Context } from '../context.ts';
import { type CatalogEntry, fileSha256, formatCatalog, readCatalog } from './catalog.ts';

/** The model files of this machine: those that ship, those the user added, those the catalog can fetch. */
export interface ModelFiles {
  readonly entries: readonly CatalogEntry[];
  entry(id: string): CatalogEntry;
  /** The file of a model, or undefined when it is not on this machine. */
  path(id: string): string | undefined;
  /** Copies a checked file into the user's folder. */
  add(source: string, described: Pick<CatalogEntry, 'title' | 'role'>): Promise<CatalogEntry>;
  remove(id: string): Promise<void>;
  /** Fetches a catalog entry; what arrives must have the size and SHA-256 the catalog states. The only place where Heirloom uses the network. */
  install(id: string, context: Context): Promise<CatalogEntry>;
}

/**
 * @param directories folders with a `catalog.json`, the shipped one first.
 * @param userDirectory where added and installed files go.
 */
export function openModelFiles(directories: readonly string[], userDirectory: string, fetchFile: typeof fetch = fetch): ModelFiles {
  const shipped = directories.flatMap((directory) => readCatalog(directory).map((entry) => ({ entry, directory })));
  let added = [...readCatalog(userDirectory)];

  const find = (id: string): { readonly entry: CatalogEntry; readonly directory: string } => {
    const own = added.find((entry) => entry.id === id);
    const found = own === undefined ? shipped.find(({ entry }) => entry.id === id) : { entry: own, directory: userDirectory };
    if (found === undefined) throw new HeirloomError('missing-model', `There is no model "${id}".`, 'See the list of models for what is installed.');
    return found;
  };
  const pathOf = (id: string): string | undefined => {
    const { entry, directory } = find(id);
    return [join(directory, entry.file), join(userDirectory, entry.file)].find((path) => existsSync(path));
  };
  const saveAdded = async (): Promise<void> => {
    await mkdir(userDirectory, { recursive: true });
    const temporary = join(userDirectory, `catalog.json.${process.pid}`);
    await writeFile(temporary, formatCatalog(added));
    await rename(temporary, join(userDirectory, 'catalog.json'));
  };

  return {
    get entries() {
      return [...shipped.map(({ entry }) => entry), ...added];
    },
    entry: (id) => find(id).entry,
    path: pathOf,
    add: async (source, described) => {
      const sha256 = await fileSha256(source);
      const known = [...shipped.map(({ entry }) => entry), ...added].find((entry) => entry.sha256 === sha256 && pathOf(entry.id) !== undefined);
      if (known !== undefined) return known;
      const id = freeId(basename(source, extname(source)), (candidate) => [...shipped.map(({ entry }) => entry), ...added].every((entry) => entry.id !== candidate));
      const file = `${id}${extname(source).toLowerCase()}`;
      await mkdir(userDirectory, { recursive: true });
      await copyFile(source, join(userDirectory, file));
      const { size } = await stat(source);
      const entry: CatalogEntry = { id, ...described, origin: 'added', file, license: 'unknown: see where the file came from', sizeBytes: size, sha256 };
      added = [...added, entry];
      await saveAdded();
      return entry;
    },
    remove: async (id) => {
      const { entry } = find(id);
      if (entry.origin === 'embedded') throw new HeirloomError('bad-input', `${entry.title} ships with Heirloom and cannot be removed.`);
      await rm(join(userDirectory, entry.file), { force: true });
      if (entry.origin !== 'added') return;
      added = added.filter((other) => other.id !== id);
      await saveAdded();
    },
    install: async (id, context) => {
      const { entry } = find(id);
      if (entry.url === undefined || entry.sha256 === undefined) {
        throw new HeirloomError('missing-model', `${entry.title} has no address to fetch it from.`, 'Add its file by hand.');
      }
      await mkdir(userDirectory, { recursive: true });
      const target = join(userDirectory, entry.file);
      const temporary = `${target}.part`;
      try {
        await download(entry, temporary, context, fetchFile);
        const sha256 = await fileSha256(temporary, context.signal);
        if (sha256 !== entry.sha256) {
          throw new HeirloomError('corrupt-model', `What came from ${new URL(entry.url).host} is not ${entry.title}: its SHA-256 is ${sha256.slice(0, 16)}….`, 'Nothing was installed. Try again later.');
        }
        await rename(temporary, target);
        return entry;
      } finally {
        await rm(temporary, { force: true });
      }
    },
  };
}

async function download(entry: CatalogEntry, target: string, context: Context, fetchFile: typeof fetch): Promise<void> {
  const url = entry.url as string;
  let response: Response;
  try {
    response = await fetchFile(url, { signal: context.signal, redirect: 'follow' });
  } catch (error) {
    context.report(0);
    throw new HeirloomError('file', `${entry.title} could not be fetched: there is no connection to ${new URL(url).host}.`, 'Check the network, or add the file by hand.', { cause: error });
  }
  if (!response.ok || response.body === null) {
    throw new HeirloomError('file', `${entry.title} could not be fetched: ${new URL(url).host} answered ${response.status}.`, 'Try again later, or add the file by hand.');
  }
  const expected = entry.sizeBytes ?? Number(response.headers.get('content-length') ?? 0);
  let received = 0;
  const counted = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      received += chunk.byteLength;
      if (expected > 0 && received > expected) throw new HeirloomError('corrupt-model', `${entry.title} is larger than the catalog says; the download was stopped.`);
      if (expected > 0) context.report(received / expected, `Fetching ${entry.title}`);
      yield chunk;
    }
  };
  await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), counted, createWriteStream(target), { signal: context.signal });
}

function freeId(name: string, isFree: (id: string) => boolean): string {
  const base = name.toLowerCase().replace(/[^a-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '').slice(0, 80) || 'model';
  for (let number = 1; ; number++) {
    const id = number === 1 ? base : `${base}-${number}`;
    if (isFree(id)) return id;
  }
}

