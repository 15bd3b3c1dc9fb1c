import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Grants } from '../../src/host/grants.ts';
import { createUploads } from '../../src/host/upload.ts';
import type { SourceRef } from '../../src/shared/contract.ts';
import { HeirloomError } from '../../src/shared/failure.ts';
import { connect } from '../../src/shared/rpc.ts';
import { startWebServer, type WebServer } from '../../src/web/web-server.ts';
import { socketTransport } from '../../src/web/socket-transport.ts';
import { type SampleCalls, type SampleEvents, serveSample } from '../contracts/sample-calls.ts';
import { removeFolder } from '../host/fake-engine.ts';

let folder = '';
let server: WebServer;
let grants: Grants;
const attached: unknown[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
  mkdirSync(join(folder, 'renderer', 'assets'), { recursive: true });
  mkdirSync(join(folder, 'uploads'));
  writeFileSync(join(folder, 'renderer', 'index.html'), '<!doctype html><title>Heirloom</title>');
  writeFileSync(join(folder, 'renderer', 'assets', 'a-1234.js'), '1');
  writeFileSync(join(folder, 'secret.json'), '{}');
  grants = new Grants();
  attached.length = 0;
  server = await startWebServer({
    address: '127.0.0.1',
    port: 0,
    renderer: join(folder, 'renderer'),
    attach: (transport) => {
      attached.push(transport);
      serveSample(transport);
    },
    pixels: (path) => {
      if (path === 'down/tile/0/0/0') return Promise.reject(new HeirloomError('device', 'The engine does not answer at the moment.'));
      if (path !== 'abc/tile/0/0/0') return Promise.resolve(undefined);
      return Promise.resolve({ mime: 'image/webp', cacheControl: 'private, immutable', sizeBytes: 6, body: Readable.from([Buffer.from('pixels')]) });
    },
    target: (token) => grants.target(token),
    uploads: createUploads(grants, join(folder, 'uploads'), 1000),
    onInternal: (error) => {
      throw error;
    },
  });
});
afterEach(async () => {
  await server.close();
  await removeFolder(folder);
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A request as it is, without what a browser or `fetch` would add or forbid. */
function ask(path: string, options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string | Buffer } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: server.port, path, method: options.method ?? 'GET', headers: options.headers ?? {} }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(options.body);
  });
}

async function cookie(): Promise<string> {
  const { headers } = await ask(new URL(server.url).pathname + new URL(server.url).search);
  return (headers['set-cookie'] as string[])[0]!.split(';')[0]!;
}

const own = (): string => `http://127.0.0.1:${server.port}`;

describe('getting in', () => {
  test('the printed address sets a cookie that scripts and other sites cannot use, and leads to the page', async () => {
    const { status, headers } = await ask(`/${new URL(server.url).search}`);
    expect(status).toBe(303);
    expect(headers.location).toBe('/');
    expect((headers['set-cookie'] as string[])[0]).toMatch(/^heirloom-\d+=[\w-]{32}; HttpOnly; SameSite=Strict; Path=\/$/);
    const page = await ask('/', { headers: { cookie: await cookie() } });
    expect(page.status).toBe(200);
    expect(page.body).toContain('<title>Heirloom</title>');
  });

  test.each(['/?token=', '/?token=wrong', '/?token=constructor'])('a wrong token (%s) gets nothing', async (path) => {
    const { status, headers, body } = await ask(path);
    expect(status).toBe(403);
    expect(headers['set-cookie']).toBeUndefined();
    expect(body).not.toContain(new URL(server.url).searchParams.get('token'));
  });

  test('the token is not the cookie', async () => {
    const token = new URL(server.url).searchParams.get('token')!;
    expect(await cookie()).not.toContain(token);
    expect((await ask('/', { headers: { cookie: `heirloom-${server.port}=${token}` } })).status).toBe(403);
  });

  test.each(['/', '/assets/a-1234.js', '/pixels/abc/tile/0/0/0', '/download/x', '/upload?name=a'])('%s without the cookie is refused', async (path) => {
    expect((await ask(path)).status).toBe(403);
    expect((await ask(path, { headers: { cookie: `heirloom-${server.port}=guess` } })).status).toBe(403);
  });

  test.each(['evil.example', 'evil.example:1', '127.0.0.1', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1'])(
    'the name %j of another site that points here is refused, cookie or not',
    async (name) => {
      const host = name.includes(':') || name === '127.0.0.1' ? name : `${name}:${server.port}`;
      const headers = { host, cookie: await cookie() };
      expect((await ask('/', { headers })).status).toBe(421);
      expect((await ask(`/${new URL(server.url).search}`, { headers: { host } })).status).toBe(421);
    },
  );

  test.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])('the own name %s is known', async (name) => {
    expect((await ask('/', { headers: { host: `${name}:${server.port}`, cookie: await cookie() } })).status).toBe(200);
  });
});

