/**
 * From any JSON value to an object of the schema, by Go's rules: types are checked, unknown fields and nulls dropped, quantities, times and
 * durations brought to their canonical text, and what Go would not write again (empty lists, zero values behind no pointer) left out.
 * The value given is never changed: what needs no change is shared, the rest is copied.
 *
 * Each definition is compiled once into closures. Source: sigs.k8s.io/json (decode.go) and the UnmarshalJSON of each special type, v0.36.
 */
import { setOwn } from '../equality.ts';
import { canonicalQuantity } from '../quantity.ts';
import { definitionOf, type Field, hasTypeMeta, type Scalar, splitType } from '../schema.ts';
import { canonicalMicroTime, canonicalTime, formatDuration, parseDuration } from '../time.ts';
import { MAX_DEPTH } from './depth.ts';
import { base64Error, canonicalBase64 } from './base64.ts';

type JsonObject = Record<string, unknown>;

/** A value of the wrong type, in the words of Go's UnmarshalTypeError. */
class TypeMismatch extends Error {
  override readonly name = 'TypeMismatch';
  readonly word: string;
  readonly goType: string;

  constructor(word: string, goType: string) {
    super(`json: cannot unmarshal ${word} into Go value of type ${goType}`);
    this.word = word;
    this.goType = goType;
  }
}

/** What Go could not read; the message is the whole of its text. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

const MAX_STRICT_ERRORS = 100;

/** Where the walk stands, and what it has found. */
class Walk {
  /** Field names, indices, and map keys behind a NUL. */
  readonly path: (string | number)[] = [];
  struct = '';
  /** Keys seen; counted only when `unknown` is asked for. */
  keys = 0;
  readonly unknown: string[] | undefined;

  constructor(strict: boolean) {
    this.unknown = strict ? [] : undefined;
  }

  enter(): void {
    if (this.path.length > MAX_DEPTH) throw new DecodeError('exceeded max depth');
  }

  pathText(last: string): string {
    const parts = this.path.map((p) => (typeof p === 'number' ? `[${p}]` : `.${p.replace(/^\0/, '')}`));
    return `${parts.join('')}.${last}`.slice(1);
  }
}

/** Gives the value to keep; undefined for none. */
type Decoder = (value: unknown, walk: Walk) => unknown;

function wordFor(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

// ---- scalars

const MAX_INT32 = 2 ** 31 - 1;
const TWO_63 = 2 ** 63;
/** The largest double below 2^63: what a number that JSON.parse rounded up to 2^63 is kept as, so that it still is an int64. */
const MAX_INT64_DOUBLE = 9223372036854774784;

function integer(goType: string, max: number): Decoder {
  return (value) => {
    if (typeof value !== 'number') throw new TypeMismatch(wordFor(value), goType);
    if (!Number.isInteger(value) || value > max || value < -max - 1) throw new TypeMismatch(`number ${value}`, goType);
    return value === TWO_63 ? MAX_INT64_DOUBLE : value;
  };
}

function scalar(type: Scalar, goType: string): Decoder {
  switch (type) {
    case 'string':
      return (value) => {
        if (typeof value !== 'string') throw new TypeMismatch(wordFor(value), goType);
        return value;
      };
    case 'bool':
      return (value) => {
        if (typeof value !== 'boolean') throw new TypeMismatch(wordFor(value), goType);
        return value;
      };
    case 'int32':
      return integer(goType, MAX_INT32);
    case 'int64':
      return integer(goType, TWO_63);
    case 'double':
      return (value) => {
        if (typeof value !== 'number') throw new TypeMismatch(wordFor(value), goType);
        return value;
      };
    case 'bytes':
      return (value) => {
        if (typeof value !== 'string') throw new TypeMismatch(wordFor(value), '[]uint8');
        const wrong = base64Error(value);
        if (wrong !== undefined) throw new DecodeError(wrong);
        return canonicalBase64(value);
      };
  }
}

const GO_SCALARS: Readonly<Record<Scalar, string>> = {
  string: 'string',
  bool: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
};
const ZERO: Readonly<Record<string, unknown>> = {
  string: '', bytes: '', bool: false, int32: 0, int64: 0, double: 0, Quantity: '0', IntOrString: 0,
}; // prettier-ignore

/** Specials read their own JSON, so that Go's messages name neither field nor struct. */
const alone = (word: string, goType: string): DecodeError =>
  new DecodeError(`json: cannot unmarshal ${word} into Go value of type ${goType}`);

function text(value: unknown): string {
  if (typeof value !== 'string') throw alone(wordFor(value), 'string');
  return value;
}

/** Runs `read`, whose errors carry Go's text. */
function reading(read: (value: unknown) => unknown): Decoder {
  return (value) => {
    try {
      return read(value);
    } catch (error) {
      if (error instanceof DecodeError || !(error instanceof Error)) throw error;
      throw new DecodeError(error.message);
    }
  };
}

const SPECIAL_DECODERS: Readonly<Record<string, Decoder>> = {
  Time: reading((value) => canonicalTime(text(value))),
  MicroTime: reading((value) => canonicalMicroTime(text(value))),
  Duration: reading((value) => formatDuration(parseDuration(text(value)))),
  Quantity: reading((value) =>
    canonicalQuantity(
      typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : wordFor(value),
    ),
  ),
  IntOrString: (value) => {
    if (typeof value === 'string') return value;
    if (typeof value !== 'number') throw alone(wordFor(value), 'int32');
    if (!Number.isInteger(value) || Math.abs(value) > MAX_INT32 + 1) throw alone(`number ${value}`, 'int32');
    return value;
  },
  Raw: (value, walk) => {
    walk.keys += walkRaw(value, walk.path.length);
    return value;
  },
};

/** Checks the depth of a value nobody has a schema for, and counts its keys. */
function walkRaw(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > MAX_DEPTH) throw new DecodeError('exceeded max depth');
  const own = Object.values(value);
  let keys = Array.isArray(value) ? 0 : own.length;
  for (const item of own) keys += walkRaw(item, depth + 1);
  return keys;
}

