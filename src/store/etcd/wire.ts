/**
 * The wire format of Protocol Buffers for etcd's messages (https://protobuf.dev/programming-guides/encoding). Integers are numbers: revisions, versions
 * and the leases we make stay below 2^53, and what does not is rounded. Keys are latin1 text, as everywhere in the datastore.
 */

export const VARINT = 0;
const FIXED64 = 1;
export const BYTES = 2;
const FIXED32 = 5;

const FIRST_BYTES = 256;

/** A message that breaks the format. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/**
 * Writes a message from its end to its beginning, so that the length of what is nested is known when it is written: fields go in from the last to the
 * first, each with its value before its tag.
 */
export class Writer {
  #buffer: Buffer;
  #at: number;

  /** `bytes`: about how long the message gets, where that is known. */
  constructor(bytes = FIRST_BYTES) {
    this.#buffer = Buffer.allocUnsafe(bytes);
    this.#at = bytes;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#at;
  }

  finish(): Buffer {
    return this.#buffer.subarray(this.#at);
  }

  tag(number: number, type: number): void {
    this.varint((number << 3) | type);
  }

  /** A negative number is written as the 64 bits of its two's complement. */
  varint(value: number): void {
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) return this.#varint64(BigInt.asUintN(64, BigInt(value)));
    const size = varintSize(value);
    this.#reserve(size);
    let left = value;
    let at = this.#at;
    for (let i = 1; i < size; i++) {
      this.#buffer[at++] = (left % 128) | 128;
      left = Math.floor(left / 128);
    }
    this.#buffer[at] = left;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
  }

  text(value: string, encoding: 'latin1' | 'utf8'): void {
    const size = encoding === 'latin1' ? value.length : Buffer.byteLength(value);
    this.#reserve(size);
    this.#buffer.write(value, this.#at, encoding);
  }

  /** Room for so many more bytes before what is there. */
  #reserve(size: number): void {
    if (size > this.#at) {
      const { length } = this;
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, length + size));
      this.#buffer.copy(larger, larger.length - length, this.#at);
      this.#at = larger.length - length;
      this.#buffer = larger;
    }
    this.#at -= size;
  }

  #varint64(value: bigint): void {
    const out: number[] = [];
    let left = value;
    for (; left >= 128n; left >>= 7n) out.push(Number(left & 127n) | 128);
    out.push(Number(left));
    this.bytes(Uint8Array.from(out));
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let left = value; left >= 128; left = Math.floor(left / 128)) size++;
  return size;
}

/** Reads the fields of a message in a part of a buffer. Throws {@link WireError}. */
export class Reader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #at: number;

  constructor(buffer: Buffer, at = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#at = at;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** An unsigned number; see {@link int64} for what may be negative. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw new WireError('a number is cut off');
      const byte = this.#buffer[this.#at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
    throw new WireError('a number is too long');
  }

  /** A number of 64 bits in two's complement. */
  int64(): number {
    const from = this.#at;
    const value = this.varint();
    // Ten bytes hold 64 bits only for negative numbers.
    if (this.#at - from < 10) return value;
    let exact = 0n;
    for (let i = 0; i < 10; i++) exact |= BigInt(this.#buffer[from + i]! & 127) << BigInt(7 * i);
    return Number(BigInt.asIntN(64, exact));
  }

  /** The bytes of the next field: a view, not a copy. */
  bytes(): Buffer {
    const { at, end } = this.#span();
    return this.#buffer.subarray(at, end);
  }

  text(encoding: 'latin1' | 'utf8'): string {
    const { at, end } = this.#span();
    return this.#buffer.toString(encoding, at, end);
  }

  /** A reader of the message nested in the next field. */
  nested(): Reader {
    const { at, end } = this.#span();
    return new Reader(this.#buffer, at, end);
  }

  skip(type: number): void {
    switch (type) {
      case VARINT:
        this.varint();
        return;
      case BYTES:
        this.#span();
        return;
      case FIXED64:
      case FIXED32:
        this.#at += type === FIXED64 ? 8 : 4;
        if (this.#at > this.#end) throw new WireError('a number is cut off');
        return;
      default:
        throw new WireError(`wire type ${type} is not known`);
    }
  }

  #span(): { at: number; end: number } {
    const length = this.varint();
    const at = this.#at;
    const end = at + length;
    if (end > this.#end) throw new WireError('a field is cut off');
    this.#at = end;
    return { at, end };
  }
}
