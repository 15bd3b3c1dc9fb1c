import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { trialKinds, type TrialKind } from './trial-masks.ts';

/** Puts the section of a kind into a results file, in the place of the one it has or where the order of kinds wants it. */
export async function writeSection(path: string, kind: TrialKind, section: string, introduction: string): Promise<void> {
  const text = existsSync(path) ? await readFile(path, 'utf8') : '';
  const sections = new Map<string, string>();
  for (const part of text.split(/^(?=## )/m)) {
    const title = trialKinds.find((name) => part.startsWith(`## ${name} (`));
    if (title !== undefined) sections.set(title, part.trimEnd());
  }
  sections.set(kind, section.trimEnd());
  const ordered = trialKinds.flatMap((name) => sections.get(name) ?? []);
  await writeFile(path, `${[introduction.trimEnd(), ...ordered].join('\n\n')}\n`);
}
