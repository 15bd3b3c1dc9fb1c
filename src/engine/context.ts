import { CancelledError } from '../shared/failure.ts';

/** What a long piece of work is given: where to say how far it is, which is also where it can be stopped. */
export interface Context {
  readonly signal: AbortSignal;
  /**
   * Says that the fraction `done` (0 to 1) of this part is complete.
   *
   * @throws CancelledError once the job was cancelled.
   */
  report(done: number, stage?: string): void;
  /** A context for the part of this work between the fractions `from` and `to`. */
  part(from: number, to: number): Context;
}

/** A root context. `onProgress` hears fractions that never fall. */
export function createContext(signal: AbortSignal, onProgress: (done: number, stage: string) => void = () => {}): Context {
  let highest = 0;
  let lastStage = '';
  const make = (from: number, to: number): Context => ({
    signal,
    report(done, stage) {
      if (signal.aborted) throw new CancelledError();
      highest = Math.max(highest, Math.min(1, from + (to - from) * Math.min(1, Math.max(0, done))));
      lastStage = stage ?? lastStage;
      onProgress(highest, lastStage);
    },
    part: (partFrom, partTo) => make(from + (to - from) * partFrom, from + (to - from) * partTo),
  });
  return make(0, 1);
}

/** A context that is never cancelled and tells nobody: for tests and one-shot calls. */
export function quietContext(): Context {
  return createContext(new AbortController().signal);
}