/** What is wrong with the depth of a value nobody has a schema for, if anything. */
export function rawDepthError(value: unknown): string | undefined {
  try {
    walkRaw(value, 0);
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}

// ---- containers

const shortName = (definition: string): string => definition.slice(definition.indexOf('.') + 1);

/** Go's name of a type of the schema. */
function goTypeOf(t: string, go: string | undefined, version: string): string {
  const named = go?.replace(/^\*/, '') ?? '';
  const { container, of } = splitType(t);
  const element = splitType(named);
  const qualify = (name: string): string => (name.includes('.') ? name : `${version}.${name}`);
  if (named !== '' && (container === undefined || element.container === undefined)) return qualify(named);
  const inner = element.of === '' ? (GO_SCALARS[of as Scalar] ?? goSpecial(of)) : qualify(element.of);
  if (container === 'list') return `[]${inner}`;
  return container === 'map' ? `map[string]${inner}` : inner;
}

function goSpecial(of: string): string {
  if (of.includes('.')) return shortName(of);
  if (of === 'Quantity') return 'resource.Quantity';
  if (of === 'IntOrString') return 'intstr.IntOrString';
  return of === 'Raw' ? 'runtime.RawExtension' : `v1.${of}`;
}

function list(element: Decoder, zero: () => unknown, goType: string, dropEmpty: boolean): Decoder {
  return (value, walk) => {
    if (!Array.isArray(value)) throw new TypeMismatch(wordFor(value), goType);
    if (value.length === 0 && dropEmpty) return undefined;
    walk.enter();
    let copy: unknown[] | undefined;
    const depth = walk.path.length;
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      walk.path[depth] = i;
      const kept = item === null ? zero() : element(item, walk);
      if (copy === undefined && kept !== item) copy = value.slice(0, i);
      copy?.push(kept);
    }
    walk.path.length = depth;
    return copy ?? value;
  };
}

function map(element: Decoder, zero: () => unknown, goType: string, dropEmpty: boolean): Decoder {
  return (value, walk) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new TypeMismatch(wordFor(value), goType);
    walk.enter();
    const source = value as JsonObject;
    const depth = walk.path.length;
    let copy: JsonObject | undefined;
    let count = 0;
    for (const key in source) {
      const item = source[key];
      walk.path[depth] = `\0${key}`;
      const kept = item === null ? zero() : element(item, walk);
      count++;
      if (copy === undefined) {
        if (kept === item) continue;
        copy = copyBefore(source, key);
      }
      if (kept !== undefined) setOwn(copy, key, kept);
    }
    walk.path.length = depth;
    walk.keys += count;
    return count === 0 && dropEmpty ? undefined : (copy ?? source);
  };
}

/** What stands before `key`. */
function copyBefore(source: JsonObject, key: string): JsonObject {
  const copy: JsonObject = {};
  for (const earlier in source) {
    if (earlier === key) break;
    setOwn(copy, earlier, source[earlier]);
  }
  return copy;
}

interface CompiledField {
  readonly decode: Decoder;
  /** The value Go leaves out; undefined when it writes every one. */
  readonly omitted: unknown;
}

const TYPE_META: Readonly<Record<string, Field>> = { apiVersion: { t: 'string', n: [] }, kind: { t: 'string', n: [] } };

function struct(name: string): Decoder {
  const fields = new Map<string, CompiledField>();
  const goType = shortName(name);
  const goName = goType.slice(goType.indexOf('.') + 1);
  const version = goType.slice(0, goType.indexOf('.'));
  const declared = { ...(hasTypeMeta(name) ? TYPE_META : {}), ...definitionOf(name).fields };
  for (const [key, field] of Object.entries(declared)) fields.set(key, compileField(key, field, version));
  return (value, walk) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new TypeMismatch(wordFor(value), goType);
    walk.enter();
    const source = value as JsonObject;
    const depth = walk.path.length;
    let copy: JsonObject | undefined;
    for (const key in source) {
      const item = source[key];
      const field = fields.get(key);
      let kept: unknown;
      walk.keys++;
      if (field === undefined) {
        if (walk.unknown !== undefined) {
          walk.path.length = depth;
          noteUnknown(key, item, walk);
        }
      } else if (item !== null && item !== undefined) {
        walk.path[depth] = key;
        walk.struct = goName;
        kept = field.decode(item, walk);
        if (kept === field.omitted) kept = undefined;
      }
      if (copy === undefined) {
        if (kept === item) continue;
        copy = copyBefore(source, key);
      }
      if (kept !== undefined) copy[key] = kept;
    }
    walk.path.length = depth;
    return copy ?? source;
  };
}

