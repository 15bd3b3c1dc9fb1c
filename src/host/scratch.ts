import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Folders that live as long as this process. */
export interface Scratch {
  /** Large temporary pictures. */
  readonly directory: string;
  /** Short enough for the path of a Unix domain socket, readable by this user only. */
  readonly sockets: string;
  /** Removes both; safe to call more than once, and in an `exit` handler. */
  remove(): void;
}

const folderName = /^run-(\d+)-/;

/** Makes the folders, and removes those that a killed Heirloom left behind. */
export function createScratch(cache: string): Scratch {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  removeLeftovers(cache, folderName);
  removeLeftovers(tmpdir(), /^heirloom-(\d+)-/);
  const directory = mkdtempSync(join(cache, `run-${process.pid}-`));
  const sockets = mkdtempSync(join(tmpdir(), `heirloom-${process.pid}-`));
  return {
    directory,
    sockets,
    remove: () => {
      for (const folder of [directory, sockets]) removeFolder(folder);
    },
  };
}

function removeLeftovers(parent: string, pattern: RegExp): void {
  for (const name of readdirSync(parent)) {
    const pid = Number(pattern.exec(name)?.[1]);
    if (Number.isSafeInteger(pid) && !isAlive(pid)) removeFolder(join(parent, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // Another user's folder, or a file still open on Windows: the next start tries again.
  }
}
