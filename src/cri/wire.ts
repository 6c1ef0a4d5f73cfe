/** The wire format of Protocol Buffers: https://protobuf.dev/programming-guides/encoding */
import type { Field, FieldType, MessageType, Scalar } from './proto.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const MAX_DEPTH = 64;

export function encodeMessage(type: MessageType, message: object): Buffer {
  const writer = new Writer();
  for (const field of type.fields) {
    const value = (message as Record<string, unknown>)[field.name];
    if (value === undefined || value === null) continue;
    if (field.type.kind === 'map') writeMap(writer, field.number, value);
    else if (!field.repeated) writeField(writer, field, value, false);
    else writeRepeated(writer, field, value);
  }
  return writer.finish();
}

/** Numbers are packed into one run of bytes, everything else is a field each. */
function writeRepeated(writer: Writer, field: Field, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${field.name}: expected an array`);
  if (!isPacked(field.type)) {
    for (const item of value) writeField(writer, field, item, true);
  } else if (value.length > 0) {
    const run = new Writer();
    for (const item of value) run.varint(numberOf(field.type, item));
    writer.bytes(field.number, run.finish());
  }
}

function writeMap(writer: Writer, number: number, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new TypeError('expected a map');
  for (const [key, text] of Object.entries(value)) {
    const entry = new Writer();
    entry.bytes(1, Buffer.from(key));
    entry.bytes(2, Buffer.from(String(text)));
    writer.bytes(number, entry.finish());
  }
}

/** A value that is its type's default is left out, unless its place in a list counts. */
function writeField(writer: Writer, { name, number, type }: Field, value: unknown, always: boolean): void {
  if (type.kind === 'message') {
    if (typeof value !== 'object' || value === null) throw new TypeError(`${name}: expected an object`);
    writer.bytes(number, encodeMessage(type.type, value));
  } else if (type.kind === 'scalar' && type.scalar === 'string') {
    if (typeof value !== 'string') throw new TypeError(`${name}: expected text`);
    if (value !== '' || always) writer.bytes(number, Buffer.from(value));
  } else if (type.kind === 'scalar' && type.scalar === 'bytes') {
    if (!Buffer.isBuffer(value)) throw new TypeError(`${name}: expected a Buffer`);
    if (value.length > 0 || always) writer.bytes(number, value);
  } else {
    const wire = numberOf(type, value);
    if (wire === 0n && !always) return;
    writer.varint(BigInt((number << 3) | VARINT));
    writer.varint(wire);
  }
}

/** The unsigned 64 bits that stand for a number, a boolean or the name of an enum's value. */
function numberOf(type: FieldType, value: unknown): bigint {
  if (type.kind === 'enum') {
    const number = typeof value === 'string' ? type.type.numbers.get(value) : undefined;
    if (number === undefined) throw new TypeError(`no such value of an enum: ${String(value)}`);
    return BigInt(number);
  }
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value !== 'number' && typeof value !== 'string' && typeof value !== 'bigint') {
    throw new TypeError(`expected a number, got ${typeof value}`);
  }
  return BigInt.asUintN(64, BigInt(value)); // throws for what is no integer; negative numbers are two's complement
}

const isPacked = (type: FieldType): boolean =>
  type.kind === 'enum' || (type.kind === 'scalar' && type.scalar !== 'string' && type.scalar !== 'bytes');

class Writer {
  #buffer = Buffer.allocUnsafe(64);
  #length = 0;

  varint(value: bigint): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 0x7fn) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  bytes(number: number, data: Buffer): void {
    this.varint(BigInt((number << 3) | BYTES));
    this.varint(BigInt(data.length));
    this.#reserve(data.length);
    data.copy(this.#buffer, this.#length);
    this.#length += data.length;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

type Fields = Record<string, unknown>;

/** Throws a RangeError for bytes that are no message. */
export function decodeMessage(type: MessageType, bytes: Buffer): object {
  return readMessage(type, new Reader(bytes, 0, bytes.length), 0);
}

/** `message`: what came before, as a writer may send a message in several pieces. */
function readMessage(type: MessageType, reader: Reader, depth: number, message = withDefaults(type)): Fields {
  if (depth > MAX_DEPTH) throw new RangeError('protobuf message nested too deep');
  while (!reader.atEnd) {
    const tag = reader.uint32();
    const field = type.byNumber.get(tag >>> 3);
    if (field === undefined) reader.skip(tag & 7);
    else readField(message, field, tag & 7, reader, depth);
  }
  return message;
}

function withDefaults({ fields }: MessageType): Fields {
  const message: Fields = {};
  for (const field of fields) {
    const value = defaultOf(field);
    if (value !== undefined) message[field.name] = value;
  }
  return message;
}

function defaultOf({ repeated, type }: Field): unknown {
  if (repeated) return [];
  switch (type.kind) {
    case 'map':
      return {};
    case 'message':
      return undefined;
    case 'enum':
      return type.type.names.get(0);
    case 'scalar':
      return SCALAR_DEFAULTS[type.scalar];
  }
}

const SCALAR_DEFAULTS: Readonly<Record<Scalar, unknown>> = {
  string: '',
  bytes: Buffer.alloc(0),
  bool: false,
  int32: 0,
  uint32: 0,
  int64: '0',
  uint64: '0',
};

function readField(message: Fields, field: Field, wireType: number, reader: Reader, depth: number): void {
  const { name, repeated, type } = field;
  if (type.kind === 'map') {
    readMapEntry(message[name] as Record<string, string>, reader.sub(wireType));
  } else if (!repeated) {
    message[name] = readValue(type, wireType, reader, depth, message[name]);
  } else if (wireType === BYTES && isPacked(type)) {
    const run = reader.sub(wireType);
    while (!run.atEnd) (message[name] as unknown[]).push(readValue(type, VARINT, run, depth));
  } else {
    (message[name] as unknown[]).push(readValue(type, wireType, reader, depth));
  }
}

function readValue(type: FieldType, wireType: number, reader: Reader, depth: number, before?: unknown): unknown {
  if (type.kind === 'message') {
    return readMessage(type.type, reader.sub(wireType), depth + 1, before as Fields | undefined);
  }
  if (type.kind === 'scalar' && type.scalar === 'string') return reader.sub(wireType).text();
  if (type.kind === 'scalar' && type.scalar === 'bytes') return reader.sub(wireType).copy();
  if (wireType !== VARINT) throw new RangeError(`protobuf: wire type ${wireType} for a number`);
  if (type.kind === 'enum') {
    const number = reader.uint32();
    return type.type.names.get(number) ?? String(number);
  }
  if (type.kind === 'map') throw new RangeError('protobuf: a map in a list');
  switch (type.scalar) {
    case 'bool':
      return reader.varint() !== 0n;
    case 'int32':
      return Number(BigInt.asIntN(32, reader.varint()));
    case 'uint32':
      return reader.uint32();
    case 'int64':
      return BigInt.asIntN(64, reader.varint()).toString();
    case 'uint64':
      return reader.varint().toString();
    case 'string':
    case 'bytes':
      throw new RangeError('unreachable');
  }
}

function readMapEntry(map: Record<string, string>, entry: Reader): void {
  let key = '';
  let value = '';
  while (!entry.atEnd) {
    const tag = entry.uint32();
    if (tag >>> 3 === 1) key = entry.sub(tag & 7).text();
    else if (tag >>> 3 === 2) value = entry.sub(tag & 7).text();
    else entry.skip(tag & 7);
  }
  // A key named __proto__ must become a key, not a prototype.
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}

class Reader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #at: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** Of 64 bits, unsigned. */
  varint(): bigint {
    // Seven groups of seven bits are exact in a number, which is much faster.
    let low = 0;
    for (let i = 0, scale = 1; i < 7; i++, scale *= 128) {
      const byte = this.#byte();
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) return BigInt(low);
    }
    let high = 0n;
    for (let shift = 0n; shift < 21n; shift += 7n) {
      const byte = this.#byte();
      high |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, BigInt(low) | (high << 49n));
    }
    throw new RangeError('protobuf: number longer than ten bytes');
  }

  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new RangeError('protobuf: number longer than ten bytes');
  }

  /** A reader of the bytes that come next, of which the length comes first. */
  sub(wireType: number): Reader {
    if (wireType !== BYTES) throw new RangeError(`protobuf: wire type ${wireType} for bytes`);
    const length = this.uint32();
    const start = this.#advance(length);
    return new Reader(this.#buffer, start, start + length);
  }

  text(): string {
    return this.#buffer.toString('utf8', this.#at, this.#end);
  }

  copy(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#at, this.#end));
  }

  skip(wireType: number): void {
    switch (wireType) {
      case VARINT:
        this.varint();
        break;
      case FIXED64:
        this.#advance(8);
        break;
      case BYTES:
        this.sub(wireType);
        break;
      case FIXED32:
        this.#advance(4);
        break;
      default:
        throw new RangeError(`protobuf: wire type ${wireType}`);
    }
  }

  /** Returns where it was. */
  #advance(bytes: number): number {
    const start = this.#at;
    if (bytes > this.#end - start) throw new RangeError('protobuf: the message ends too early');
    this.#at = start + bytes;
    return start;
  }

  #byte(): number {
    return this.#buffer[this.#advance(1)] ?? 0;
  }
}
