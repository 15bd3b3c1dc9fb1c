/**
 * Undo as values between marks: every change until the next mark is one entry, so dragging a slider is undone in one go.
 * The values are immutable; two are the same when their JSON is.
 */
export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
  /** True while changes still belong to the newest entry. */
  readonly open: boolean;
}

const maxEntries = 200;

/** A history that knows one value. */
export function startHistory<T>(present: T): History<T> {
  return { past: [], present, future: [], open: false };
}

/** Replaces the present. The first change after a mark makes an entry; what was undone before is forgotten. */
export function change<T>(history: History<T>, value: T): History<T> {
  if (same(history.present, value)) return history;
  if (history.open) return { ...history, present: value };
  const past = [...history.past, history.present].slice(-maxEntries);
  return { past, present: value, future: [], open: true };
}

/** Closes the newest entry; an entry that ended where it began is dropped. */
export function mark<T>(history: History<T>): History<T> {
  if (!history.open) return history;
  const before = history.past.at(-1);
  if (before !== undefined && same(before, history.present)) {
    return { ...history, past: history.past.slice(0, -1), present: before, open: false };
  }
  return { ...history, open: false };
}

export function undo<T>(history: History<T>): History<T> {
  const { past, present, future } = mark(history);
  const before = past.at(-1);
  if (before === undefined) return mark(history);
  return { past: past.slice(0, -1), present: before, future: [present, ...future], open: false };
}

export function redo<T>(history: History<T>): History<T> {
  const { past, present, future } = mark(history);
  const [next, ...rest] = future;
  if (next === undefined) return mark(history);
  return { past: [...past, present], present: next, future: rest, open: false };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
