import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { WebSocketServer } from 'ws';
import { HeirloomError, toFailure } from '../shared/failure.ts';
import type { Transport } from '../shared/rpc.ts';
import type { PixelAnswer } from '../host/engine-pixels.ts';
import type { GrantedTarget } from '../host/grants.ts';
import { securityHeaders } from '../host/security-headers.ts';
import { staticFile } from '../host/static-files.ts';
import type { Uploads } from '../host/upload.ts';
import { createRequestGuard, type RequestGuard } from './request-guard.ts';
import { socketTransport } from './socket-transport.ts';

export interface WebServerOptions {
  /** Address to listen on; 127.0.0.1 unless the user asked for another. */
  readonly address: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** The built window. */
  readonly renderer: string;
  attach(transport: Transport): void;
  pixels(path: string): Promise<PixelAnswer | undefined>;
  /** @throws HeirloomError when the token was not granted. */
  target(token: string): GrantedTarget;
  readonly uploads: Uploads;
  readonly onInternal: (error: unknown) => void;
}

export interface WebServer {
  /** The address to open, with its token. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const maxMessageBytes = 8 * 1_048_576;

type Handle = (request: IncomingMessage, response: ServerResponse, rest: string, url: URL) => Promise<void> | void;

/** Serves the window to browsers on this machine that were given the printed address. */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  let port = options.port;
  const guard = createRequestGuard(() => port, options.address);
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 900_000, maxHeaderSize: 16_384 }, (request, response) => {
    answer(options, guard, request, response).catch((error: unknown) => {
      if (!isConnectionEnd(error)) options.onInternal(error);
      fail(response, 500, error);
    });
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes });
  server.on('upgrade', (request, socket, head) => {
    const refusal = refuseSocket(guard, request);
    if (refusal !== undefined) return refuseUpgrade(socket, refusal);
    sockets.handleUpgrade(request, socket, head, (webSocket) => options.attach(socketTransport(webSocket)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFailed(error, options)));
    server.listen(options.port, options.address, resolve);
  });
  port = (server.address() as AddressInfo).port;
  const shown = options.address.includes(':') ? `[${options.address}]` : options.address;
  return {
    url: `http://${shown === '0.0.0.0' ? '127.0.0.1' : shown === '[::]' ? '[::1]' : shown}:${port}/?token=${guard.token}`,
    port,
    close: () =>
      new Promise((resolve) => {
        for (const client of sockets.clients) client.terminate();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(options: WebServerOptions, guard: RequestGuard, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const host = request.headers.host ?? '';
  for (const [name, value] of Object.entries(securityHeaders(`ws://${host}`))) response.setHeader(name, value);
  if (!guard.isForThisServer(request)) return sendText(response, 421, 'This is not the address of this Heirloom.');
  if (request.url?.startsWith('/') !== true) return sendText(response, 400, 'Only paths are answered here.');
  // Put together as text: as a relative address, "//name" would be another host.
  const url = new URL(`http://${host}${request.url}`);
  const token = url.searchParams.get('token');
  if (url.pathname === '/' && token !== null) {
    if (!guard.isToken(token)) return sendText(response, 403, wrongAddress);
    response.writeHead(303, { location: '/', 'set-cookie': guard.setCookie(), 'cache-control': 'no-store' });
    return void response.end();
  }
  if (!guard.hasCookie(request)) return sendText(response, 403, wrongAddress);
  const [, area = '', rest = ''] = /^\/([^/]*)(?:\/(.*))?$/s.exec(url.pathname) ?? [];
  const routes: Readonly<Record<string, readonly [method: string, handle: Handle]>> = {
    pixels: ['GET', (_request, out, path) => sendPixels(options, out, path)],
    download: ['GET', (_request, out, path) => sendDownload(options, out, path)],
    upload: ['POST', (_request, out, _path, full) => takeUpload(options, guard, request, out, full)],
  };
  const [method, handle] = (Object.hasOwn(routes, area) ? routes[area] : undefined) ?? ['GET', (_request, out) => sendFile(options, out, url.pathname)];
  if (request.method !== method) {
    response.setHeader('allow', method);
    return sendText(response, 405, `Only ${method} is answered here.`);
  }
  await handle(request, response, rest, url);
}

const wrongAddress = 'Open the full address that Heirloom printed when it was started, with its token.';

function refuseSocket(guard: RequestGuard, request: IncomingMessage): number | undefined {
  if (!guard.isForThisServer(request)) return 421;
  if (request.url !== '/socket') return 404;
  return guard.isFromOwnPage(request) && guard.hasCookie(request) ? undefined : 403;
}

function refuseUpgrade(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

async function sendFile(options: WebServerOptions, response: ServerResponse, path: string): Promise<void> {
  const file = await staticFile(options.renderer, path);
  if (file === undefined) return sendText(response, 404, 'There is no such file.');
  // Names of built files carry a hash of their content; the page itself does not.
  const cacheControl = path.startsWith('/assets/') ? 'private, max-age=31536000, immutable' : 'no-cache';
  response.writeHead(200, { 'content-type': file.mime, 'content-length': file.sizeBytes, 'cache-control': cacheControl });
  await pipeline(createReadStream(file.path), response);
}

async function sendPixels(options: WebServerOptions, response: ServerResponse, path: string): Promise<void> {
  let pixels: PixelAnswer | undefined;
  try {
    pixels = await options.pixels(path);
  } catch (error) {
    return fail(response, 503, error);
  }
  if (pixels === undefined) return sendText(response, 404, 'There is no such picture.');
  const { mime, cacheControl, sizeBytes, body } = pixels;
  response.writeHead(200, {
    'content-type': mime,
    'cache-control': cacheControl,
    ...(sizeBytes === undefined ? {} : { 'content-length': sizeBytes }),
  });
  await pipeline(body, response);
}

async function sendDownload(options: WebServerOptions, response: ServerResponse, token: string): Promise<void> {
  let target: GrantedTarget;
  try {
    target = options.target(token);
  } catch (error) {
    return fail(response, 404, error);
  }
  const stats = await stat(target.path).catch(() => undefined);
  if (stats === undefined) return sendText(response, 404, `"${target.label}" was not saved.`);
  const plain = target.label.replace(/[^\w. -]/g, '_');
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': stats.size,
    'content-disposition': `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(target.label)}`,
    'cache-control': 'no-store',
  });
  await pipeline(createReadStream(target.path), response);
}

async function takeUpload(
  options: WebServerOptions,
  guard: RequestGuard,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  if (!guard.isFromOwnPage(request)) return sendText(response, 403, 'Only Heirloom’s own page may send files.');
  try {
    const source = await options.uploads.receive(request, url.searchParams.get('name') ?? '');
    sendJson(response, 200, source);
  } catch (error) {
    if (!(error instanceof HeirloomError)) options.onInternal(error);
    // What is left of the body is not read.
    response.setHeader('connection', 'close');
    fail(response, error instanceof HeirloomError && error.code === 'bad-input' ? 413 : 500, error);
  }
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${text}\n`);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(value));
}

function fail(response: ServerResponse, status: number, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  sendJson(response, status, toFailure(error));
}

/** The browser went away in the middle of an answer, which it may. */
function isConnectionEnd(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE';
}

function listenFailed(error: NodeJS.ErrnoException, { address, port }: WebServerOptions): HeirloomError {
  if (error.code === 'EADDRINUSE') {
    return new HeirloomError('device', `Port ${port} is used by another program.`, 'Choose another one with --port, or leave it out.', { cause: error });
  }
  return new HeirloomError('device', `Heirloom cannot listen on ${address}:${port} (${error.message}).`, 'Choose another address or port.', { cause: error });
}
