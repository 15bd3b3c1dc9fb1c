import type { Transport } from '../shared/rpc.ts';

/** What Electron gives a utility process; typed here because this file also runs without Electron. */
interface ParentPort {
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): void;
  postMessage(message: unknown): void;
}

/**
 * The transport to the process that started this one: Electron's parent port or Node's IPC channel.
 * Messages that arrive before somebody listens wait in that channel.
 *
 * @throws Error when this process was started by hand and has no such channel.
 */
export function parentTransport(): Transport {
  const port = (process as { readonly parentPort?: ParentPort }).parentPort;
  if (port !== undefined) {
    return {
      send: (message) => port.postMessage(message),
      onMessage: (listener) => port.on('message', (event) => listener(event.data)),
      // Electron ends a utility process together with its parent.
      onClose: () => {},
    };
  }
  if (process.send === undefined) throw new Error('The engine process is started by Heirloom, not by hand.');
  return {
    send: (message) => {
      if (process.connected) process.send?.(message);
    },
    onMessage: (listener) => void process.on('message', listener),
    onClose: (listener) => void process.once('disconnect', () => listener('The host is gone.')),
  };
}
