/**
 * Protobuf bodies: `k8s\0` and a runtime.Unknown that holds apiVersion, kind and the message. Driven by the schema's field numbers.
 * Hostile bytes end in StatusError BadRequest, at a cost that grows with their number only.
 * Source: apimachinery pkg/runtime/serializer/protobuf, pkg/runtime/generated.proto v0.36.
 */
import { DecodeError } from '../decode.ts';
import { type BodyTarget, cannotBeHandled, checkTypeMeta, type Decoded, topLevel, unrecognized } from '../target.ts';
import { readMessage } from './decode.ts';
import { writeMessage } from './encode.ts';
import { messageOf } from './table.ts';
import { ProtoError, Reader, Writer } from './wire.ts';

const MAGIC = Buffer.from('k8s\0', 'latin1');

interface Unknown {
  apiVersion: string;
  kind: string;
  raw: Buffer;
  contentEncoding: string;
}

function readUnknown(bytes: Buffer): Unknown {
  const unknown: Unknown = { apiVersion: '', kind: '', raw: bytes.subarray(0, 0), contentEncoding: '' };
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === 10) {
      const outer = reader.enter();
      while (!reader.done) {
        const inner = reader.varint();
        if (inner === 10) unknown.apiVersion = reader.string();
        else if (inner === 18) unknown.kind = reader.string();
        else reader.skip(inner & 7);
      }
      reader.leave(outer);
    } else if (tag === 18) unknown.raw = reader.bytes();
    else if (tag === 26) unknown.contentEncoding = reader.string();
    else reader.skip(tag & 7);
  }
  return unknown;
}

export const isProtobuf = (bytes: Buffer): boolean => bytes.subarray(0, MAGIC.length).equals(MAGIC);

/** What a protobuf body says it is. Throws an error of its own words where it cannot be read. */
export function typeMetaOfProtobuf(bytes: Buffer): { readonly apiVersion: string; readonly kind: string } {
  const { apiVersion, kind } = readUnknown(bytes.subarray(MAGIC.length));
  return { apiVersion, kind };
}

/** Custom resources have no form in protobuf. */
const NO_MESSAGE =
  'object *unstructured.Unstructured does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message';

/** Decodes a protobuf body. Throws StatusError BadRequest with upstream's text. */
export function decodeProtobuf(body: Uint8Array, target: BodyTarget): Decoded {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.length === 0) throw unrecognized(target, 'empty data', body);
  if (!isProtobuf(bytes)) {
    const prefix = `expected prefix [${[...MAGIC].join(' ')}]`;
    throw unrecognized(target, `provided data does not appear to be a protobuf message, ${prefix}`, body);
  }
  let unknown: Unknown;
  try {
    unknown = readUnknown(bytes.subarray(MAGIC.length));
  } catch (error) {
    throw error instanceof ProtoError ? unrecognized(target, error.message, body) : error;
  }
  if (unknown.contentEncoding !== '')
    throw unrecognized(target, `unable to decode content encoding ${JSON.stringify(unknown.contentEncoding)}`, body);
  checkTypeMeta(target, unknown.apiVersion, unknown.kind);
  if (target.custom !== undefined) throw cannotBeHandled(target, NO_MESSAGE);
  try {
    const value = readMessage(new Reader(unknown.raw), messageOf(target.definition), {});
    return { object: topLevel(value, target), warnings: [] };
  } catch (error) {
    throw error instanceof ProtoError || error instanceof DecodeError ? cannotBeHandled(target, error.message) : error;
  }
}

/** The protobuf body of an object of the named definition, which must be valid: it is not checked again. */
export function encodeProtobuf(
  object: { readonly apiVersion: string; readonly kind: string },
  definition: string,
): Buffer {
  const writer = new Writer();
  writer.string(''); // contentType: the default
  writer.tag(4, 2);
  writer.string(''); // contentEncoding: none
  writer.tag(3, 2);
  const beforeRaw = writer.length;
  writeMessage(writer, messageOf(definition), object);
  writer.varint(writer.length - beforeRaw);
  writer.tag(2, 2);
  const beforeMeta = writer.length;
  writer.string(object.kind);
  writer.tag(2, 2);
  writer.string(object.apiVersion);
  writer.tag(1, 2);
  writer.varint(writer.length - beforeMeta);
  writer.tag(1, 2);
  writer.raw(MAGIC);
  return writer.finish();
}
