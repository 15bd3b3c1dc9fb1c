import type { ByteSource } from './byte-source.ts';
import { PickleReader } from './pickle-reader.ts';
import { isKind, kindOf, type ContainerValue, type GlobalValue, type ListValue, type PickleValue } from './pickle-value.ts';
import { corruptModel, printable, refusedGlobal } from './weights-failure.ts';

/** What the reader of a container knows and the machine does not. */
export interface PickleRules {
  /** Whether a pickle may name this class or function at all; what it may not is refused by name. */
  allows(globalName: string): boolean;
  /** What calling an allowed global gives, without running anything; undefined when it cannot be called so. */
  call(globalName: string, args: readonly PickleValue[]): PickleValue | undefined;
  /** What a persistent id, the pickle's reference to data outside it, stands for. */
  persistent(id: PickleValue): PickleValue;
}

export interface ReadPickle {
  readonly value: PickleValue;
  /** Where the byte after the pickle lies. */
  readonly endOffset: number;
}

const maxOperations = 2_000_000;
const maxStack = 1_000_000;
const maxMarks = 1000;
const maxDepth = 1000;
/** Estimated memory of everything a pickle makes. The largest real checkpoints need a few MB. */
const maxHeapBytes = 48 << 20;
/** The magic number of old checkpoints has 10 bytes; nothing else in them is longer. */
const maxIntegerBytes = 32;

/**
 * Reads one pickle (protocols 0 to 5) as data: a stack machine that knows no code, only an allow-list of names.
 *
 * Format: CPython's `Lib/pickletools.py` describes every opcode.
 *
 * @throws HeirloomError `corrupt-model` for a broken pickle, for one over the limits, and, by name, for any global that `rules` does not allow.
 */
export function readPickle(source: ByteSource, offset: number, rules: PickleRules): ReadPickle {
  const machine = new PickleMachine(source, offset, rules);
  const value = machine.run();
  return { value, endOffset: machine.reader.position };
}

type Operation = (machine: PickleMachine) => void;

class PickleMachine {
  readonly reader: PickleReader;
  readonly rules: PickleRules;
  readonly fileName: string;
  private readonly stack: PickleValue[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private heapBytes = 0;

  constructor(source: ByteSource, offset: number, rules: PickleRules) {
    this.reader = new PickleReader(source, offset);
    this.rules = rules;
    this.fileName = source.name;
  }

  run(): PickleValue {
    for (let count = 0; count < maxOperations; count++) {
      const opcode = this.reader.u8();
      if (opcode === stopOpcode) return this.pop();
      const operation = operations.get(opcode);
      if (operation === undefined) throw this.broken(`its pickle has the unknown opcode ${opcode}`);
      operation(this);
    }
    throw this.broken(`its pickle has more than ${maxOperations} operations`);
  }

  broken(what: string): Error {
    return corruptModel(this.fileName, what);
  }

  charge(bytes: number): void {
    this.heapBytes += bytes;
    if (this.heapBytes > maxHeapBytes) throw this.broken('its pickle would unfold into more memory than a weights file needs');
  }

  push(value: PickleValue): void {
    if (this.stack.length >= maxStack) throw this.broken('its pickle piles up more values than a weights file needs');
    this.stack.push(value);
  }

  pop(): PickleValue {
    const value = this.stack.length > this.fence() ? this.stack.pop() : undefined;
    if (value === undefined) throw this.broken('its pickle takes a value that is not there');
    return value;
  }

  top(): PickleValue {
    const value = this.stack.length > this.fence() ? this.stack.at(-1) : undefined;
    if (value === undefined) throw this.broken('its pickle looks at a value that is not there');
    return value;
  }

  mark(): void {
    if (this.marks.length >= maxMarks) throw this.broken(`its pickle is nested more than ${maxMarks} levels deep`);
    this.marks.push(this.stack.length);
  }

  popMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.broken('its pickle closes a group that it never opened');
    return this.stack.splice(mark);
  }

