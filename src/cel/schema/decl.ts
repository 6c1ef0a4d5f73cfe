/** Schemas → types and sizes. Sources: apiserver pkg/cel/common/schemas.go, pkg/cel/{types,limits}.go v1.36. */
import type { Declarations, StructFields } from '../check/declarations.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listType,
  mapType,
  STRING,
  structType,
  TIMESTAMP,
  type Type,
} from '../check/types.ts';
import type { Sizes } from '../cost/estimate.ts';
import { escapeName, keywordOf } from './escape.ts';
import { additionalOf, asResource, type ValueSchema } from './schema.ts';

/** Source: apiserver pkg/apis/cel/config.go MaxRequestSizeBytes. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
/** Without the quotes or brackets around it. */
const MAX_VALUE_BYTES = MAX_REQUEST_BYTES - 2;
/** Bytes of one character, at most. */
const CHARACTER_BYTES = 4;
const EMPTY_BYTES = 2;
/** Quotes around a name, a colon and a comma. */
const FIELD_BYTES = 4;

/** What expressions may see of a value. */
export interface DeclType {
  /** Undefined for lists, maps and objects, whose types are named when they are used. */
  readonly type: Type | undefined;
  /** By escaped name. */
  readonly fields: ReadonlyMap<string, DeclType> | undefined;
  readonly key: DeclType | undefined;
  readonly element: DeclType | undefined;
  /** Elements, entries or characters; 0 of what has none. */
  readonly maxElements: number;
  /** Bytes of the smallest value there is. */
  readonly minBytes: number;
}

const simple = (type: Type, minBytes: number, maxElements = 0): DeclType => ({
  type,
  fields: undefined,
  key: undefined,
  element: undefined,
  maxElements,
  minBytes,
});

const KEY = simple(STRING, EMPTY_BYTES);

/** Undefined: expressions do not see such a value. `isResource`: at the root of a resource, embedded ones included. */
export function declTypeOf(schema: ValueSchema, isResource: boolean): DeclType | undefined {
  if (schema.intOrString) return simple(DYN, 1, charactersOf(schema) ?? MAX_VALUE_BYTES);
  const own = isResource ? asResource(schema) : schema;
  switch (own.type) {
    case 'array':
      return arrayType(own);
    case 'object':
      return additionalOf(own) === undefined ? objectType(own) : mapOf(own, additionalOf(own)!);
    case 'string':
      return stringType(own);
    case 'boolean':
      return simple(BOOL, 4);
    case 'number':
      return simple(DOUBLE, 1);
    case 'integer':
      return simple(INT, 1);
    default:
      return undefined;
  }
}

const charactersOf = ({ maxLength }: ValueSchema): number | undefined =>
  maxLength === undefined ? undefined : Math.max(0, maxLength) * CHARACTER_BYTES;

function arrayType({ items, maxItems }: ValueSchema): DeclType | undefined {
  const element = items === undefined ? undefined : declTypeOf(items, items.embeddedResource);
  if (element === undefined) return undefined;
  const most = Math.floor(MAX_VALUE_BYTES / (element.minBytes + 1));
  return { ...simple(DYN, EMPTY_BYTES, Math.max(0, maxItems ?? most)), type: undefined, element };
}

function mapOf({ maxProperties }: ValueSchema, values: ValueSchema): DeclType | undefined {
  const element = declTypeOf(values, values.embeddedResource);
  if (element === undefined) return undefined;
  // A key of two characters with quotes, a colon and a comma.
  const most = Math.floor(MAX_VALUE_BYTES / (element.minBytes + 6));
  return { ...simple(DYN, EMPTY_BYTES, Math.max(0, maxProperties ?? most)), type: undefined, key: KEY, element };
}

function objectType({ properties, required }: ValueSchema): DeclType {
  const fields = new Map<string, DeclType>();
  const wanted = new Set(required);
  let minBytes = EMPTY_BYTES;
  for (const [name, property] of properties) {
    const type = declTypeOf(property, property.embeddedResource);
    if (type === undefined) continue;
    const escaped = escapeName(name);
    if (escaped !== undefined) fields.set(escaped, type);
    if (wanted.has(name) && property.default === undefined)
      minBytes += Buffer.byteLength(name) + type.minBytes + FIELD_BYTES;
  }
  return { ...simple(DYN, minBytes), type: undefined, fields };
}

/** Source: apiserver pkg/cel/limits.go. */
function stringType(schema: ValueSchema): DeclType {
  const { maxLength, enum: values } = schema;
  switch (schema.format) {
    case 'byte':
      return simple(BYTES, 2, maxLength === undefined ? MAX_VALUE_BYTES : Math.max(0, maxLength));
    case 'duration':
      return simple(DURATION, 3, 32);
    case 'date':
      return simple(TIMESTAMP, 12, 12);
    case 'date-time':
      return simple(TIMESTAMP, 21, 32);
    default: {
      const longest = Math.max(0, ...values.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0)));
      const otherwise = values.length > 0 ? longest : MAX_VALUE_BYTES;
      return simple(STRING, 2, charactersOf(schema) ?? otherwise);
    }
  }
}

/** Types of a root with names, and what they have. Names below are made of the root's. */
export function declare(
  root: DeclType,
  name: string,
): { readonly type: Type; readonly structs: Declarations['structs'] } {
  const structs = new Map<string, StructFields>();
  return { type: named(root, name, structs), structs };
}

function named(decl: DeclType, name: string, structs: Map<string, StructFields>): Type {
  if (decl.type !== undefined) return decl.type;
  if (decl.fields !== undefined) {
    const fields = new Map<string, Type>();
    for (const [field, own] of decl.fields) {
      const type = named(own, `${name}.${field}`, structs);
      fields.set(field, type);
      // Behind a dot a keyword is no keyword.
      const bare = keywordOf(field);
      if (bare !== undefined && !decl.fields.has(bare)) fields.set(bare, type);
    }
    structs.set(name, { fields });
    return structType(name);
  }
  const element = decl.element!;
  if (decl.key === undefined) return listType(named(element, `${name}.@idx`, structs));
  return mapType(STRING, named(element, `${name}.@elem`, structs));
}

/** Sizes of what paths lead to; every variable is of the root's type. Source: apiextensions-apiserver schema/cel/compilation.go. */
export const sizesOf =
  (root: DeclType): Sizes =>
  (path) => {
    let current: DeclType | undefined = root;
    for (const name of path.slice(1)) current = stepInto(current, name);
    return current?.maxElements;
  };

function stepInto(decl: DeclType | undefined, name: string): DeclType | undefined {
  if (name === '@items' || name === '@values') return decl?.element;
  return name === '@keys' ? decl?.key : decl?.fields?.get(name);
}
