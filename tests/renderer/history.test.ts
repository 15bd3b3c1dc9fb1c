import { describe, expect, test } from 'vitest';
import { change, mark, redo, startHistory, undo } from '../../src/renderer/history.ts';

describe('history', () => {
  test('dragging a slider is one entry', () => {
    let history = startHistory({ alpha: 0 });
    for (const alpha of [0.1, 0.2, 0.3]) history = change(history, { alpha });
    history = mark(history);
    expect(history.past).toEqual([{ alpha: 0 }]);
    expect(undo(history).present).toEqual({ alpha: 0 });
    expect(redo(undo(history)).present).toEqual({ alpha: 0.3 });
  });

  test('changes after a mark are an entry of their own', () => {
    let history = mark(change(startHistory(1), 2));
    history = mark(change(history, 3));
    expect(undo(history).present).toBe(2);
    expect(undo(undo(history)).present).toBe(1);
    expect(undo(undo(undo(history))).present).toBe(1);
  });

  test('a drag that ends where it began leaves nothing to undo', () => {
    const history = mark(change(change(startHistory({ alpha: 0.3 }), { alpha: 0.7 }), { alpha: 0.3 }));
    expect(history.past).toEqual([]);
    expect(history.present).toEqual({ alpha: 0.3 });
  });

  test('undo in mid-drag takes the whole drag back and can be redone', () => {
    const dragged = change(change(startHistory(0), 1), 2);
    const undone = undo(dragged);
    expect(undone.present).toBe(0);
    expect(redo(undone).present).toBe(2);
  });

  test('a change after undo forgets what was undone', () => {
    const history = change(undo(mark(change(startHistory('a'), 'b'))), 'c');
    expect(history.future).toEqual([]);
    expect(redo(history).present).toBe('c');
  });

  test('setting what is there already makes no entry', () => {
    expect(change(startHistory({ a: 1 }), { a: 1 }).past).toEqual([]);
  });

  test('the oldest entries are dropped after 200', () => {
    let history = startHistory(0);
    for (let value = 1; value <= 300; value++) history = mark(change(history, value));
    expect(history.past).toHaveLength(200);
    expect(history.past[0]).toBe(100);
  });
});