  /** POP drops a value, or the last mark when nothing lies above it. */
  drop(): void {
    if (this.stack.length > this.fence()) this.stack.pop();
    else this.popMark();
  }

  remember(index: number): void {
    if (!this.memo.has(index)) this.charge(96);
    this.memo.set(index, this.top());
  }

  memoize(): void {
    this.remember(this.memo.size);
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw this.broken(`its pickle recalls value ${index}, which it never made`);
    this.push(value);
  }

  pushSequence(kind: 'list' | 'tuple' | 'set', items: PickleValue[]): void {
    this.charge(160 + 8 * items.length);
    const sequence: ListValue = { kind, items, depth: 1 };
    for (const item of items) this.deepen(sequence, item);
    this.push(sequence);
  }

  pushDict(items: readonly PickleValue[]): void {
    this.charge(256);
    this.push({ kind: 'dict', entries: new Map(), depth: 1 });
    this.setItems(items);
  }

  /** Adds to the sequence on top of the stack. */
  appendItems(items: readonly PickleValue[]): void {
    const target = this.top();
    if (!isKind(target, 'list') && !isKind(target, 'set')) throw this.broken(`its pickle appends to a ${kindOf(target)}`);
    this.charge(8 * items.length);
    for (const item of items) {
      target.items.push(item);
      this.deepen(target, item);
    }
  }

  /** Adds key, value, key, value … to the dictionary on top of the stack. */
  setItems(items: readonly PickleValue[]): void {
    const target = this.top();
    if (!isKind(target, 'dict')) throw this.broken(`its pickle sets an item of a ${kindOf(target)}`);
    if (items.length % 2 !== 0) throw this.broken('its pickle has a key without a value');
    this.charge(40 * items.length);
    for (let i = 0; i < items.length; i += 2) {
      const value = items[i + 1] ?? null;
      target.entries.set(keyOf(items[i] ?? null), value);
      this.deepen(target, value);
    }
  }

  pushGlobal(name: string): void {
    if (!this.rules.allows(name)) throw refusedGlobal(this.fileName, name);
    this.charge(96 + name.length);
    this.push({ kind: 'global', name });
  }

  /** REDUCE, INST, OBJ, NEWOBJ: what an allowed global makes of its arguments. */
  call(callee: PickleValue, args: readonly PickleValue[]): void {
    const name = this.requireGlobal(callee).name;
    this.charge(256);
    const result = this.rules.call(name, args);
    if (result === undefined) throw this.broken(`its pickle calls ${printable(name)} with arguments that make no sense`);
    this.push(result);
  }

  /** BUILD: attributes of a module record; a dictionary's own attributes (`_metadata` of a state dict) mean nothing here. */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (isKind(target, 'record')) {
      if (!isKind(state, 'dict')) throw this.broken(`its pickle fills a module from a ${kindOf(state)}`);
      target.attributes = state.entries;
      this.deepen(target, state);
    } else if (!isKind(target, 'dict') || !isKind(state, 'dict')) {
      throw this.broken(`its pickle asks to run __setstate__ on a ${kindOf(target)}`);
    }
  }

  args(value: PickleValue): readonly PickleValue[] {
    if (!isKind(value, 'tuple')) throw this.broken(`its pickle calls something with a ${kindOf(value)} instead of a tuple`);
    return value.items;
  }

  private requireGlobal(value: PickleValue): GlobalValue {
    if (!isKind(value, 'global')) throw this.broken(`its pickle calls a ${kindOf(value)}`);
    return value;
  }

  private deepen(parent: ContainerValue, child: PickleValue): void {
    if (child === null || typeof child !== 'object' || !('depth' in child) || child.depth < parent.depth) return;
    parent.depth = child.depth + 1;
    if (parent.depth > maxDepth) throw this.broken(`its pickle is nested more than ${maxDepth} levels deep`);
  }

  private fence(): number {
    return this.marks.at(-1) ?? 0;
  }
}

const stopOpcode = 0x2e;

