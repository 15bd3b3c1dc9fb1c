import { totalmem } from 'node:os';
import { join } from 'node:path';
import { type Settings, settingsSchema } from '../shared/contract.ts';
import { type JsonFile, jsonFile } from './json-file.ts';

/** Settings of a first start: a quarter of the machine's memory, between 512 MiB and 8 GiB. */
export function defaultSettings(memoryBytes: number = totalmem()): Settings {
  const quarterMiB = Math.floor(memoryBytes / 4 / 1_048_576);
  return { device: 'auto', tilePx: 0, memoryBudgetMiB: Math.min(8192, Math.max(512, quarterMiB)), theme: 'system' };
}

/** The settings all hosts share. */
export function settingsFile(dataDirectory: string): JsonFile<Settings> {
  return jsonFile(join(dataDirectory, 'settings.json'), settingsSchema, defaultSettings());
}
