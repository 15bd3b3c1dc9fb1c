/** The scheme of everything a window loads; no `file:` and no network. */
export const scheme = 'studio';

/** The address of the window. */
export const pageUrl = `${scheme}://app/`;

/** True for an address of the window itself. */
export function isOwnPage(url: string): boolean {
  try {
    const { protocol, host } = new URL(url);
    return protocol === `${scheme}:` && host === 'app';
  } catch {
    return false;
  }
}
