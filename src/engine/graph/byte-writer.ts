/** Payloads of at least this many bytes are referenced until the final copy; smaller ones are gathered at once. */
const referenceFromBytes = 4096;

/**
 * Writes protocol buffer messages field by field.
 *
 * Small writes are gathered in one growing buffer and large payloads only referenced, so that every byte of a large model is copied once.
 * Source: Protocol Buffers encoding specification.
 */
export class ByteWriter {
  #done: Uint8Array[] = [];
  #doneBytes = 0;
  #buffer: Uint8Array;
  #used = 0;

  constructor(capacityBytes = 256) {
    this.#buffer = new Uint8Array(capacityBytes);
  }

  get length(): number {
    return this.#doneBytes + this.#used;
  }

  /** A field holding an integer (int32, int64, enum); negative values take ten bytes, as the specification wants. */
  int(field: number, value: number): void {
    this.#varint(field * 8);
    this.#varint(value);
  }

  float(field: number, value: number): void {
    this.#varint(field * 8 + 5);
    this.#room(4);
    new DataView(this.#buffer.buffer).setFloat32(this.#used, value, true);
    this.#used += 4;
  }

  text(field: number, value: string): void {
    this.bytes(field, Buffer.from(value, 'utf8'));
  }

  bytes(field: number, value: Uint8Array): void {
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#append(value);
  }

  /** A packed list of integers. */
  ints(field: number, values: readonly number[]): void {
    const list = new ByteWriter(values.length * 10 + 1);
    for (const value of values) list.#varint(value);
    this.message(field, list);
  }

  /** A packed list of floats. */
  floats(field: number, values: readonly number[]): void {
    const list = Float32Array.from(values);
    this.bytes(field, new Uint8Array(list.buffer));
  }

  /** A nested message; `inner` must not be written to afterwards. */
  message(field: number, inner: ByteWriter): void {
    this.#varint(field * 8 + 2);
    this.#varint(inner.length);
    for (const chunk of inner.#done) this.#append(chunk);
    this.#append(inner.#buffer.subarray(0, inner.#used));
  }

  /** Everything written, in one new array. */
  finish(): Uint8Array {
    const all = new Uint8Array(this.length);
    let offset = 0;
    for (const chunk of this.#done) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    all.set(this.#buffer.subarray(0, this.#used), offset);
    return all;
  }

  #append(chunk: Uint8Array): void {
    if (chunk.length >= referenceFromBytes) {
      this.#flush();
      this.#done.push(chunk);
      this.#doneBytes += chunk.length;
      return;
    }
    this.#room(chunk.length);
    this.#buffer.set(chunk, this.#used);
    this.#used += chunk.length;
  }

  #varint(value: number): void {
    this.#room(10);
    if (value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) this.#buffer[this.#used++] = Number(rest & 127n) | 128;
      this.#buffer[this.#used++] = Number(rest);
      return;
    }
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#buffer[this.#used++] = (rest % 128) | 128;
    this.#buffer[this.#used++] = rest;
  }

  #room(bytes: number): void {
    if (this.#used + bytes <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#used + bytes));
    larger.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = larger;
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#done.push(this.#buffer.slice(0, this.#used));
    this.#doneBytes += this.#used;
    this.#used = 0;
  }
}