describe('every answer', () => {
  test('forbids what the page does not need, and is no answer to other sites', async () => {
    for (const path of ['/', '/nothing', '/?token=wrong']) {
      const { headers } = await ask(path, { headers: { cookie: await cookie(), origin: 'https://evil.example' } });
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; /);
      expect(headers['content-security-policy']).not.toMatch(/unsafe|\*/);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['x-frame-options']).toBe('DENY');
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test.each(['/../secret.json', '/%2e%2e/secret.json', '/..%2f..%2fsecret.json', '/assets/..%5c..%5csecret.json', '//secret.json', '/assets/', '/pixels/../../secret.json'])(
    'no file outside of the window: %s',
    async (path) => {
      const { status, body } = await ask(path, { headers: { cookie: await cookie() } });
      expect(status).toBe(404);
      expect(body).not.toContain('{}');
    },
  );

  test('other methods are refused', async () => {
    for (const method of ['PUT', 'DELETE', 'POST', 'OPTIONS']) {
      expect((await ask('/', { method, headers: { cookie: await cookie(), origin: own() } })).status).toBe(405);
    }
    expect((await ask('/upload?name=a', { headers: { cookie: await cookie(), origin: own() } })).status).toBe(405);
  });
});

describe('pixels', () => {
  test('are passed on with their type and how long they may be kept', async () => {
    const answer = await ask('/pixels/abc/tile/0/0/0', { headers: { cookie: await cookie() } });
    expect(answer).toMatchObject({ status: 200, body: 'pixels' });
    expect(answer.headers).toMatchObject({ 'content-type': 'image/webp', 'cache-control': 'private, immutable' });
  });

  test('that are not there, or an engine that is not', async () => {
    const headers = { cookie: await cookie() };
    expect((await ask('/pixels/other/tile/0/0/0', { headers })).status).toBe(404);
    const down = await ask('/pixels/down/tile/0/0/0', { headers });
    expect(down.status).toBe(503);
    expect(JSON.parse(down.body)).toMatchObject({ code: 'device' });
  });
});

describe('uploads', () => {
  const post = async (body: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask('/upload?name=old%20photo.jpg', { method: 'POST', body, headers: { cookie: await cookie(), origin: own(), ...headers } });

  test('come back as a source', async () => {
    const { status, body } = await post('bytes');
    expect(status).toBe(200);
    const source = JSON.parse(body) as SourceRef;
    expect(source.name).toBe('old photo.jpg');
    expect(grants.source(source.source).path).toContain(folder);
  });

  test('from another site’s page are refused', async () => {
    expect((await post('bytes', { origin: 'https://evil.example' })).status).toBe(403);
    expect((await post('bytes', { origin: 'null' })).status).toBe(403);
    expect((await post('bytes', { origin: `http://localhost:${server.port}` })).status).toBe(403);
    expect(readdirSync(join(folder, 'uploads'))).toEqual([]);
  });

  test('that are too large are refused with a sentence, and leave nothing', async () => {
    const { status, body } = await post('x'.repeat(1001));
    expect(status).toBe(413);
    expect(JSON.parse(body)).toMatchObject({ code: 'bad-input', message: expect.stringContaining('too large') as string });
    expect(readdirSync(join(folder, 'uploads'))).toEqual([]);
  });
});

test('downloads are what was saved to a granted target, under the name the user gave', async () => {
  const headers = { cookie: await cookie() };
  const path = join(folder, 'result');
  const { target } = grants.grantTarget(path, 'Oma "1920" ä.png', true);
  expect((await ask(`/download/${target}`, { headers })).status).toBe(404);
  writeFileSync(path, 'picture');
  const answer = await ask(`/download/${target}`, { headers });
  expect(answer).toMatchObject({ status: 200, body: 'picture' });
  expect(answer.headers['content-disposition']).toBe(`attachment; filename="Oma _1920_ _.png"; filename*=UTF-8''Oma%20%221920%22%20%C3%A4.png`);
  expect((await ask('/download/..%2fsecret.json', { headers })).status).toBe(404);
});

describe('the socket', () => {
  const open = (headers: Record<string, string>, path = '/socket'): Promise<WebSocket | number> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers });
      socket.on('open', () => resolve(socket));
      socket.on('unexpected-response', (_request, response) => {
        socket.terminate();
        resolve(response.statusCode ?? 0);
      });
      socket.on('error', reject);
    });

  test('carries the contract', async () => {
    const socket = (await open({ cookie: await cookie(), origin: own() })) as WebSocket;
    const { call } = connect<SampleCalls, SampleEvents>(socketTransport(socket));
    expect(await call('number.double', { value: 21 })).toBe(42);
    socket.terminate();
  });

  test('is refused to other pages, without the cookie, under another name and at another path', async () => {
    const good = await cookie();
    expect(await open({ cookie: good, origin: 'https://evil.example' })).toBe(403);
    expect(await open({ cookie: good })).toBe(403);
    expect(await open({ origin: own() })).toBe(403);
    expect(await open({ cookie: good, origin: `http://evil.example:${server.port}`, host: `evil.example:${server.port}` })).toBe(421);
    expect(await open({ cookie: good, origin: own() }, '/other')).toBe(404);
    expect(attached).toEqual([]);
  });

  test('is closed for what is no JSON and for what is too long, and the server goes on', async () => {
    for (const message of ['not json', Buffer.from([1, 2]), 'x'.repeat(9 * 1_048_576)]) {
      const socket = (await open({ cookie: await cookie(), origin: own() })) as WebSocket;
      const closed = new Promise<number>((resolve) => socket.on('close', resolve));
      socket.send(message);
      expect([1003, 1006, 1009]).toContain(await closed);
    }
    expect((await ask('/', { headers: { cookie: await cookie() } })).status).toBe(200);
  });
});

test('a port that is taken is said plainly', async () => {
  const options = { address: '127.0.0.1', port: server.port, renderer: folder, attach: () => {}, pixels: () => Promise.resolve(undefined), target: () => grants.target(''), uploads: createUploads(grants, folder, 1), onInternal: () => {} };
  await expect(startWebServer(options)).rejects.toMatchObject({ message: expect.stringContaining(String(server.port)) as string });
});
