import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of photos and third-party weights beside the repository, or undefined on a machine without it. */
const folder = fileURLToPath(new URL('../../shared/data', import.meta.url));
export const sharedData: string | undefined = existsSync(folder) ? folder : undefined;

/** Appended to test names so that a skip says why. */
export const sharedDataNote = sharedData === undefined ? ' (skipped: no ../shared/data)' : '';
