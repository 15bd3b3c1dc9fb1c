import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { array, string } from '../shared/schema.ts';
import { jsonFile } from './json-file.ts';

const maxRecent = 12;

/** Photos opened lately, the latest first. */
export interface RecentFiles {
  /** Those that still exist. */
  list(): Promise<readonly string[]>;
  add(path: string): Promise<void>;
}

/** The list all hosts share, kept in the data directory. */
export function recentFiles(dataDirectory: string): RecentFiles {
  const file = jsonFile(join(dataDirectory, 'recent.json'), array(string(), 1000), []);
  return {
    list: async () => (await file.read()).value.filter((path) => existsSync(path)),
    add: async (path) => {
      const { value } = await file.read();
      await file.write([path, ...value.filter((entry) => entry !== path)].slice(0, maxRecent));
    },
  };
}
