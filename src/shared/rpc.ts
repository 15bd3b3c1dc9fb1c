import type { CallInput, CallOutput, Calls, Events, EventValue } from './contract.ts';
import { type Failure, fromFailure, HeirloomError, toFailure } from './failure.ts';

/** Carries plain messages both ways. Electron IPC, a WebSocket and the engine's parent port are three of them. */
export interface Transport {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  onClose(listener: (reason: string) => void): void;
}

/** One function a call. */
export type Handlers<C extends Calls> = {
  readonly [K in keyof C]: (input: CallInput<C[K]>) => Promise<CallOutput<C[K]>> | CallOutput<C[K]>;
};

/** The other side of a transport, as functions. */
export interface Remote<C extends Calls, E extends Events> {
  call<K extends keyof C & string>(name: K, ...input: undefined extends CallInput<C[K]> ? [CallInput<C[K]>?] : [CallInput<C[K]>]): Promise<CallOutput<C[K]>>;
  /** Returns a function that stops listening. */
  on<K extends keyof E & string>(name: K, listener: (value: EventValue<E[K]>) => void): () => void;
}

interface Request {
  readonly kind: 'call';
  readonly id: number;
  readonly name: string;
  readonly input?: unknown;
}

type Message =
  | Request
  | { readonly kind: 'answer'; readonly id: number; readonly output?: unknown; readonly failure?: Failure }
  | { readonly kind: 'event'; readonly name: string; readonly value: unknown };

/**
 * Answers the calls of `calls` with `handlers`; every input is checked by its schema first, anything not listed is refused.
 *
 * @returns a function that sends an event to the other side.
 */
export function serve<C extends Calls, E extends Events>(
  calls: C,
  handlers: Handlers<C>,
  transport: Transport,
  onInternal: (error: unknown) => void = () => {},
): <K extends keyof E & string>(name: K, value: EventValue<E[K]>) => void {
  const answer = async (request: Request): Promise<void> => {
    try {
      const definition = Object.hasOwn(calls, request.name) ? calls[request.name] : undefined;
      if (definition === undefined) throw new HeirloomError('bad-input', `There is no call "${request.name.slice(0, 60)}".`);
      const input = definition.input.parse(request.input, request.name) as CallInput<C[keyof C]>;
      const output = await handlers[request.name as keyof C](input);
      transport.send({ kind: 'answer', id: request.id, output } satisfies Message);
    } catch (error) {
      if (!(error instanceof HeirloomError)) onInternal(error);
      transport.send({ kind: 'answer', id: request.id, failure: toFailure(error) } satisfies Message);
    }
  };
  transport.onMessage((message) => {
    if (isRequest(message)) void answer(message);
  });
  return (name, value) => transport.send({ kind: 'event', name, value } satisfies Message);
}

/** Calls the other side of `transport`. When it closes, what waits for an answer fails with a plain sentence. */
export function connect<C extends Calls, E extends Events>(transport: Transport): Remote<C, E> {
  let nextId = 1;
  let closed: string | undefined;
  const waiting = new Map<number, { resolve(output: unknown): void; reject(error: Error): void }>();
  const listeners = new Map<string, Set<(value: never) => void>>();
  transport.onMessage((message) => {
    const parsed = message as Message | null;
    if (parsed === null || typeof parsed !== 'object') return;
    if (parsed.kind === 'event') for (const listener of listeners.get(parsed.name) ?? []) listener(parsed.value as never);
    if (parsed.kind !== 'answer') return;
    const entry = waiting.get(parsed.id);
    waiting.delete(parsed.id);
    if (parsed.failure === undefined) entry?.resolve(parsed.output);
    else entry?.reject(fromFailure(parsed.failure));
  });
  transport.onClose((reason) => {
    closed = reason;
    for (const entry of waiting.values()) entry.reject(new HeirloomError('device', reason));
    waiting.clear();
  });
  return {
    call: (name, ...input) =>
      new Promise((resolve, reject) => {
        if (closed !== undefined) return reject(new HeirloomError('device', closed));
        const id = nextId++;
        waiting.set(id, { resolve: resolve as (output: unknown) => void, reject });
        transport.send({ kind: 'call', id, name, input: input[0] } satisfies Message);
      }),
    on: (name, listener) => {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set);
      set.add(listener as (value: never) => void);
      return () => set.delete(listener as (value: never) => void);
    },
  };
}

function isRequest(message: unknown): message is Request {
  if (typeof message !== 'object' || message === null) return false;
  const { kind, id, name } = message as Partial<Request>;
  return kind === 'call' && Number.isSafeInteger(id) && typeof name === 'string';
}
