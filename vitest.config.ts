import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

// The reporter of Vitest 5 prints failures with Map.groupBy, which Node 20 lacks.
if (!('groupBy' in Map)) {
  const groupBy = <K, T>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> => {
    const groups = new Map<K, T[]>();
    for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
    return groups;
  };
  Object.assign(Map, { groupBy });
}

export default defineConfig({
  plugins: [vue()],
  test: {
    // A busy machine may take seconds to draw what a test in the browser waits for.
    expect: { poll: { timeout: 20_000 } },
    include: ['tests/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
