import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import sharp from 'sharp';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type PhotoInfo,
  studioCalls,
  type StudioCalls,
  type StudioEvents,
} from '../../src/shared/contract.ts';
import { HeirloomError } from '../../src/shared/failure.ts';
import { type Handlers, serve, type Transport } from '../../src/shared/rpc.ts';
import { type Emit, FakeEngine, type Script } from './fake-engine.ts';
import { fakeProposal } from './fake-damage.ts';
import { fakeInspection } from './fake-faces.ts';
import { fakeMeasures } from './fake-measures.ts';
import { fakeRetouch } from './fake-retouch.ts';
import { fakeModels, fakeSteps } from './fake-steps.ts';

/** A host whose engine is a script: for what a real one does rarely (slow jobs, failures, a lost engine, a lost connection). */
export interface FakeHost {
  readonly url: string;
  readonly script: Script;
  readonly calls: { readonly name: string; readonly input: unknown }[];
  /** The engine is lost and, unless told to stay away, started again. */
  loseEngine(stayAway?: boolean): Promise<void>;
  dropConnections(): void;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'";

/** Serves the built window in `folder` and answers it by script. */
export async function startFakeHost(folder: string): Promise<FakeHost> {
  const engine = new FakeEngine();
  const sources = new Map<string, { name: string; bytes: Buffer }>();
  const calls: { name: string; input: unknown }[] = [];
  const server = createServer((request, response) => {
    answer(request, response, folder, engine, sources).catch(() => response.writeHead(500).end());
  });
  const sockets = new WebSocketServer({ server, path: '/socket' });
  sockets.on('connection', (socket) => {
    const handlers = createHandlers(engine, sources);
    const emit = serve<StudioCalls, StudioEvents>(
      studioCalls,
      recording(handlers, calls),
      socketTransport(socket),
    );
    engine.listeners.add(emit as Emit);
    socket.on('close', () => engine.listeners.delete(emit as Emit));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    script: engine.script,
    calls,
    loseEngine: (stayAway) => engine.lose(stayAway),
    dropConnections: () => sockets.clients.forEach((socket) => socket.terminate()),
    close: () => closeAll(server, sockets),
  };
}

function createHandlers(
  engine: FakeEngine,
  sources: Map<string, { name: string; bytes: Buffer }>,
): Handlers<StudioCalls> {
  const info = () => ({
    version: '0.1.0',
    device: 'cpu',
    devices: [
      { id: 'cpu', label: 'CPU, 2 threads', state: 'ready', note: '430 GFLOP/s in the self-test.' },
      { id: 'webgpu', label: 'WebGPU', state: 'struck-off', note: 'It gave wrong numbers in the self-test.' },
      { id: 'cuda', label: 'CUDA', state: 'unavailable', note: 'This machine has no NVIDIA driver.' },
    ] as const,
  });
  const photoOf = (id: string) => {
    const photo = engine.photos.get(id);
    const stored = photo && engine.images.get(photo.image.id);
    if (photo === undefined || stored === undefined)
      throw new HeirloomError('bad-input', 'This photo is not open.', 'Open it again.');
    return { photo, stored };
  };
  return {
    'host.info': () => ({ host: 'web', version: '0.1.0', platform: 'linux' }),
    'engine.state': () => engine.state,
    'engine.info': info,
    'settings.get': () => engine.settings,
    'settings.set': (next) => {
      engine.settings = next;
      engine.emit('settings.changed', next);
      return next;
    },
    'dialog.openPhoto': () => [],
    'dialog.openModel': () => [],
    'dialog.saveImage': ({ suggestedName }) => ({
      target: suggestedName,
      label: suggestedName,
      overwrite: false,
    }),
    'dialog.saveModel': ({ suggestedName }) => ({
      target: suggestedName,
      label: suggestedName,
      overwrite: false,
    }),
    'recent.list': () => [...sources].map(([source, { name }]) => ({ source, name })),
    'target.show': () => undefined,
    'step.list': () => fakeSteps,
    'photo.open': async ({ source }) => {
      const file = sources.get(source);
      if (file === undefined) throw new HeirloomError('file', 'The photo is gone.', 'Open it again.');
      const opened = await openPhoto(engine, file.name, file.bytes);
      engine.photos.set(opened.id, opened);
      return opened;
    },
    'photo.close': ({ photo }) => void engine.photos.delete(photo),
    'recipe.run': ({ photo, recipe }) => {
      const { stored } = photoOf(photo);
      return engine.start('restore', 'Restoring', async () => ({
        image: await engine.store(await engine.restore(stored.pixels, recipe)),
        consistencyDb: 38.24,
      }));
    },
    'faces.inspect': ({ photo, recipe, use }) => {
      const { stored } = photoOf(photo);
      const edits = recipe.steps.find(({ id }) => id === use)?.faces;
      return engine.start('inspect', 'Looking at the faces', async () => ({ faces: await fakeInspection(engine, stored, edits) }));
    },
    'preview.request': async ({ request, photo, recipe, rect }) => {
      const { stored } = photoOf(photo);
      const part = await sharp(stored.pixels)
        .extract({ left: rect.x, top: rect.y, width: rect.width, height: rect.height })
        .png()
        .toBuffer();
      const image = await engine.store(await engine.restore(part, recipe));
      engine.emit('preview.changed', { request, state: 'final', image, rect, elapsedMs: 65 });
      return undefined;
    },
    'preview.cancel': () => undefined,
    ...fakeMeasures(engine, (id) => photoOf(id).stored.pixels, sources),
    ...fakeRetouch(engine, (id) => photoOf(id).stored.pixels),
    'mask.propose': ({ photo }) => {
      const { stored } = photoOf(photo);
      return engine.start('propose', 'Looking for damage', async () => {
        const { width = 1, height = 1 } = await sharp(stored.pixels).metadata();
        return { damage: { id: `damage-${photo}`, width, height, kinds: ['scratch', 'dust', 'tear'], notices: ['On the face only what is more certain counts as damage.'] } };
      });
    },
    'mask.threshold': ({ damage, ...options }) => fakeProposal(photoOf(damage.slice('damage-'.length)).photo.image, options),
    'mask.release': () => undefined,
    'image.release': ({ image }) => void engine.images.delete(image),
    'job.list': () => [...engine.jobs.values()],
    'job.cancel': ({ job }) => {
      engine.update(job, { state: 'cancelled' });
      return undefined;
    },
    'model.list': () => fakeModels,
    'model.inspect': () => fakeModels[0] ?? fail(),
    'model.add': ({ source }) => {
      throw new HeirloomError(
        'unsupported-model',
        `"${sources.get(source)?.name ?? source}" holds no network that Heirloom knows.`,
        'Its first tensors are conv.weight and conv.bias.',
      );
    },
    'model.remove': () => undefined,
    'model.install': () => engine.start('model', 'Installing', () => Promise.resolve(undefined)),
    'model.compare': () => ({
      compatible: true,
      verdict: 'Both are SRVGGNetCompact with the same 68 tensors.',
      missing: [],
      extra: [],
      shapeDifferent: [],
      nonFinite: [],
    }),
    'model.interpolate': () =>
      engine.start('model', 'Mixing', () => Promise.resolve({ savedAs: 'mix.safetensors' })),
    'export.start': ({ photo, target }) => {
      photoOf(photo);
      return engine.start('export', 'Exporting', () =>
        Promise.resolve({ savedAs: target, download: '/download/result' }),
      );
    },
  };
}

async function openPhoto(engine: FakeEngine, name: string, bytes: Buffer): Promise<PhotoInfo> {
  let pixels: Buffer;
  let format: string;
  try {
    format = (await sharp(bytes).metadata()).format;
    pixels = await sharp(bytes).png().toBuffer();
  } catch {
    throw new HeirloomError(
      'file',
      `"${name}" is not a picture Heirloom can read.`,
      'Open a JPEG, PNG, TIFF, WebP or AVIF file.',
    );
  }
  return {
    id: randomUUID(),
    name,
    image: await engine.store(pixels),
    format,
    bitDepth: 8,
    profile: 'sRGB IEC61966-2.1',
    dpi: 300,
    sizeBytes: bytes.length,
    notices: [],
    suggestion: {
      format: 'heirloom-recipe',
      version: 1,
      steps: [
        { id: 'clean-1', step: 'clean', version: 1, enabled: true, strength: 0.6, params: { model: '' } },
        {
          id: 'enlarge-1',
          step: 'enlarge',
          version: 1,
          enabled: true,
          strength: 1,
          params: { size: 'x2', alpha: 0.3 },
        },
      ],
    },
    exportDefaults: {
      format: 'jpeg',
      quality: 92,
      bitDepth: 8,
      chroma: '4:4:4',
      profile: 'source',
      metadata: 'keep',
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  engine: FakeEngine,
  sources: Map<string, { name: string; bytes: Buffer }>,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname.startsWith('/pixels/')) {
    const tile = await engine.tile(url.pathname.slice('/pixels/'.length));
    return void (tile === undefined
      ? response.writeHead(404).end()
      : response.writeHead(200, { 'content-type': 'image/png' }).end(tile));
  }
  if (url.pathname === '/upload' && request.method === 'POST') {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const source = randomUUID();
    const name = url.searchParams.get('name') ?? 'photo';
    sources.set(source, { name, bytes: Buffer.concat(chunks) });
    return void response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ source, name }));
  }
  if (url.pathname.startsWith('/download/')) {
    return void response
      .writeHead(200, {
        'content-type': 'image/jpeg',
        'content-disposition': 'attachment; filename="result.jpg"',
      })
      .end('result');
  }
  const path = join(folder, normalize(url.pathname === '/' ? '/index.html' : url.pathname));
  const found = path.startsWith(folder) ? await stat(path).catch(() => undefined) : undefined;
  if (found?.isFile() !== true) return void response.writeHead(404).end();
  response.writeHead(200, {
    'content-type': types[extname(path)] ?? 'application/octet-stream',
    'content-security-policy': policy,
  });
  createReadStream(path).pipe(response);
}

function recording(
  handlers: Handlers<StudioCalls>,
  calls: { name: string; input: unknown }[],
): Handlers<StudioCalls> {
  const wrapped = Object.entries(handlers).map(([name, handler]) => [
    name,
    (input: unknown) => {
      calls.push({ name, input });
      return (handler as (value: unknown) => unknown)(input);
    },
  ]);
  return Object.fromEntries(wrapped) as Handlers<StudioCalls>;
}

function socketTransport(socket: WebSocket): Transport {
  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    onMessage: (listener) => socket.on('message', (data) => listener(JSON.parse(String(data)))),
    onClose: (listener) => socket.on('close', () => listener('closed')),
  };
}

async function closeAll(server: Server, sockets: WebSocketServer): Promise<void> {
  sockets.clients.forEach((socket) => socket.terminate());
  sockets.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function fail(): never {
  throw new HeirloomError('internal', 'The fake host has no models.');
}
