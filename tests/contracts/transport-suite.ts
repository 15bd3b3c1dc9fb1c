import { afterEach, describe, expect, test } from 'vitest';
import { HeirloomError } from '../../src/shared/failure.ts';
import { connect, type Remote, type Transport } from '../../src/shared/rpc.ts';
import type { SampleCalls, SampleEvents } from './sample-calls.ts';

export interface Link {
  /** The near end; the sample calls are served at the far one. */
  readonly transport: Transport;
  /** Ends the connection from the far side. */
  breakIt(): void;
  dispose(): Promise<void>;
}

/** What every transport has to do. */
export function transportSuite(name: string, open: () => Promise<Link>): void {
  describe(name, () => {
    let link: Link | undefined;
    const remote = async (): Promise<Remote<SampleCalls, SampleEvents>> => {
      link = await open();
      return connect<SampleCalls, SampleEvents>(link.transport);
    };
    afterEach(async () => {
      await link?.dispose();
      link = undefined;
    });

    test('carries calls and answers, many at once, each to its own caller', async () => {
      const { call } = await remote();
      const answers = await Promise.all(Array.from({ length: 50 }, (_, value) => call('number.double', { value })));
      expect(answers).toEqual(Array.from({ length: 50 }, (_, value) => value * 2));
    });

    test('carries long and odd text unchanged', async () => {
      const { call } = await remote();
      const text = 'ä\u0000\u2028😀"\\\n'.repeat(50_000);
      expect(await call('text.echo', { text })).toBe(text);
    });

    test('carries an answer without a value', async () => {
      const { call } = await remote();
      expect(await call('nothing.answer')).toBeUndefined();
    });

    test('carries failures with code, sentence and hint', async () => {
      const { call } = await remote();
      const error = await call('fail.plainly').catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(HeirloomError);
      expect(error).toMatchObject({ code: 'file', message: 'The folder is full.', hint: 'Empty it.' });
      await expect(call('fail.badly')).rejects.toMatchObject({ code: 'internal' });
    });

    test('refuses what the schema refuses and calls that are not listed', async () => {
      const { call } = await remote();
      await expect(call('number.double', { value: 'two' as unknown as number })).rejects.toMatchObject({ code: 'bad-input' });
      await expect(call('__proto__' as 'nothing.answer')).rejects.toMatchObject({ code: 'bad-input' });
      await expect(call('constructor' as 'nothing.answer')).rejects.toMatchObject({ code: 'bad-input' });
    });

    test('delivers events in order, before the answer of the call that sent them', async () => {
      const { call, on } = await remote();
      const ticks: number[] = [];
      const stop = on('tick.changed', ({ tick }) => void ticks.push(tick));
      await call('tick.start', { count: 20 });
      expect(ticks).toEqual(Array.from({ length: 20 }, (_, tick) => tick));
      stop();
      await call('tick.start', { count: 3 });
      expect(ticks).toHaveLength(20);
    });

    test('survives messages that are no calls', async () => {
      const { call } = await remote();
      for (const message of [null, 1, 'call', [], {}, { kind: 'call' }, { kind: 'call', id: 'x', name: 'number.double' }]) link?.transport.send(message);
      expect(await call('number.double', { value: 4 })).toBe(8);
    });

    test('fails what waits when the connection breaks, and what is asked afterwards', async () => {
      const { call } = await remote();
      const waiting = call('call.never').catch((error: unknown) => error);
      await call('number.double', { value: 1 });
      link?.breakIt();
      expect(await waiting).toMatchObject({ code: 'device' });
      await expect(call('number.double', { value: 1 })).rejects.toMatchObject({ code: 'device' });
    });
  });
}
