import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Transport } from '../../src/shared/rpc.ts';
import { socketTransport } from '../../src/web/socket-transport.ts';
import { bundleEntries } from '../bundle-entry.ts';
import { memoryTransports } from './memory-transport.ts';
import { serveSample } from './sample-calls.ts';
import { transportSuite } from './transport-suite.ts';

transportSuite('in memory', () => {
  const { a, b, close } = memoryTransports();
  serveSample(b);
  return Promise.resolve({ transport: a, breakIt: () => close('The far side is gone.'), dispose: () => Promise.resolve() });
});

transportSuite('WebSocket', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => serveSample(socketTransport(socket)));
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await once(socket, 'open');
  return {
    transport: socketTransport(socket),
    breakIt: () => server.clients.forEach((client) => client.terminate()),
    dispose: async () => {
      socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
});

let folder = '';
beforeAll(async () => {
  folder = await bundleEntries('tests/fixtures/transport-child.ts');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

transportSuite('process', () => {
  const child = fork(join(folder, 'transport-child.js'), [], { serialization: 'advanced' });
  const transport: Transport = {
    send: (message) => void (child.connected && child.send(message as object)),
    onMessage: (listener) => void child.on('message', listener),
    onClose: (listener) => void child.once('exit', () => listener('The process is gone.')),
  };
  return Promise.resolve({
    transport,
    breakIt: () => void child.kill('SIGKILL'),
    dispose: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    },
  });
});
