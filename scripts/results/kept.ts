import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * A value that takes long to measure: read back from `folder` where the same `key` was measured before, made and kept there otherwise. Several
 * processes may share the folder. Without one it is made every time.
 */
export async function kept<T>(folder: string | undefined, key: readonly unknown[], make: () => Promise<T>): Promise<T> {
  if (folder === undefined) return make();
  const text = JSON.stringify(key);
  const file = path.join(folder, `${createHash('sha256').update(text).digest('hex').slice(0, 24)}.json`);
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { value: T }).value;
  const value = await make();
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${file}.${process.pid}`, JSON.stringify({ key: text, value }));
  renameSync(`${file}.${process.pid}`, file);
  return value;
}