function noteUnknown(key: string, value: unknown, walk: Walk): void {
  walk.keys += walkRaw(value, walk.path.length);
  if (walk.unknown!.length < MAX_STRICT_ERRORS) walk.unknown!.push(walk.pathText(key));
}

/**
 * The value of a field that Go leaves out of JSON, being zero and behind no pointer; undefined when it writes every one. Go never leaves a
 * struct out; but an IntOrString of zero says nothing, and the defaults take it for absent.
 */
export function omittedValue({ t, req, go }: Field): unknown {
  return req === 1 || go?.startsWith('*') === true || t === 'Quantity' ? undefined : ZERO[t];
}

function compileField(key: string, field: Field, version: string): CompiledField {
  const { t, req, go } = field;
  const { container, of } = splitType(t);
  const goType = goTypeOf(t, go, version);
  if (container === undefined) {
    return { decode: typeDecoder(of, goType), omitted: omittedValue(field) };
  }
  // An explicitly empty managedFields asks for all owners to be forgotten. Source: fieldmanager's isResetManagedFields.
  const dropEmpty = req !== 1 && key !== 'managedFields';
  const elementGo = goType.startsWith('[]')
    ? goType.slice(2)
    : goType.startsWith('map[string]')
      ? goType.slice(11)
      : (GO_SCALARS[of as Scalar] ?? goType);
  const zero = (): unknown => (of.includes('.') ? {} : (ZERO[of] ?? null));
  const make = container === 'list' ? list : map;
  return { decode: make(typeDecoder(of, elementGo), zero, goType, dropEmpty), omitted: undefined };
}

// ---- the three types of apiextensions that are one thing or another. Source: apiextensions v1 marshal.go v0.36.

function either(name: string): Decoder {
  const schema = typeDecoder('apiextensions.v1.JSONSchemaProps', 'v1.JSONSchemaProps');
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (name.endsWith('OrBool')) {
    return (value, walk) => {
      if (typeof value === 'boolean') return value;
      if (!isObject(value)) throw new DecodeError('boolean or JSON schema expected');
      return schema(value, walk);
    };
  }
  const items = name.endsWith('OrArray')
    ? list(schema, () => ({}), '[]v1.JSONSchemaProps', false)
    : list(scalar('string', 'string'), () => '', '[]string', false);
  return (value, walk) =>
    Array.isArray(value) ? items(value, walk) : isObject(value) ? schema(value, walk) : undefined;
}

const compiled = new Map<string, Decoder>();

/** The decoder of a type that is no container; a definition's is compiled when it is first met in a value, as definitions may be recursive. */
function typeDecoder(of: string, goType: string): Decoder {
  const special = SPECIAL_DECODERS[of];
  if (special !== undefined) return special;
  if (!of.includes('.')) return scalar(of as Scalar, goType);
  let own: Decoder | undefined;
  return (value, walk) => (own ??= definitionDecoder(of))(value, walk);
}

function definitionDecoder(name: string): Decoder {
  let decoder = compiled.get(name);
  if (decoder === undefined) {
    decoder = compileDefinition(name);
    compiled.set(name, decoder);
  }
  return decoder;
}

function compileDefinition(name: string): Decoder {
  if (name.startsWith('apiextensions.v1.JSONSchemaPropsOr')) return either(name);
  const definition = definitionOf(name);
  const items = definition.fields['items'];
  if (definition.bare === 1 && items !== undefined) {
    return list(typeDecoder(splitType(items.t).of, 'string'), () => '', shortName(name), false);
  }
  return struct(name);
}

export interface DecodedValue {
  readonly value: JsonObject;
  /** Paths of fields the schema does not have; only looked for when `strict`. */
  readonly unknown: readonly string[];
  /** How many keys the value has; only counted when `strict`. */
  readonly keys: number;
}

/** Decodes a JSON value as the named definition. Throws DecodeError with Go's text. */
export function decodeValue(value: unknown, definition: string, strict: boolean): DecodedValue {
  const walk = new Walk(strict);
  try {
    const object = definitionDecoder(definition)(value, walk) as JsonObject;
    return { value: object, unknown: walk.unknown ?? [], keys: walk.keys };
  } catch (error) {
    if (!(error instanceof TypeMismatch)) throw error;
    const fields = walk.path.filter((p) => typeof p === 'string' && !p.startsWith('\0'));
    if (fields.length === 0) throw new DecodeError(error.message);
    const { word, goType } = error;
    throw new DecodeError(
      `json: cannot unmarshal ${word} into Go struct field ${walk.struct}.${fields.join('.')} of type ${goType}`,
    );
  }
}
