import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { IpcMain } from 'electron';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Grants } from '../../src/host/grants.ts';
import { createUploads } from '../../src/host/upload.ts';
import { guardContents, guardSession } from '../../src/main/guards.ts';
import { channel, ipcTransport } from '../../src/main/ipc-transport.ts';
import { isOwnPage } from '../../src/main/own-page.ts';
import { studioProtocol, studioScheme } from '../../src/main/studio-protocol.ts';
import type { SourceRef } from '../../src/shared/contract.ts';
import { HeirloomError } from '../../src/shared/failure.ts';
import type { Transport } from '../../src/shared/rpc.ts';
import { serveSample } from '../contracts/sample-calls.ts';
import { removeFolder } from '../host/fake-engine.ts';
import { FakeContents, fakeElectron } from './fake-electron.ts';

const strangers = ['https://evil.example/', 'file:///etc/passwd', 'studio://app.evil.example/', 'studio://pixels/x', 'http://studio://app/', 'javascript:alert(1)', 'data:text/html,x', 'about:blank', ''];

describe('a window', () => {
  const event = (url: string, isMainFrame = true) => ({ url, isMainFrame, preventDefault: vi.fn() });

  test.each(strangers)('does not leave its page for %j', (url) => {
    expect(isOwnPage(url)).toBe(false);
    const contents = new FakeContents();
    guardContents(contents.asContents());
    for (const name of ['will-navigate', 'will-frame-navigate', 'will-redirect']) {
      const asked = event(url);
      contents.emit(name, asked);
      expect(asked.preventDefault, name).toHaveBeenCalled();
    }
  });

  test('may be reloaded, but shows nothing in frames', () => {
    const contents = new FakeContents();
    guardContents(contents.asContents());
    const reload = event('studio://app/');
    contents.emit('will-navigate', reload);
    contents.emit('will-frame-navigate', reload);
    expect(reload.preventDefault).not.toHaveBeenCalled();
    const frame = event('studio://app/', false);
    contents.emit('will-frame-navigate', frame);
    expect(frame.preventDefault).toHaveBeenCalled();
  });

  test('opens no other window and embeds nothing', () => {
    const contents = new FakeContents();
    guardContents(contents.asContents());
    expect(contents.openHandler?.({ url: 'studio://app/' } as never)).toEqual({ action: 'deny' });
    const webview = event('x');
    contents.emit('will-attach-webview', webview);
    expect(webview.preventDefault).toHaveBeenCalled();
  });

  test('is given no permission but fullscreen, and that only on its own page', () => {
    const { electron, recorded } = fakeElectron();
    guardSession(electron.session.defaultSession);
    const asked = (permission: string, url: string): boolean => {
      let answer: boolean | undefined;
      recorded.session.request?.({ getURL: () => url } as never, permission as never, (granted) => (answer = granted), {} as never);
      expect(recorded.session.check?.(null, permission as never, url, {} as never)).toBe(answer);
      return answer!;
    };
    for (const permission of ['media', 'geolocation', 'notifications', 'clipboard-read', 'openExternal', 'fileSystem', 'usb']) {
      expect(asked(permission, 'studio://app/'), permission).toBe(false);
    }
    expect(asked('fullscreen', 'studio://app/')).toBe(true);
    expect(asked('fullscreen', 'https://evil.example/')).toBe(false);
    expect(recorded.session.device?.({} as never)).toBe(false);
  });
});

describe('the channel', () => {
  let ipc: EventEmitter;
  let contents: FakeContents;
  let grants: Grants;
  let transports: Transport[];
  beforeEach(() => {
    ipc = new EventEmitter();
    contents = new FakeContents();
    grants = new Grants();
    transports = [];
    ipcTransport(ipc as unknown as IpcMain, contents.asContents(), grants, (transport) => transports.push(transport));
  });
  const say = (envelope: unknown, event: object = { sender: contents, senderFrame: contents.mainFrame }): boolean => ipc.emit(channel, event, envelope);
  const call = { to: 'studio', message: { kind: 'call', id: 1, name: 'number.double', input: { value: 2 } } };
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  test('carries the contract', async () => {
    serveSample(transports[0]!);
    say(call);
    await settled();
    expect(contents.sent).toEqual([{ channel: 'heirloom', message: { to: 'studio', message: { kind: 'answer', id: 1, output: 4 } } }]);
  });

  test('hears only the main frame of its own window on its own page', async () => {
    serveSample(transports[0]!);
    say(call, { sender: new FakeContents(), senderFrame: contents.mainFrame });
    say(call, { sender: contents, senderFrame: null });
    say(call, { sender: contents, senderFrame: { url: 'studio://app/' } });
    for (const url of strangers) {
      contents.mainFrame = { url } as never;
      say(call);
    }
    await settled();
    expect(contents.sent).toEqual([]);
  });

  test('survives what is no envelope', () => {
    for (const envelope of [null, undefined, 1, 'x', [], {}, { to: 'file' }, { to: 'file', id: -1, path: 5 }, { to: 'elsewhere' }]) say(envelope);
    expect(contents.sent.every(({ message }) => 'failure' in (message as object))).toBe(true);
  });

  test('grants a file that the preload script names, and no other', () => {
    say({ to: 'file', id: 7, path: '/photos/a.jpg', name: 'a.jpg' });
    const { source } = (contents.sent[0]!.message as { readonly source: SourceRef }).source;
    expect(grants.source(source).path).toBe('/photos/a.jpg');
    // What the page sends comes wrapped, whatever is in it.
    say({ to: 'studio', message: { to: 'file', id: 8, path: '/etc/passwd', name: 'x' } });
    expect(contents.sent).toHaveLength(1);
    say({ to: 'file', id: 9, path: '', name: 'pasted.png' });
    expect(contents.sent[1]!.message).toMatchObject({ id: 9, failure: { code: 'bad-input' } });
  });

  test('is a new one after a reload; the old one is closed and deaf', async () => {
    const closed = vi.fn();
    serveSample(transports[0]!);
    transports[0]!.onClose(closed);
    contents.emit('did-navigate');
    expect(transports).toHaveLength(1);
    contents.emit('did-navigate');
    expect(closed).toHaveBeenCalledTimes(1);
    expect(transports).toHaveLength(2);
    say(call);
    await settled();
    expect(contents.sent).toEqual([]);
    serveSample(transports[1]!);
    say(call);
    await settled();
    expect(contents.sent).toHaveLength(1);
  });

  test('closes with its window', () => {
    const closed = vi.fn();
    transports[0]!.onClose(closed);
    contents.emit('destroyed');
    expect(closed).toHaveBeenCalled();
    expect(ipc.listenerCount(channel)).toBe(0);
  });
});

