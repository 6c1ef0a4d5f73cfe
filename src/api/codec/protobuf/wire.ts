/** Protobuf's wire format: reading forwards with every bound checked, writing backwards so that each length is known when it is due. */

/** Bytes that are no protobuf; texts: gogo/protobuf's generated code. */
export class ProtoError extends Error {
  override readonly name = 'ProtoError';
}

const EOF = 'unexpected EOF';
const OVERFLOW = 'proto: integer overflow';

const TWO_63 = 2n ** 63n;
/** The largest double below 2^63, so that what is rounded on its way stays an int64. */
const MAX_INT64_DOUBLE = 9223372036854774784;

/** Most texts are short names, and a call into native code costs more than they do. */
const SHORT = 16;

export class Reader {
  readonly #bytes: Buffer;
  #at: number;
  #end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The next varint as an unsigned number; above 2^53 it is only near. */
  varint(): number {
    const first = this.#byte();
    if (first < 128) return first;
    let value = first & 127;
    let scale = 128;
    for (let i = 1; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (i === 9 && byte > 1) throw new ProtoError(OVERFLOW);
        return value;
      }
      scale *= 128;
    }
    throw new ProtoError(OVERFLOW);
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new ProtoError(EOF);
    return this.#bytes[this.#at++]!;
  }

  /** The low 64 bits of the next varint, signed. */
  bigint(): bigint {
    const start = this.#at;
    const near = this.varint();
    if (near <= Number.MAX_SAFE_INTEGER) return BigInt(near);
    let value = 0n;
    for (let i = this.#at - 1; i >= start; i--) value = (value << 7n) | BigInt(this.#bytes[i]! & 127);
    return BigInt.asIntN(64, value);
  }

  int64(): number {
    const start = this.#at;
    const near = this.varint();
    if (near <= Number.MAX_SAFE_INTEGER) return near;
    this.#at = start;
    const exact = this.bigint();
    return exact < TWO_63 - 512n ? Number(exact) : MAX_INT64_DOUBLE;
  }

  int32(): number {
    const start = this.#at;
    const near = this.varint();
    if (near <= Number.MAX_SAFE_INTEGER) return near | 0;
    this.#at = start;
    return Number(BigInt.asIntN(32, this.bigint()));
  }

  bool(): boolean {
    return this.varint() !== 0;
  }

  double(): number {
    const at = this.#take(8);
    return this.#bytes.readDoubleLE(at);
  }

  string(): string {
    const length = this.varint();
    const at = this.#take(length);
    if (length > SHORT) return this.#bytes.toString('utf8', at, at + length);
    let text = '';
    for (let i = at; i < at + length; i++) {
      const byte = this.#bytes[i]!;
      if (byte > 127) return this.#bytes.toString('utf8', at, at + length);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** The bytes of a length-delimited field; they share memory with the whole. */
  bytes(): Buffer {
    const length = this.varint();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw new ProtoError(EOF);
    this.#at = at + length;
    return at;
  }

  /** Confines reading to the length-delimited field that begins here; give what it returns to {@link leave}. */
  enter(): number {
    const length = this.varint();
    if (length > this.#end - this.#at) throw new ProtoError(EOF);
    const outer = this.#end;
    this.#end = this.#at + length;
    return outer;
  }

  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  /** Passes over a field nobody knows. */
  skip(wireType: number): void {
    let groups = 0;
    let type = wireType;
    for (;;) {
      if (type === 0) this.varint();
      else if (type === 1) this.#take(8);
      else if (type === 2) this.#take(this.varint());
      else if (type === 3) groups++;
      else if (type === 4) {
        if (--groups < 0) throw new ProtoError('proto: unexpected end of group');
      } else if (type === 5) this.#take(4);
      else throw new ProtoError(`proto: illegal wireType ${type}`);
      if (groups === 0) return;
      type = this.varint() & 7;
    }
  }
}

const START_SIZE = 4096;

/** Fills a buffer from its end: a message's fields from last to first, each value before its length and tag. */
export class Writer {
  #buffer = Buffer.allocUnsafe(START_SIZE);
  #at = START_SIZE;

  /** How many bytes there are; the difference between two moments is the length of what was written between. */
  get length(): number {
    return this.#buffer.length - this.#at;
  }

  #need(size: number): void {
    if (this.#at >= size) return;
    const used = this.length;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + size));
    this.#buffer.copy(grown, grown.length - used, this.#at);
    this.#buffer = grown;
    this.#at = grown.length - used;
  }

  varint(value: number): void {
    if (value < 0 || value > 0xffffffff) return this.bigint(BigInt(Math.trunc(value)));
    this.#need(5);
    const size = value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
    this.#at -= size;
    let rest = value;
    for (let i = this.#at; i < this.#at + size - 1; i++) {
      this.#buffer[i] = (rest & 127) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#at + size - 1] = rest;
  }

  bigint(value: bigint): void {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    while (rest > 127n) {
      bytes.push(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.#need(bytes.length);
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  double(value: number): void {
    this.#need(8);
    this.#at -= 8;
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** Text with its length. */
  string(value: string): void {
    if (value.length <= SHORT && this.#ascii(value)) return this.varint(value.length);
    const size = Buffer.byteLength(value);
    this.#need(size);
    this.#at -= size;
    this.#buffer.write(value, this.#at);
    this.varint(size);
  }

  /** Writes a text if it is ASCII; for short ones quicker than a call into native code. */
  #ascii(value: string): boolean {
    this.#need(value.length);
    const start = this.#at - value.length;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      this.#buffer[start + i] = code;
    }
    this.#at = start;
    return true;
  }

  /** Bytes with their length. */
  bytes(value: Uint8Array): void {
    this.raw(value);
    this.varint(value.length);
  }

  raw(value: Uint8Array): void {
    this.#need(value.length);
    this.#at -= value.length;
    this.#buffer.set(value, this.#at);
  }

  tag(number: number, wireType: number): void {
    this.varint(number * 8 + wireType);
  }

  /** A copy of all that was written. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#at));
  }
}
