import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import type { CustomScheme } from 'electron';
import type { PixelAnswer } from '../host/engine-pixels.ts';
import { securityHeaders } from '../host/security-headers.ts';
import { staticFile } from '../host/static-files.ts';
import type { Uploads } from '../host/upload.ts';
import { HeirloomError, toFailure } from '../shared/failure.ts';
import { scheme } from './own-page.ts';

export interface StudioProtocolOptions {
  /** The built window. */
  readonly renderer: string;
  pixels(path: string): Promise<PixelAnswer | undefined>;
  readonly uploads: Uploads;
}

/** To be registered before the app is ready. */
export const studioScheme: CustomScheme = {
  scheme,
  privileges: { standard: true, secure: true, supportFetchAPI: true, corsEnabled: true, stream: true },
};

const ownOrigin = `${scheme}://app`;

/**
 * Answers `studio://app/…` with the window's files, `studio://pixels/…` with pixels, and `POST studio://upload?name=…`
 * (bytes the user pasted) with a source. Only the window may read the answers.
 */
export function studioProtocol(options: StudioProtocolOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const { host, pathname, searchParams } = new URL(request.url);
      if (request.method === 'OPTIONS') return new Response(null, { status: 204, headers: { ...shared, 'access-control-allow-methods': 'GET, POST' } });
      if (host === 'upload') return await takeUpload(options, request, searchParams.get('name') ?? '');
      if (request.method !== 'GET') return text(405, 'Only GET is answered here.');
      if (host === 'pixels') return await sendPixels(options, pathname.slice(1));
      if (host === 'app') return await sendFile(options, pathname);
      return text(404, 'There is no such address.');
    } catch (error) {
      return json(500, toFailure(error));
    }
  };
}

const shared: Readonly<Record<string, string>> = {
  ...securityHeaders(`${scheme}:`),
  'access-control-allow-origin': ownOrigin,
  'access-control-allow-headers': 'content-type',
  vary: 'origin',
};

async function sendFile({ renderer }: StudioProtocolOptions, path: string): Promise<Response> {
  const file = await staticFile(renderer, path);
  if (file === undefined) return text(404, 'There is no such file.');
  const headers = { ...shared, 'content-type': file.mime, 'content-length': String(file.sizeBytes), 'cache-control': 'no-cache' };
  return new Response(toWeb(createReadStream(file.path)), { headers });
}

async function sendPixels({ pixels }: StudioProtocolOptions, path: string): Promise<Response> {
  const answer = await pixels(path).catch((error: unknown) => error);
  if (answer instanceof Error) return json(503, toFailure(answer));
  const found = answer as PixelAnswer | undefined;
  if (found === undefined) return text(404, 'There is no such picture.');
  return new Response(toWeb(found.body), { headers: { ...shared, 'content-type': found.mime, 'cache-control': found.cacheControl } });
}

async function takeUpload({ uploads }: StudioProtocolOptions, request: Request, name: string): Promise<Response> {
  if (request.method !== 'POST') return text(405, 'Only POST is answered here.');
  if (request.headers.get('origin') !== ownOrigin) return text(403, 'Only Heirloom’s own page may send files.');
  if (request.body === null) return json(400, toFailure(new HeirloomError('bad-input', `"${name}" is empty.`)));
  try {
    const source = await uploads.receive(Readable.fromWeb(request.body as NodeReadableStream), name);
    return json(200, source);
  } catch (error) {
    return json(error instanceof HeirloomError && error.code === 'bad-input' ? 413 : 500, toFailure(error));
  }
}

function toWeb(stream: Readable): ReadableStream {
  return Readable.toWeb(stream) as ReadableStream;
}

function text(status: number, sentence: string): Response {
  return new Response(`${sentence}\n`, { status, headers: { ...shared, 'content-type': 'text/plain; charset=utf-8' } });
}

function json(status: number, value: unknown): Response {
  return new Response(JSON.stringify(value), { status, headers: { ...shared, 'content-type': 'application/json' } });
}
