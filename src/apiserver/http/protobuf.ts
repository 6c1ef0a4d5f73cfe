/** The few bytes of protobuf that stand around messages: envelopes of lists and of watch events. Messages themselves: `#api`. */
import { encodeProtobuf, type KubeObject } from '#api';

const MAGIC = Buffer.from('k8s\0', 'latin1');

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

/** What stands before the bytes of a length-delimited field. */
export const fieldHead = (field: number, length: number): Buffer => Buffer.from([(field << 3) | 2, ...varint(length)]);

/** A length-delimited field; not copied together. */
export function lengthDelimited(field: number, parts: readonly Buffer[]): Buffer[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return [fieldHead(field, length), ...parts];
}

/** What stands before field 2, the message, in a runtime.Unknown. */
export function unknownHead({ apiVersion, kind }: { apiVersion: string; kind: string }): Buffer[] {
  const typeMeta = [...lengthDelimited(1, [Buffer.from(apiVersion)]), ...lengthDelimited(2, [Buffer.from(kind)])];
  return [MAGIC, ...lengthDelimited(1, typeMeta)];
}

/** The message within a body as encodeProtobuf makes it: field 2 of the Unknown, which follows field 1. */
export function rawOf(body: Buffer): Buffer {
  let at = MAGIC.length;
  const length = (): number => {
    at++; // the tag
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = body[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const typeMeta = length();
  at += typeMeta;
  const message = length();
  return body.subarray(at, at + message);
}

/** The message of a meta/v1 PartialObjectMetadata, whose only field is the metadata. */
export const partialMessage = ({ metadata }: KubeObject): Buffer =>
  Buffer.concat(
    lengthDelimited(1, [rawOf(encodeProtobuf({ apiVersion: '', kind: '', ...metadata }, 'meta.v1.ObjectMeta'))]),
  );

/** The body of a PartialObjectMetadata. */
export const partialProtobuf = (object: KubeObject, apiVersion: string): Buffer =>
  Buffer.concat([
    ...unknownHead({ apiVersion, kind: 'PartialObjectMetadata' }),
    ...lengthDelimited(2, [partialMessage(object)]),
  ]);
