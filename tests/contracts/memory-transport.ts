import type { Transport } from '../../src/shared/rpc.ts';

/** Two ends of one transport in one process; messages are cloned and delivered later, as by a real one. */
export function memoryTransports(): { readonly a: Transport; readonly b: Transport; close(reason: string): void } {
  const listeners = { a: [] as ((message: unknown) => void)[], b: [] as ((message: unknown) => void)[] };
  const closeListeners: ((reason: string) => void)[] = [];
  let closed = false;
  const end = (mine: 'a' | 'b', other: 'a' | 'b'): Transport => ({
    send: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => {
        if (!closed) for (const listener of listeners[other]) listener(copy);
      });
    },
    onMessage: (listener) => void listeners[mine].push(listener),
    onClose: (listener) => void closeListeners.push(listener),
  });
  return {
    a: end('a', 'b'),
    b: end('b', 'a'),
    close: (reason) => {
      closed = true;
      for (const listener of closeListeners) listener(reason);
    },
  };
}
