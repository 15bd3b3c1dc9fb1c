import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** Decides which requests come from the page this server printed the address of. */
export interface RequestGuard {
  /** Part of the printed address. */
  readonly token: string;
  /** The request names this server by an address it has. Without this check, another site's name could point here. */
  isForThisServer(request: IncomingMessage): boolean;
  isToken(candidate: string): boolean;
  hasCookie(request: IncomingMessage): boolean;
  /** The request comes from a page of this server. Without `Origin` it does not come from a page at all. */
  isFromOwnPage(request: IncomingMessage): boolean;
  /** The header that makes a browser remember that it knew the token. */
  setCookie(): string;
}

/**
 * @param port of the server, once it is known.
 * @param boundTo the address the server listens on.
 */
export function createRequestGuard(port: () => number, boundTo: string): RequestGuard {
  const token = randomBytes(24).toString('base64url');
  const session = randomBytes(24).toString('base64url');
  // Cookies are shared by all ports of a host: two studios must not overwrite each other's.
  const cookieName = (): string => `heirloom-${port()}`;
  return {
    token,
    isForThisServer: (request) => isOwnHost(request.headers.host, port(), boundTo),
    isToken: (candidate) => equal(candidate, token),
    hasCookie: (request) => equal(cookie(request, cookieName()), session),
    isFromOwnPage: (request) => request.headers.origin === `http://${request.headers.host ?? ''}`,
    setCookie: () => `${cookieName()}=${session}; HttpOnly; SameSite=Strict; Path=/`,
  };
}

function isOwnHost(header: string | undefined, port: number, boundTo: string): boolean {
  if (header === undefined) return false;
  let name: string;
  try {
    const url = new URL(`http://${header}`);
    if (url.host !== header.toLowerCase() && `${url.hostname}:80` !== header.toLowerCase()) return false;
    if ((url.port === '' ? 80 : Number(url.port)) !== port) return false;
    name = url.hostname.replace(/^\[|\]$/g, '');
  } catch {
    return false;
  }
  if (['localhost', '127.0.0.1', '::1'].includes(name) || name === boundTo.toLowerCase()) return true;
  // Open to the network: any address it was reached by, or the machine's own name, but no name a stranger could set up.
  const open = !['127.0.0.1', '::1', 'localhost'].includes(boundTo);
  return open && (isIP(name) !== 0 || name === hostname().toLowerCase());
}

function cookie(request: IncomingMessage, name: string): string {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = part.trim().split('=', 2);
    if (key === name) return value ?? '';
  }
  return '';
}

/** Compares in a time that tells nothing about where the first difference is. */
function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
