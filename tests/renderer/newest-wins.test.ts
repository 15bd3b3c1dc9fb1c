import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NewestWins } from '../../src/renderer/newest-wins.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('newest wins', () => {
  test('of the requests made while one is under way only the newest is sent', () => {
    const sent: [number, string][] = [];
    const requests = new NewestWins<number>((request, id) => sent.push([request, id]), 1000);
    for (const request of [1, 2, 3, 4]) requests.ask(request);
    expect(sent.map(([request]) => request)).toEqual([1]);
    requests.answered(requests.newest);
    expect(sent.map(([request]) => request)).toEqual([1, 4]);
    expect(requests.newest).toBe(sent[1]?.[1]);
  });

  test('two windows know their own requests', () => {
    const [mine, other] = [new NewestWins<number>(() => {}, 1000), new NewestWins<number>(() => {}, 1000)];
    mine.ask(1);
    other.ask(1);
    expect([mine.isOwn(mine.newest), mine.isOwn(other.newest)]).toEqual([true, false]);
  });

  test('an answer to an old request changes nothing', () => {
    const sent: number[] = [];
    const requests = new NewestWins<number>((request) => sent.push(request), 1000);
    requests.ask(1);
    requests.ask(2);
    requests.answered('something else');
    expect(sent).toEqual([1]);
  });

  test('a request that is never answered does not hold back the next for ever', () => {
    const sent: number[] = [];
    const requests = new NewestWins<number>((request) => sent.push(request), 1000);
    requests.ask(1);
    requests.ask(2);
    vi.advanceTimersByTime(1001);
    expect(sent).toEqual([1, 2]);
  });

  test('after stop, what was under way is out of date', () => {
    const sent: string[] = [];
    const requests = new NewestWins<number>((_request, id) => sent.push(id), 1000);
    requests.ask(1);
    requests.ask(2);
    requests.stop();
    expect(sent).not.toContain(requests.newest);
    requests.answered(sent[0] ?? '');
    expect(sent).toHaveLength(1);
  });
});
