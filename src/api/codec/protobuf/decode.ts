/** Protobuf messages to the objects JSON would have given. */
import { DecodeError, rawDepthError } from '../decode.ts';
import { MAX_DEPTH } from '../depth.ts';
import { setOwn } from '../../equality.ts';
import { canonicalQuantity } from '../../quantity.ts';
import type { Scalar, Special } from '../../schema.ts';
import { formatDuration, microTimeText, timeText } from '../../time.ts';
import { type Message, type ProtoField } from './table.ts';
import { ProtoError, Reader } from './wire.ts';

type JsonObject = Record<string, unknown>;

const WIRE_TYPE: Readonly<Record<ProtoField['type'], 0 | 1 | 2>> = {
  string: 2, bytes: 2, bool: 0, int32: 0, int64: 0, double: 1, message: 2,
  Time: 2, MicroTime: 2, Duration: 2, Quantity: 2, IntOrString: 2, Raw: 2,
}; // prettier-ignore

/** Reads the message that fills the rest of `reader` into `object`. Throws ProtoError. */
export function readMessage(reader: Reader, message: Message, object: JsonObject, depth = 0): JsonObject {
  if (depth > MAX_DEPTH) throw new ProtoError('exceeded max depth');
  while (!reader.done) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    const wireType = tag & 7;
    if (wireType === 4) throw new ProtoError(`proto: ${message.name}: wiretype end group for non-group`);
    if (number <= 0 || number > 0x1fffffff)
      throw new ProtoError(`proto: ${message.name}: illegal tag ${number} (wire type ${wireType})`);
    const field = message.byNumber[number];
    if (field === undefined) reader.skip(wireType);
    else readField(reader, field, wireType, object, depth);
  }
  return object;
}

function readField(reader: Reader, field: ProtoField, wireType: number, object: JsonObject, depth: number): void {
  const { key, shape, type } = field;
  const expected = shape === 'map' ? 2 : WIRE_TYPE[type];
  if (wireType !== expected) {
    if (shape !== 'list' || wireType !== 2)
      throw new ProtoError(`proto: wrong wireType = ${wireType} for field ${key}`);
    return readPacked(reader, field, listAt(object, key));
  }
  switch (shape) {
    case 'one': {
      const value = readValue(reader, field, object[key], depth);
      if (value === undefined || value === field.omitted) delete object[key];
      else object[key] = value;
      return;
    }
    case 'list':
      listAt(object, key).push(readValue(reader, field, undefined, depth) ?? zeroOf(field.type));
      return;
    case 'map': {
      const map = (object[key] ??= {}) as JsonObject;
      return readEntry(reader, field, map, depth);
    }
    case 'embedded': {
      const outer = reader.enter();
      readMessage(reader, field.message(), object, depth + 1);
      reader.leave(outer);
    }
  }
}

function listAt(object: JsonObject, key: string): unknown[] {
  return (object[key] ??= []) as unknown[];
}

function readPacked(reader: Reader, { type }: ProtoField, list: unknown[]): void {
  const outer = reader.enter();
  while (!reader.done) list.push(readScalar(reader, type as Scalar));
  reader.leave(outer);
}

function readEntry(reader: Reader, field: ProtoField, map: JsonObject, depth: number): void {
  const outer = reader.enter();
  let key = '';
  let value: unknown;
  while (!reader.done) {
    const tag = reader.varint();
    const wireType = tag & 7;
    if (tag === 10) key = reader.string();
    else if (tag >>> 3 === 2 && wireType === WIRE_TYPE[field.type]) value = readValue(reader, field, undefined, depth);
    else reader.skip(wireType);
  }
  reader.leave(outer);
  setOwn(map, key, value ?? zeroOf(field.type));
}

function zeroOf(type: ProtoField['type']): unknown {
  switch (type) {
    case 'message':
      return {};
    case 'string':
    case 'bytes':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'IntOrString':
      return 0;
    case 'Quantity':
      return '0';
    case 'Duration':
      return '0s';
    case 'Time':
    case 'MicroTime':
    case 'Raw':
      return null;
  }
}

/** A message that comes twice is merged with what came before, as protobuf asks. */
function readValue(reader: Reader, field: ProtoField, before: unknown, depth: number): unknown {
  const { type } = field;
  if (type !== 'message') return isSpecial(type) ? readSpecial(reader, type) : readScalar(reader, type);
  const message = field.message();
  const outer = reader.enter();
  let value: unknown;
  if (message.form === 'object') {
    value = readMessage(
      reader,
      message,
      typeof before === 'object' && before !== null ? (before as JsonObject) : {},
      depth + 1,
    );
  } else {
    const { schema, items, allows } = readMessage(reader, message, {}, depth + 1);
    if (message.form === 'bare') value = items ?? [];
    else if (message.form === 'OrBool') value = schema ?? allows ?? false;
    else value = items ?? schema;
  }
  reader.leave(outer);
  return value;
}

function readScalar(reader: Reader, type: Scalar): unknown {
  switch (type) {
    case 'string':
      return reader.string();
    case 'bytes':
      return reader.bytes().toString('base64');
    case 'bool':
      return reader.bool();
    case 'int32':
      return reader.int32();
    case 'int64':
      return reader.int64();
    case 'double':
      return reader.double();
  }
}

const isSpecial = (type: Scalar | Special): type is Special => type.charCodeAt(0) < 97;

function readSpecial(reader: Reader, type: Special): unknown {
  const outer = reader.enter();
  // What these messages are made of: one or two varints, numbered from 1, and one text or bytes.
  let first = 0;
  let second = 0;
  let nanos = 0n;
  let text: Buffer | undefined;
  let empty = true;
  while (!reader.done) {
    empty = false;
    const tag = reader.varint();
    if (tag === 8 && type === 'Duration') nanos = reader.bigint();
    else if (tag === 8) first = reader.int64();
    else if (tag === 16) second = reader.int32();
    else if ((tag & 7) === 2 && tag < 32) text = reader.bytes();
    else reader.skip(tag & 7);
  }
  reader.leave(outer);
  switch (type) {
    case 'Time':
      return empty ? undefined : timeText({ seconds: first, nanos: second });
    case 'MicroTime':
      return empty ? undefined : microTimeText({ seconds: first, nanos: second });
    case 'Duration':
      return formatDuration(nanos);
    case 'IntOrString':
      return first === 0 ? second : (text?.toString('utf8') ?? '');
    case 'Quantity':
      return readQuantity(text);
    case 'Raw':
      return text === undefined ? undefined : readRaw(text);
  }
}

function readQuantity(text: Buffer | undefined): string {
  if (text === undefined || text.length === 0) return '0';
  try {
    return canonicalQuantity(text.toString('utf8'));
  } catch (error) {
    throw error instanceof Error ? new ProtoError(error.message) : error;
  }
}

function readRaw(text: Buffer): unknown {
  if (text.length === 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text.toString('utf8'));
  } catch (cause) {
    throw new ProtoError('a raw value that is no JSON', { cause });
  }
  const wrong = rawDepthError(value);
  if (wrong !== undefined) throw new DecodeError(wrong);
  return value;
}
