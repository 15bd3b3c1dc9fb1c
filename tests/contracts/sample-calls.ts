import type { Call, EventOf } from '../../src/shared/contract.ts';
import { HeirloomError } from '../../src/shared/failure.ts';
import { type Handlers, serve, type Transport } from '../../src/shared/rpc.ts';
import { integer, nothing, object, string } from '../../src/shared/schema.ts';

/** A small contract that every transport must carry. */
export const sampleCalls = {
  'number.double': { input: object({ value: integer() }) } as Call<{ readonly value: number }, number>,
  'text.echo': { input: object({ text: string(2_000_000) }) } as Call<{ readonly text: string }, string>,
  'nothing.answer': { input: nothing() } as Call<undefined, undefined>,
  'fail.plainly': { input: nothing() } as Call<undefined, undefined>,
  'fail.badly': { input: nothing() } as Call<undefined, undefined>,
  'tick.start': { input: object({ count: integer(0, 1000) }) } as Call<{ readonly count: number }, undefined>,
  'call.never': { input: nothing() } as Call<undefined, undefined>,
} as const;

export const sampleEvents = { 'tick.changed': {} as EventOf<{ readonly tick: number }> } as const;

export type SampleCalls = typeof sampleCalls;
export type SampleEvents = typeof sampleEvents;

/** Answers the sample calls on `transport`. */
export function serveSample(transport: Transport): void {
  const handlers: Handlers<SampleCalls> = {
    'number.double': ({ value }) => value * 2,
    'text.echo': ({ text }) => text,
    'nothing.answer': () => undefined,
    'fail.plainly': () => {
      throw new HeirloomError('file', 'The folder is full.', 'Empty it.');
    },
    'fail.badly': () => {
      throw new TypeError('x is not a function');
    },
    'tick.start': ({ count }) => {
      for (let tick = 0; tick < count; tick++) emit('tick.changed', { tick });
      return undefined;
    },
    'call.never': () => new Promise<undefined>(() => {}),
  };
  const emit = serve<SampleCalls, SampleEvents>(sampleCalls, handlers, transport);
}