/** Python counts 1, 1.0 and True as one key; weights files use strings. */
function keyOf(value: PickleValue): PickleValue {
  return typeof value === 'bigint' ? Number(value) : value;
}

function pushText(machine: PickleMachine, length: number): void {
  const text = machine.reader.text(length);
  machine.charge(32 + 2 * text.length);
  machine.push(text);
}

function pushBytes(machine: PickleMachine, length: number): void {
  const bytes = machine.reader.bytes(length);
  machine.charge(128 + length);
  machine.push(bytes);
}

/** A little-endian two's complement integer of any length. */
function pushLong(machine: PickleMachine, length: number): void {
  const bytes = machine.reader.bytes(length, maxIntegerBytes);
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  if (((bytes.at(-1) ?? 0) & 0x80) !== 0) value -= 1n << BigInt(8 * bytes.length);
  machine.push(narrow(value));
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function pushDecimal(machine: PickleMachine, line: string): void {
  const digits = line.endsWith('L') ? line.slice(0, -1) : line;
  if (!/^[+-]?\d{1,80}$/.test(digits)) throw machine.broken(`its pickle has "${printable(line)}" where a whole number should be`);
  machine.push(narrow(BigInt(digits.replace('+', ''))));
}

function pushFloat(machine: PickleMachine, line: string): void {
  if (!/^[+-]?(\d+\.?\d*(e[+-]?\d+)?|inf|nan)$/i.test(line)) throw machine.broken(`its pickle has "${printable(line)}" where a number should be`);
  machine.push(Number(line.replace(/inf/i, 'Infinity')));
}

function pushQuoted(machine: PickleMachine, line: string): void {
  const quote = line[0];
  if (line.length < 2 || (quote !== '"' && quote !== "'") || line.at(-1) !== quote) throw machine.broken('its pickle has a string without quotes');
  machine.charge(32 + 2 * line.length);
  machine.push(line.slice(1, -1));
}

function memoIndex(machine: PickleMachine, line: string): number {
  if (!/^\d{1,10}$/.test(line)) throw machine.broken(`its pickle has the memo number "${printable(line)}"`);
  return Number(line);
}

function pushTuple(machine: PickleMachine, count: number): void {
  const items: PickleValue[] = [];
  while (items.length < count) items.unshift(machine.pop());
  machine.pushSequence('tuple', items);
}

function extension(machine: PickleMachine, code: number): never {
  throw refusedGlobal(machine.fileName, `extension number ${code} of Python's registry`);
}

function stackGlobal(machine: PickleMachine): void {
  const name = machine.pop();
  const module = machine.pop();
  if (typeof name !== 'string' || typeof module !== 'string') throw machine.broken('its pickle names something without a text');
  machine.pushGlobal(`${module}.${name}`);
}

function lineGlobal(machine: PickleMachine): void {
  const module = machine.reader.line();
  machine.pushGlobal(`${module}.${machine.reader.line()}`);
}

function instance(machine: PickleMachine): void {
  lineGlobal(machine);
  const callee = machine.pop();
  machine.call(callee, machine.popMark());
}

function objectOf(machine: PickleMachine): void {
  const [callee, ...args] = machine.popMark();
  machine.call(callee ?? null, args);
}

function reduce(machine: PickleMachine): void {
  const args = machine.args(machine.pop());
  machine.call(machine.pop(), args);
}

function newObjectEx(machine: PickleMachine): void {
  const keywords = machine.pop();
  if (!isKind(keywords, 'dict') || keywords.entries.size > 0) throw machine.broken('its pickle makes an object from named arguments');
  reduce(machine);
}

function buffer(machine: PickleMachine): never {
  throw machine.broken('its pickle keeps data in out-of-band buffers');
}

/** By opcode, in the order of CPython's pickle module. */
const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0x80, (m) => void protocol(m)],
  [0x95, (m) => void m.reader.u64()],
  [0x28, (m) => m.mark()],
  [0x30, (m) => m.drop()],
  [0x31, (m) => void m.popMark()],
  [0x32, (m) => m.push(m.top())],
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  [0x46, (m) => pushFloat(m, m.reader.line())],
  [0x47, (m) => m.push(m.reader.f64())],
  [0x49, (m) => integerLine(m, m.reader.line())],
  [0x4a, (m) => m.push(m.reader.i32())],
  [0x4b, (m) => m.push(m.reader.u8())],
  [0x4d, (m) => m.push(m.reader.u16())],
  [0x4c, (m) => pushDecimal(m, m.reader.line())],
  [0x8a, (m) => pushLong(m, m.reader.u8())],
  [0x8b, (m) => pushLong(m, m.reader.i32())],
  [0x53, (m) => pushQuoted(m, m.reader.line())],
  [0x54, (m) => pushText(m, m.reader.i32())],
  [0x55, (m) => pushText(m, m.reader.u8())],
  [0x56, (m) => pushQuoted(m, `"${m.reader.line()}"`)],
  [0x58, (m) => pushText(m, m.reader.u32())],
  [0x8c, (m) => pushText(m, m.reader.u8())],
  [0x8d, (m) => pushText(m, m.reader.u64())],
  [0x42, (m) => pushBytes(m, m.reader.u32())],
  [0x43, (m) => pushBytes(m, m.reader.u8())],
  [0x8e, (m) => pushBytes(m, m.reader.u64())],
  [0x96, (m) => pushBytes(m, m.reader.u64())],
  [0x97, buffer],
  [0x98, buffer],
  [0x5d, (m) => m.pushSequence('list', [])],
  [0x29, (m) => m.pushSequence('tuple', [])],
  [0x8f, (m) => m.pushSequence('set', [])],
  [0x7d, (m) => m.pushDict([])],
  [0x6c, (m) => m.pushSequence('list', m.popMark())],
  [0x74, (m) => m.pushSequence('tuple', m.popMark())],
  [0x91, (m) => m.pushSequence('set', m.popMark())],
  [0x64, (m) => m.pushDict(m.popMark())],
  [0x85, (m) => pushTuple(m, 1)],
  [0x86, (m) => pushTuple(m, 2)],
  [0x87, (m) => pushTuple(m, 3)],
  [0x61, (m) => m.appendItems([m.pop()])],
  [0x65, (m) => m.appendItems(m.popMark())],
  [0x90, (m) => m.appendItems(m.popMark())],
  [0x73, (m) => m.setItems([m.pop(), m.pop()].reverse())],
  [0x75, (m) => m.setItems(m.popMark())],
  [0x67, (m) => m.recall(memoIndex(m, m.reader.line()))],
  [0x68, (m) => m.recall(m.reader.u8())],
  [0x6a, (m) => m.recall(m.reader.u32())],
  [0x70, (m) => m.remember(memoIndex(m, m.reader.line()))],
  [0x71, (m) => m.remember(m.reader.u8())],
  [0x72, (m) => m.remember(m.reader.u32())],
  [0x94, (m) => m.memoize()],
  [0x63, lineGlobal],
  [0x93, stackGlobal],
  [0x52, reduce],
  [0x81, reduce],
  [0x92, newObjectEx],
  [0x69, instance],
  [0x6f, objectOf],
  [0x62, (m) => m.build()],
  [0x50, (m) => m.push(m.rules.persistent(m.reader.line()))],
  [0x51, (m) => m.push(m.rules.persistent(m.pop()))],
  [0x82, (m) => extension(m, m.reader.u8())],
  [0x83, (m) => extension(m, m.reader.u16())],
  [0x84, (m) => extension(m, m.reader.i32())],
]);

function protocol(machine: PickleMachine): void {
  const version = machine.reader.u8();
  if (version > 5) throw machine.broken(`its pickle has the unknown protocol ${version}`);
}

/** INT also spells the truth values, as 00 and 01. */
function integerLine(machine: PickleMachine, line: string): void {
  if (line === '00' || line === '01') machine.push(line === '01');
  else pushDecimal(machine, line);
}
