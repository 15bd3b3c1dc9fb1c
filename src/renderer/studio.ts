import type { SourceRef, StudioCalls, StudioEvents } from '../shared/contract.ts';
import { studioEvents } from '../shared/contract.ts';
import type { Failure } from '../shared/failure.ts';
import { fromFailure, HeirloomError } from '../shared/failure.ts';
import { connect, type Remote, type Transport } from '../shared/rpc.ts';
import type { InjectionKey } from 'vue';

/** The host as the window sees it: the one file that knows which host that is. */
export interface Studio extends Remote<StudioCalls, StudioEvents> {
  /** Hears 'lost' when the connection breaks and 'connected' when it is back. */
  onConnection(listener: (state: 'connected' | 'lost') => void): () => void;
  /** Where the pixels at a path of `pixelPaths` are fetched. */
  pixelUrl(path: string): string;
  /** Whether the host still has the pixels at such a path. */
  hasPixels(path: string): Promise<boolean>;
  /** Hands a file the user dropped or picked to the host. */
  sourceForFile(file: File): Promise<SourceRef>;
  /** Hands bytes that have no file (pasted) to the host. */
  upload(bytes: Blob, name: string): Promise<SourceRef>;
}

export const studioKey: InjectionKey<Studio> = Symbol('studio');

/** What the preload script exposes in Electron. */
interface Bridge {
  readonly transport: Transport;
  sourceForFile(file: File): Promise<SourceRef>;
}

declare global {
  interface Window {
    readonly heirloom?: Bridge;
  }
}

/** Connects to whichever host shows this page. Resolves as soon as calls can be made. */
export async function connectStudio(): Promise<Studio> {
  const bridge = window.heirloom;
  if (bridge === undefined) return connectWeb();
  const link = createLink();
  link.use(bridge.transport);
  const pixelUrl = (path: string): string => `studio://pixels/${path}`;
  return {
    ...link.studio,
    pixelUrl,
    hasPixels: (path) => answers(pixelUrl(path)),
    // Of an error that crosses the bridge only the message is left.
    sourceForFile: (file) =>
      bridge
        .sourceForFile(file)
        .catch((error: Error) => Promise.reject(new HeirloomError('file', error.message))),
    upload: (bytes, name) => post('studio://upload', bytes, name),
  };
}

async function connectWeb(): Promise<Studio> {
  const link = createLink();
  link.use(await openSocket());
  link.studio.onConnection((state) => {
    if (state === 'lost') void reconnect(link);
  });
  const pixelUrl = (path: string): string => `/pixels/${path}`;
  const send = (bytes: Blob, name: string): Promise<SourceRef> => post('/upload', bytes, name);
  return {
    ...link.studio,
    pixelUrl,
    hasPixels: (path) => answers(pixelUrl(path)),
    sourceForFile: (file) => send(file, file.name),
    upload: send,
  };
}

/** Asks past the browser's cache: pixels are cached for good, the host may have forgotten them. */
function answers(address: string): Promise<boolean> {
  return fetch(address, { cache: 'no-store' }).then(
    (response) => response.ok,
    () => false,
  );
}

async function reconnect(link: ReturnType<typeof createLink>): Promise<void> {
  for (let waitMs = 500; ; waitMs = Math.min(8000, waitMs * 1.6)) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const transport = await openSocket().catch(() => undefined);
    if (transport !== undefined) return link.use(transport);
  }
}

function openSocket(): Promise<Transport> {
  const url = new URL('/socket', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    socket.onopen = () =>
      resolve({
        send: (message) => socket.send(JSON.stringify(message)),
        onMessage: (listener) => {
          socket.addEventListener('message', (event) => listener(parse(event.data)));
        },
        onClose: (listener) => {
          socket.addEventListener('close', () => listener('The connection to Heirloom was interrupted.'));
        },
      });
    socket.onerror = () =>
      reject(
        new HeirloomError(
          'device',
          'Heirloom does not answer at this address.',
          'Open the full address it printed when it was started.',
        ),
      );
  });
}

function parse(data: unknown): unknown {
  try {
    return JSON.parse(String(data));
  } catch {
    return undefined;
  }
}

async function post(address: string, bytes: Blob, name: string): Promise<SourceRef> {
  const response = await fetch(`${address}?name=${encodeURIComponent(name)}`, {
    method: 'POST',
    body: bytes,
  }).catch(() => undefined);
  const answer: unknown = await response?.json().catch(() => undefined);
  if (response?.ok === true && isSource(answer)) return answer;
  if (isFailure(answer)) throw fromFailure(answer);
  throw new HeirloomError(
    'file',
    `"${name}" could not be handed to Heirloom.`,
    'Try again, or open it with the Open button.',
  );
}

function isSource(value: unknown): value is SourceRef {
  return (
    typeof value === 'object' && value !== null && typeof (value as Partial<SourceRef>).source === 'string'
  );
}

function isFailure(value: unknown): value is Failure {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Failure>).message === 'string' &&
    'code' in value
  );
}

/** Calls and events over a transport that may be replaced by a new one after it broke. */
function createLink() {
  let remote: Remote<StudioCalls, StudioEvents> | undefined;
  const events = new Map<string, Set<(value: never) => void>>();
  const connection = new Set<(state: 'connected' | 'lost') => void>();
  const use = (transport: Transport): void => {
    const current = connect<StudioCalls, StudioEvents>(transport);
    const back = remote === undefined && connection.size > 0;
    remote = current;
    for (const name of Object.keys(studioEvents) as (keyof StudioEvents)[]) {
      current.on(name, (value) => events.get(name)?.forEach((listener) => listener(value as never)));
    }
    transport.onClose(() => {
      if (remote !== current) return;
      remote = undefined;
      connection.forEach((listener) => listener('lost'));
    });
    if (back) connection.forEach((listener) => listener('connected'));
  };
  const studio = {
    call: (name, ...input) =>
      remote?.call(name, ...input) ??
      Promise.reject(
        new HeirloomError(
          'device',
          'The connection to Heirloom is interrupted.',
          'It is tried again by itself; wait a moment.',
        ),
      ),
    on: (name, listener) => add(events, name, listener as (value: never) => void),
    onConnection: (listener: (state: 'connected' | 'lost') => void) => {
      connection.add(listener);
      return () => connection.delete(listener);
    },
  } satisfies Remote<StudioCalls, StudioEvents> & Pick<Studio, 'onConnection'>;
  return { use, studio };
}

function add(
  events: Map<string, Set<(value: never) => void>>,
  name: string,
  listener: (value: never) => void,
): () => void {
  const set = events.get(name) ?? new Set();
  events.set(name, set);
  set.add(listener);
  return () => set.delete(listener);
}
