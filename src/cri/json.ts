import { loadProto } from './channel.ts';
import type { Field, FieldType, MessageType, Proto } from './proto.ts';

export type JsonValue = string | number | boolean | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [name: string]: JsonValue };

let loaded: Proto | undefined;

/**
 * A message of the CRI as JSON, in the form protobuf defines for it: names in lowerCamelCase, 64-bit integers as text,
 * bytes in base64, fields in the order of their declaration, defaults included, keys of maps sorted.
 */
export function protoJson(name: string, message: object): JsonObject {
  loaded ??= loadProto('cri.proto');
  const type = loaded.messages.get(name);
  if (type === undefined) throw new Error(`no message ${name} in the .proto file`);
  return messageJson(type, message as Fields);
}

type Fields = Readonly<Record<string, unknown>>;

function messageJson({ fields }: MessageType, message: Fields): JsonObject {
  const json: Record<string, JsonValue> = {};
  for (const field of fields) {
    const value = message[field.name];
    if (value !== undefined) json[camelCase(field.name)] = fieldJson(field, value);
  }
  return json;
}

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function fieldJson({ repeated, type }: Field, value: unknown): JsonValue {
  if (repeated) return (value as readonly unknown[]).map((item) => valueJson(type, item));
  return valueJson(type, value);
}

function valueJson(type: FieldType, value: unknown): JsonValue {
  switch (type.kind) {
    case 'message':
      return messageJson(type.type, value as Fields);
    case 'map':
      return Object.fromEntries(
        Object.entries(value as Record<string, string>).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      );
    case 'enum':
      return value as string;
    case 'scalar':
      return Buffer.isBuffer(value) ? value.toString('base64') : (value as string | number | boolean);
  }
}
