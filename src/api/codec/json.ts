/** JSON bodies of requests, and the bytes the store keeps. */
import { countKeys, duplicateKeys, parseJsonText, syntaxError } from './json-scan.ts';
import { type BodyTarget, type Decoded, decodeObject, type DecodeOptions, unrecognized } from './target.ts';

const textOf = (body: Uint8Array | string): string =>
  typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');

/** {@link parseJsonText} with Go's text when it fails. Throws SyntaxError. */
export function parseJson(body: Uint8Array | string): unknown {
  const text = textOf(body);
  try {
    return parseJsonText(text);
  } catch (cause) {
    throw new SyntaxError(syntaxError(text), { cause });
  }
}

/** Decodes a JSON body. Throws StatusError BadRequest with upstream's text. */
export const decodeJson = (body: Uint8Array | string, target: BodyTarget, options: DecodeOptions = {}): Decoded =>
  readJson(body, target)(options);

/** The two halves of {@link decodeJson}: reads the body, and gives what decodes it. Either throws. */
export function readJson(body: Uint8Array | string, target: BodyTarget): (options: DecodeOptions) => Decoded {
  const text = textOf(body);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw unrecognized(target, `couldn't get version/kind; json parse error: ${error.message}`, body);
  }
  const wrong = typeMetaError(value);
  if (wrong !== undefined) throw unrecognized(target, `couldn't get version/kind; json parse error: ${wrong}`, body);
  return (options) =>
    decodeObject(value, target, options, (keys) => (countKeys(text) === keys ? [] : duplicateKeys(text)));
}

const TYPE_META =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** What Go says when apiVersion and kind cannot be read. Source: apimachinery pkg/runtime/serializer/json/meta.go v0.36. */
function typeMetaError(value: unknown): string | undefined {
  if (value === null) return undefined;
  const word = (v: unknown): string => (Array.isArray(v) ? 'array' : typeof v === 'boolean' ? 'bool' : typeof v);
  if (typeof value !== 'object' || Array.isArray(value))
    return `json: cannot unmarshal ${word(value)} into Go value of type ${TYPE_META}`;
  for (const field of ['apiVersion', 'kind'] as const) {
    const own: unknown = (value as Record<string, unknown>)[field];
    if (own !== undefined && own !== null && typeof own !== 'string') {
      return `json: cannot unmarshal ${word(own)} into Go struct field .${field} of type string`;
    }
  }
  return undefined;
}

/** What every stored or sent object begins with, so that a resourceVersion can be spliced in behind it. */
const inOrder = (object: object): boolean => {
  const [first, second, third] = Object.keys(object);
  return first === 'apiVersion' && second === 'kind' && (third === 'metadata' || !Object.hasOwn(object, 'metadata'));
};

/** The text of an object: apiVersion, kind and metadata stand first, in that order, without white space. */
export function stringifyObject(object: object): string {
  if (inOrder(object)) return JSON.stringify(object);
  const { apiVersion, kind, metadata, ...rest } = object as Record<string, unknown>;
  return JSON.stringify({ apiVersion, kind, metadata, ...rest });
}

/** The bytes of {@link stringifyObject}. */
export const encodeJson = (object: object): Buffer => Buffer.from(stringifyObject(object), 'utf8');
