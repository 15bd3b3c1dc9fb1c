import { realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';

const mimeTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

export interface StaticFile {
  readonly path: string;
  readonly mime: string;
  readonly sizeBytes: number;
}

/**
 * The file of the built window at the path of a URL; undefined when there is none, when its type is not one of the
 * window's, or when it would lie outside of `root` (also by way of a link).
 */
export async function staticFile(root: string, urlPath: string): Promise<StaticFile | undefined> {
  const decoded = decode(urlPath);
  if (decoded === undefined || !decoded.startsWith('/') || /[\\\0]|(^|\/)\.{1,2}(\/|$)/.test(decoded)) return undefined;
  const mime = mimeTypes[extname(decoded === '/' ? '/index.html' : decoded)];
  if (mime === undefined) return undefined;
  try {
    const base = await realpath(root);
    const path = await realpath(join(base, decoded === '/' ? 'index.html' : decoded));
    const stats = await stat(path);
    return path.startsWith(base + sep) && stats.isFile() ? { path, mime, sizeBytes: stats.size } : undefined;
  } catch {
    return undefined;
  }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
