import { describe, expect, test } from 'vitest';
import { Memo } from '../../src/engine/memo.ts';

describe('what is remembered', () => {
  test('is made once for one input, again for another, and again after it was forgotten', async () => {
    const memo = new Memo(100);
    let made = 0;
    const ask = (prefix: string, key: string, sizeBytes = 40): Promise<number> =>
      memo.under(prefix)(
        key,
        async () => ++made,
        () => sizeBytes,
      );
    expect([await ask('a', 'x'), await ask('a', 'x'), await ask('b', 'x')]).toEqual([1, 1, 2]);
    // The budget holds two; the one asked for least lately goes.
    expect([await ask('a', 'x'), await ask('a', 'y'), await ask('a', 'x'), await ask('b', 'x')]).toEqual([
      1, 3, 1, 4,
    ]);
    memo.clear();
    expect(await ask('a', 'x')).toBe(5);
  });

  test('is not a failure', async () => {
    const remember = new Memo(100).under('');
    await expect(
      remember(
        'x',
        () => Promise.reject(new Error('lost')),
        () => 1,
      ),
    ).rejects.toThrow('lost');
    expect(
      await remember(
        'x',
        async () => 7,
        () => 1,
      ),
    ).toBe(7);
  });
});
