import type { ByteSource } from './byte-source.ts';
import { corruptModel } from './weights-failure.ts';

const chunkBytes = 1 << 16;
/** Longest string or byte string of a pickle: configuration texts are shorter, tensors lie outside the pickle. */
const maxStringBytes = 16 << 20;
const maxLineBytes = 1 << 14;

/** Reads a pickle's bytes in order, a chunk at a time, and refuses lengths that the file cannot hold. */
export class PickleReader {
  private readonly source: ByteSource;
  private chunk: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private chunkStart: number;
  private at = 0;

  constructor(source: ByteSource, offset: number) {
    this.source = source;
    this.chunkStart = offset;
  }

  /** Position in the source of the next byte. */
  get position(): number {
    return this.chunkStart + this.at;
  }

  u8(): number {
    const at = this.advance(1);
    return this.view.getUint8(at);
  }

  u16(): number {
    const at = this.advance(2);
    return this.view.getUint16(at, true);
  }

  i32(): number {
    const at = this.advance(4);
    return this.view.getInt32(at, true);
  }

  u32(): number {
    const at = this.advance(4);
    return this.view.getUint32(at, true);
  }

  /** An unsigned 64-bit length. */
  u64(): number {
    const at = this.advance(8);
    return Number(this.view.getBigUint64(at, true));
  }

  /** A big-endian double, as pickles keep them. */
  f64(): number {
    const at = this.advance(8);
    return this.view.getFloat64(at, false);
  }

  bytes(length: number, maxBytes = maxStringBytes): Uint8Array {
    const left = this.source.sizeBytes - this.position;
    if (length < 0 || length > left) throw corruptModel(this.source.name, `its pickle announces ${length} bytes where ${left} are left`);
    if (length > maxBytes) throw corruptModel(this.source.name, `its pickle announces a value of ${length} bytes`);
    if (length > chunkBytes) {
      const bytes = this.source.read(this.position, length);
      this.jump(this.position + length);
      return bytes;
    }
    const start = this.advance(length);
    return this.chunk.slice(start, start + length);
  }

  text(length: number): string {
    return new TextDecoder().decode(this.bytes(length));
  }

  /** A line of the text-mode opcodes, without its newline. */
  line(): string {
    const bytes: number[] = [];
    for (let byte = this.u8(); byte !== 0x0a; byte = this.u8()) {
      if (bytes.length === maxLineBytes) throw corruptModel(this.source.name, `its pickle has a line of more than ${maxLineBytes} bytes`);
      bytes.push(byte);
    }
    const line = new TextDecoder().decode(Uint8Array.from(bytes));
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }

  /** Makes `length` bytes available and returns where in the chunk they begin. */
  private advance(length: number): number {
    if (this.at + length > this.chunk.length) this.refill(length);
    const start = this.at;
    this.at += length;
    return start;
  }

  private refill(length: number): void {
    this.jump(this.position);
    const left = this.source.sizeBytes - this.chunkStart;
    if (length > left) throw corruptModel(this.source.name, 'its pickle is cut short');
    this.chunk = this.source.read(this.chunkStart, Math.min(left, Math.max(length, chunkBytes)));
    this.view = new DataView(this.chunk.buffer, this.chunk.byteOffset, this.chunk.byteLength);
  }

  private jump(position: number): void {
    this.chunkStart = position;
    this.chunk = new Uint8Array(0);
    this.at = 0;
  }
}
