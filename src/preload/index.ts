import { contextBridge, ipcRenderer, webUtils } from 'electron';
import type { SourceRef } from '../shared/contract.ts';
import { type Failure, fromFailure } from '../shared/failure.ts';

// Everything goes over this one channel. What the page sends is always wrapped as `studio`: only this script can
// name a file, and only one that the user put into the page by hand.
const channel = 'heirloom';

type FromHost =
  | { readonly to: 'studio'; readonly message: unknown }
  | { readonly to: 'file'; readonly id: number; readonly source?: SourceRef; readonly failure?: Failure };

const messageListeners: ((message: unknown) => void)[] = [];
const waiting = new Map<number, { resolve(source: SourceRef): void; reject(error: Error): void }>();
let nextId = 1;

ipcRenderer.on(channel, (_event, envelope: FromHost) => {
  if (envelope.to === 'studio') for (const listener of messageListeners) listener(envelope.message);
  if (envelope.to !== 'file') return;
  const entry = waiting.get(envelope.id);
  waiting.delete(envelope.id);
  if (envelope.source !== undefined) entry?.resolve(envelope.source);
  else if (envelope.failure !== undefined) entry?.reject(fromFailure(envelope.failure));
});

contextBridge.exposeInMainWorld('heirloom', {
  transport: {
    send: (message: unknown) => ipcRenderer.send(channel, { to: 'studio', message }),
    onMessage: (listener: (message: unknown) => void) => void messageListeners.push(listener),
    // The host lives at least as long as its windows.
    onClose: () => {},
  },
  sourceForFile: (file: File): Promise<SourceRef> => {
    const path = webUtils.getPathForFile(file);
    // Bytes without a file behind them, such as a picture copied in another program.
    if (path === '') return upload(file);
    return new Promise((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      ipcRenderer.send(channel, { to: 'file', id, path, name: file.name });
    });
  },
});

async function upload(file: File): Promise<SourceRef> {
  const response = await fetch(`studio://upload?name=${encodeURIComponent(file.name)}`, { method: 'POST', body: file });
  const answer = (await response.json()) as SourceRef | Failure;
  if ('source' in answer) return answer;
  throw fromFailure(answer);
}
