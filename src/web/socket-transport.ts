import type { WebSocket } from 'ws';
import type { Transport } from '../shared/rpc.ts';

const heartbeatMs = 30_000;

/** Messages as JSON over a WebSocket. A connection that answers no ping is closed. */
export function socketTransport(socket: WebSocket): Transport {
  let answered = true;
  const heartbeat = setInterval(() => {
    if (!answered) return socket.terminate();
    answered = false;
    socket.ping();
  }, heartbeatMs);
  heartbeat.unref();
  socket.on('pong', () => (answered = true));
  socket.on('error', () => socket.terminate());
  socket.on('close', () => clearInterval(heartbeat));
  return {
    send: (message) => {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
    },
    onMessage: (listener) => {
      socket.on('message', (data: Buffer, isBinary) => {
        const message = isBinary ? undefined : parse(data.toString('utf8'));
        if (message === undefined) socket.close(1003, 'Only JSON text is understood here.');
        else listener(message);
      });
    },
    onClose: (listener) => void socket.on('close', () => listener('The connection was interrupted.')),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
