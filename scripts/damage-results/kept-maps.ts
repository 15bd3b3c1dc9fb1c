import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { DamageMap } from '../../src/engine/damage/damage-map.ts';

/** Evidence maps in a folder, so that what is proposed of them can be tried anew without a search: a line of JSON, then evidence and kinds, gzipped. */
export class KeptMaps {
  readonly #folder: string | undefined;

  /** @param folder nothing is kept when left out. */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** The map of this name, or what `search` gives. */
  async getOrMake(name: string, search: () => Promise<DamageMap>): Promise<DamageMap> {
    if (this.#folder === undefined) return search();
    const file = path.join(this.#folder, `${name.replaceAll(/\W+/g, '-')}.map.gz`);
    if (existsSync(file)) return parse(gunzipSync(await readFile(file)));
    const map = await search();
    const { evidence, kind, ...facts } = map;
    await mkdir(this.#folder, { recursive: true });
    await writeFile(file, gzipSync(Buffer.concat([Buffer.from(`${JSON.stringify(facts)}\n`), evidence, kind])));
    return map;
  }
}

function parse(bytes: Buffer): DamageMap {
  const end = bytes.indexOf('\n');
  const facts = JSON.parse(bytes.subarray(0, end).toString()) as Omit<DamageMap, 'evidence' | 'kind'>;
  const pixels = facts.width * facts.height;
  const from = end + 1;
  return {
    ...facts,
    evidence: Uint8Array.from(bytes.subarray(from, from + pixels)),
    kind: Uint8Array.from(bytes.subarray(from + pixels, from + 2 * pixels)),
  };
}
