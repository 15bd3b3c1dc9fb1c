const reserved = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * A file name that is safe on every system, made from one that came from outside: no folders, no control characters,
 * at most 150 characters with its extension kept.
 */
export function safeFileName(name: string, fallback: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const clean = [...last.normalize('NFC')]
    .map((character) => (/[\p{Cc}\p{Cf}<>:"|?*]/u.test(character) ? '_' : character))
    .join('')
    .replace(/^[.\s]+|[.\s]+$/g, '');
  if (clean === '' || reserved.test(clean)) return fallback;
  const extension = /\.[^.]{1,12}$/.exec(clean)?.[0] ?? '';
  const characters = [...clean.slice(0, clean.length - extension.length)];
  return characters.slice(0, 150 - extension.length).join('') + extension;
}