describe('studio://', () => {
  let folder = '';
  let grants: Grants;
  let handle: (request: Request) => Promise<Response>;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
    mkdirSync(join(folder, 'renderer'));
    writeFileSync(join(folder, 'renderer', 'index.html'), '<title>Heirloom</title>');
    writeFileSync(join(folder, 'secret.json'), '{}');
    grants = new Grants();
    handle = studioProtocol({
      renderer: join(folder, 'renderer'),
      pixels: (path) => {
        if (path.startsWith('down')) return Promise.reject(new HeirloomError('device', 'The engine does not answer at the moment.'));
        if (!path.startsWith('abc')) return Promise.resolve(undefined);
        return Promise.resolve({ mime: 'image/webp', cacheControl: 'private, immutable', sizeBytes: 6, body: Readable.from([Buffer.from('pixels')]) });
      },
      uploads: createUploads(grants, join(folder, 'uploads'), 100),
    });
  });
  afterEach(() => removeFolder(folder));
  /** A request as Electron makes it; Node's own `Request` would refuse the scheme's origin header. */
  const ask = (url: string, method = 'GET', headers: Record<string, string> = {}, body?: string): Promise<Response> =>
    handle({ url, method, headers: new Headers(headers), body: body === undefined ? null : new Response(body).body } as Request);

  test('is a standard, secure scheme that bypasses no policy', () => {
    expect(studioScheme.privileges).toMatchObject({ standard: true, secure: true, supportFetchAPI: true });
    expect(studioScheme.privileges).not.toHaveProperty('bypassCSP');
    expect(studioScheme.privileges).not.toHaveProperty('allowServiceWorkers');
  });

  test('serves the window under a strict policy', async () => {
    const answer = await ask('studio://app/');
    expect(await answer.text()).toBe('<title>Heirloom</title>');
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' studio: /);
    expect(answer.headers.get('access-control-allow-origin')).toBe('studio://app');
  });

  test.each(['studio://app/../secret.json', 'studio://app/%2e%2e/secret.json', 'studio://app/..%2fsecret.json', 'studio://app/..%5csecret.json', 'studio://app//etc/passwd', 'studio://other/index.html', 'studio://pixels/../secret.json'])(
    'serves nothing else: %s',
    async (url) => {
      const answer = await ask(url);
      expect(answer.status).toBe(404);
      expect(await answer.text()).not.toContain('{}');
    },
  );

  test('passes pixels on, and says when the engine is away', async () => {
    const answer = await ask('studio://pixels/abc/tile/0/0/0');
    expect(await answer.text()).toBe('pixels');
    expect(answer.headers.get('cache-control')).toBe('private, immutable');
    expect((await ask('studio://pixels/other/tile/0/0/0')).status).toBe(404);
    expect((await ask('studio://pixels/down/tile/0/0/0')).status).toBe(503);
  });

  test('takes bytes from its own page only, and not too many', async () => {
    const good = { origin: 'studio://app' };
    const source = (await (await ask('studio://upload?name=a.png', 'POST', good, 'bytes')).json()) as SourceRef;
    expect(grants.source(source.source)).toMatchObject({ name: 'a.png', temporary: true });
    expect((await ask('studio://upload?name=a.png', 'POST', { origin: 'https://evil.example' }, 'bytes')).status).toBe(403);
    expect((await ask('studio://upload?name=a.png', 'POST', {}, 'bytes')).status).toBe(403);
    expect((await ask('studio://upload?name=a.png', 'POST', good, 'x'.repeat(101))).status).toBe(413);
    expect((await ask('studio://upload?name=a.png', 'POST', good)).status).toBe(400);
    expect((await ask('studio://upload?name=a.png')).status).toBe(405);
    expect((await ask('studio://app/', 'POST', good, 'x')).status).toBe(405);
  });
});
