/** Objects to protobuf messages, written from their end. */
import { parseQuantity } from '../../quantity.ts';
import type { Scalar, Special } from '../../schema.ts';
import { parseDuration, parseMicroTime, parseTime } from '../../time.ts';
import { type Message, type ProtoField } from './table.ts';
import { Writer } from './wire.ts';

type JsonObject = Record<string, unknown>;

/** Writes the fields of `value`, which must be of the message's definition. */
export function writeMessage(writer: Writer, message: Message, value: unknown): void {
  const object = asFields(message, value);
  for (const field of message.backwards) {
    if (field.shape === 'embedded') {
      // Go embeds the struct itself, so the message is there even when it is empty.
      writeDelimited(writer, field.number, () => writeMessage(writer, field.message(), object));
      continue;
    }
    const own = object[field.key];
    if (own !== undefined && own !== null) writeField(writer, field, own);
  }
}

/** The message's fields behind the forms in which JSON writes it. */
function asFields({ form }: Message, value: unknown): JsonObject {
  switch (form) {
    case 'object':
      return value as JsonObject;
    case 'bare':
      return { items: value };
    case 'OrBool':
      return typeof value === 'boolean' ? { allows: value } : { allows: true, schema: value };
    case 'OrArray':
    case 'OrStringArray':
      return Array.isArray(value) ? { items: value } : { schema: value };
  }
}

function writeDelimited(writer: Writer, number: number, write: () => void): void {
  const before = writer.length;
  write();
  writer.varint(writer.length - before);
  writer.tag(number, 2);
}

function writeField(writer: Writer, field: ProtoField, value: unknown): void {
  switch (field.shape) {
    case 'one':
      return writeValue(writer, field, field.number, value);
    case 'list': {
      const list = value as readonly unknown[];
      for (let i = list.length - 1; i >= 0; i--) writeValue(writer, field, field.number, list[i]);
      return;
    }
    case 'map': {
      const map = value as JsonObject;
      for (const key of Object.keys(map).toSorted().toReversed()) {
        writeDelimited(writer, field.number, () => {
          writeValue(writer, field, 2, map[key]);
          writer.string(key);
          writer.tag(1, 2);
        });
      }
      return;
    }
    case 'embedded':
      return; // done by writeMessage
  }
}

function writeValue(writer: Writer, field: ProtoField, number: number, value: unknown): void {
  const { type } = field;
  switch (type) {
    case 'string':
      writer.string(value as string);
      return writer.tag(number, 2);
    case 'bytes':
      writer.bytes(Buffer.from(value as string, 'base64'));
      return writer.tag(number, 2);
    case 'bool':
      writer.varint(value === true ? 1 : 0);
      return writer.tag(number, 0);
    case 'int32':
    case 'int64':
      writer.varint(value as number);
      return writer.tag(number, 0);
    case 'double':
      writer.double(value as number);
      return writer.tag(number, 1);
    case 'message':
      return writeDelimited(writer, number, () => writeMessage(writer, field.message(), value));
    default:
      return writeDelimited(writer, number, () => writeSpecial(writer, type, value));
  }
}

function writeSpecial(writer: Writer, type: Exclude<Special, Scalar>, value: unknown): void {
  if (value === null || value === undefined) return; // the zero time
  switch (type) {
    case 'Time':
    case 'MicroTime': {
      const { seconds, nanos } = type === 'Time' ? parseTime(value as string) : parseMicroTime(value as string);
      writer.varint(type === 'Time' ? 0 : nanos);
      writer.tag(2, 0);
      writer.varint(seconds);
      return writer.tag(1, 0);
    }
    case 'Duration':
      writer.bigint(parseDuration(value as string));
      return writer.tag(1, 0);
    case 'Quantity':
      parseQuantity(value as string); // what a reader would refuse must not leave
      writer.string(value as string);
      return writer.tag(1, 2);
    case 'IntOrString': {
      const text = typeof value === 'string';
      writer.string(text ? value : '');
      writer.tag(3, 2);
      writer.varint(text ? 0 : (value as number));
      writer.tag(2, 0);
      writer.varint(text ? 1 : 0);
      return writer.tag(1, 0);
    }
    case 'Raw':
      writer.string(JSON.stringify(value));
      return writer.tag(1, 2);
  }
}
