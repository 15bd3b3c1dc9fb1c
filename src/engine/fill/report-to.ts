import { setImmediate } from 'node:timers/promises';
import type { Context } from '../context.ts';

/** Reports to a job from work that holds the thread, and lets it hear a cancel in between. */
export function reportTo(context: Context): (done: number) => Promise<void> {
  return async (done) => {
    await setImmediate();
    context.report(done);
  };
}
