import type { ByteSource } from './byte-source.ts';
import { corruptModel } from './weights-failure.ts';

/** One field of a protobuf message. `value` is its number (wire type 0), otherwise its bytes lie from `start` to `end`. */
export interface ProtoField {
  readonly number: number;
  readonly wire: 'varint' | 'fixed64' | 'bytes' | 'fixed32';
  /** Exact up to 2^53; a negative int64 comes out near 2^64. */
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

const chunkBytes = 1 << 16;
const maxFields = 2_000_000;
const maxTextBytes = 1 << 16;
const wires = ['varint', 'fixed64', 'bytes', undefined, undefined, 'fixed32'] as const;

/**
 * Walks protobuf messages by position, skipping what is not asked for, so that a file of any size costs little memory.
 *
 * Format: https://protobuf.dev/programming-guides/encoding/
 */
export class ProtoFile {
  readonly source: ByteSource;
  private chunk: Uint8Array = new Uint8Array(0);
  private chunkStart = 0;
  private fieldCount = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  /**
   * The fields of the message between two positions, in order.
   *
   * @throws HeirloomError `corrupt-model` for lengths that leave the message, overlong numbers, and groups.
   */
  *fields(start: number, end: number): Generator<ProtoField, void, undefined> {
    let at = start;
    while (at < end) {
      if (++this.fieldCount > maxFields) throw this.broken(`it has more than ${maxFields} fields`);
      const tag = this.varint(at, end);
      const number = Math.floor(tag.value / 8);
      const wire = wires[tag.value % 8];
      if (number < 1 || number > 0x1fffffff || wire === undefined) throw this.broken(`it has the impossible field ${number}`);
      const field = this.field(number, wire, tag.end, end);
      yield field;
      at = field.end;
    }
  }

  /** Text of a field; names and keys, not documents. */
  text(field: ProtoField): string {
    if (field.wire !== 'bytes' || field.end - field.start > maxTextBytes) throw this.broken(`it has a text of ${field.end - field.start} bytes`);
    return new TextDecoder().decode(this.source.read(field.start, field.end - field.start));
  }

  /** The numbers of a repeated integer field, packed or not; signed. */
  *integers(field: ProtoField): Generator<number, void, undefined> {
    if (field.wire === 'varint') yield signed(this.bigVarint(field.start, field.end));
    for (let at = field.start; field.wire === 'bytes' && at < field.end; ) {
      const { end } = this.varint(at, field.end);
      yield signed(this.bigVarint(at, end));
      at = end;
    }
  }

  broken(what: string): Error {
    return corruptModel(this.source.name, `as a protobuf, ${what}`);
  }

  private field(number: number, wire: ProtoField['wire'], at: number, limit: number): ProtoField {
    if (wire === 'varint') {
      const { value, end } = this.varint(at, limit);
      return { number, wire, value, start: at, end };
    }
    const length = wire === 'bytes' ? this.varint(at, limit) : { value: wire === 'fixed64' ? 8 : 4, end: at };
    const end = length.end + length.value;
    if (end > limit) throw this.broken(`it announces ${length.value} bytes where ${limit - length.end} are left`);
    return { number, wire, value: 0, start: length.end, end };
  }

  private varint(at: number, limit: number): { value: number; end: number } {
    let value = 0;
    for (let i = 0; i < 10 && at + i < limit; i++) {
      const byte = this.byteAt(at + i);
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return { value, end: at + i + 1 };
    }
    throw this.broken('it has a number that does not end');
  }

  private bigVarint(start: number, end: number): bigint {
    let value = 0n;
    for (let at = start; at < end; at++) value |= BigInt(this.byteAt(at) & 0x7f) << BigInt(7 * (at - start));
    return value;
  }

  private byteAt(at: number): number {
    const byte = at >= this.chunkStart ? this.chunk[at - this.chunkStart] : undefined;
    if (byte !== undefined) return byte;
    this.chunkStart = at;
    this.chunk = this.source.read(at, Math.min(chunkBytes, this.source.sizeBytes - at));
    return this.chunk[0] ?? 0;
  }
}

function signed(value: bigint): number {
  return Number(BigInt.asIntN(64, value));
}
