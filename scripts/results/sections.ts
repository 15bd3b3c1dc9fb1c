/**
 * The sections of a results file by the name their title begins with, so that a run which measures one of them keeps the others.
 *
 * @param mark what a title begins with, such as '## '; a section ends at the next title or picture.
 */
export function sectionsOf<Name extends string>(text: string, mark: string, names: readonly Name[]): Map<Name, string> {
  const sections = new Map<Name, string>();
  for (const part of text.split(/^(?=#+ |!\[)/m)) {
    const title = names.find((name) => part.startsWith(`${mark}${name} (`));
    if (title !== undefined) sections.set(title, part.trimEnd());
  }
  return sections;
}
