import type { IpcMain, IpcMainEvent, WebContents } from 'electron';
import type { Grants } from '../host/grants.ts';
import { HeirloomError, toFailure } from '../shared/failure.ts';
import { object, integer, oneOf, string } from '../shared/schema.ts';
import type { Transport } from '../shared/rpc.ts';
import { isOwnPage } from './own-page.ts';

/** The one channel between the host and its windows. */
export const channel = 'heirloom';

const fileRequest = object({ to: oneOf('file'), id: integer(0), path: string(), name: string(1000) });

type Contents = Pick<WebContents, 'send' | 'isDestroyed' | 'on' | 'once' | 'mainFrame'>;

/**
 * The transport to the page in `contents`. Messages count only when they come from the main frame of that page;
 * besides calls, the preload script may name files that the user put into the page.
 *
 * It closes when the page is left or reloaded; `onRenewed` then hears the transport of the next page.
 */
export function ipcTransport(ipc: Pick<IpcMain, 'on' | 'off'>, contents: Contents, grants: Grants, onRenewed: (transport: Transport) => void): void {
  let messageListeners: ((message: unknown) => void)[] = [];
  let closeListeners: ((reason: string) => void)[] = [];
  let generation = 0;
  const send = (envelope: unknown): void => {
    if (!contents.isDestroyed()) contents.send(channel, envelope);
  };
  const heard = (event: IpcMainEvent, envelope: unknown): void => {
    if (event.sender !== contents || event.senderFrame === null || event.senderFrame !== contents.mainFrame) return;
    if (!isOwnPage(event.senderFrame.url) || typeof envelope !== 'object' || envelope === null) return;
    const { to, message } = envelope as { readonly to?: unknown; readonly message?: unknown };
    if (to === 'studio') for (const listener of messageListeners) listener(message);
    if (to === 'file') send(grantFile(envelope, grants));
  };
  const renew = (): void => {
    const mine = ++generation;
    for (const listener of closeListeners) listener('The page was left.');
    messageListeners = [];
    closeListeners = [];
    onRenewed({
      send: (message) => {
        if (mine === generation) send({ to: 'studio', message });
      },
      onMessage: (listener) => {
        if (mine === generation) messageListeners.push(listener);
      },
      onClose: (listener) => {
        if (mine === generation) closeListeners.push(listener);
      },
    });
  };
  ipc.on(channel, heard);
  renew();
  let first = true;
  contents.on('did-navigate', () => {
    if (!first) renew();
    first = false;
  });
  contents.once('destroyed', () => {
    ipc.off(channel, heard);
    generation++;
    for (const listener of closeListeners) listener('The window was closed.');
  });
}

function grantFile(envelope: unknown, grants: Grants): unknown {
  const { id } = envelope as { readonly id?: unknown };
  try {
    const { path, name } = fileRequest.parse(envelope);
    if (path === '') throw new HeirloomError('bad-input', `"${name}" is not a file on this machine.`, 'Save it to a file first, then open that.');
    return { to: 'file', id, source: grants.grantSource(path, name) };
  } catch (error) {
    return { to: 'file', id, failure: toFailure(error) };
  }
}
