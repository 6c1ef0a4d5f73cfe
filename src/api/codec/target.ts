/** What a request body is expected to be, and the words for one that is not. */
import { deepClone } from '../equality.ts';
import { invalid, invalidObject } from '../field-error.ts';
import type { CustomSchema, KubeObject } from '../kind.ts';
import { apiVersionOf } from '../kind.ts';
import { definitionOf } from '../schema.ts';
import { badRequest, type StatusError } from '../status.ts';
import { DecodeError, decodeValue, rawDepthError } from './decode.ts';
import { keysOf } from './json-scan.ts';

/** The kind a body must have; every Kind is one. */
export interface BodyTarget {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Name in the schema. */
  readonly definition: string;
  /** Reads the body instead of the definition. */
  readonly custom?: CustomSchema;
  /** A body of any group and version will do, as of DeleteOptions. */
  readonly anyVersion?: boolean;
}

/** The query parameter of that name: what becomes of fields nobody knows or that stand twice. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface DecodeOptions {
  /** Default `Warn`. */
  readonly fieldValidation?: FieldValidation | undefined;
}

export interface Decoded {
  /** Has apiVersion, kind and, if the kind has them, metadata, spec and status. May share parts with the value it was made from. */
  readonly object: KubeObject;
  /** `unknown field "spec.foo"`, `duplicate field "spec.x"`: what the answer must warn of. */
  readonly warnings: readonly string[];
}

const HEX_MAX = 30;

/** The beginning of a body as upstream shows it. Source: apiserver pkg/endpoints/handlers/rest.go, summarizeData. */
function summary(body: Uint8Array | string): string {
  if (body.length === 0) return '<empty>';
  const bytes =
    typeof body === 'string' ? Buffer.from(body.slice(0, HEX_MAX + 1)) : Buffer.from(body.subarray(0, HEX_MAX + 1));
  const shown = bytes.subarray(0, HEX_MAX).toString(bytes[0] === 123 ? 'utf8' : 'hex');
  return body.length > HEX_MAX ? `${shown} ...` : shown;
}

/** A body of which not even the kind could be read. */
export const unrecognized = ({ kind }: BodyTarget, why: string, body: Uint8Array | string): StatusError =>
  badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${summary(body)})`);

/** A body of known kind that cannot be what it has to be. Source: transformDecodeError. */
export const cannotBeHandled = (
  target: BodyTarget,
  why: string,
  own: { kind?: string; version?: string } = {},
): StatusError =>
  badRequest(
    `${own.kind ?? target.kind} in version ${JSON.stringify(own.version ?? target.version)} cannot be handled as a ${target.kind}: ${why}`,
  );

/** Checks what a body says it is against what it has to be; what it leaves out is taken to be right. Throws StatusError BadRequest. */
export function checkTypeMeta(target: BodyTarget, apiVersion: string, kind: string): void {
  const version = apiVersion.slice(apiVersion.lastIndexOf('/') + 1);
  if (kind !== '' && kind !== target.kind) {
    const own = { kind, ...(version === '' ? {} : { version }) };
    const group = target.definition.slice(0, target.definition.indexOf('.'));
    throw cannotBeHandled(
      target,
      `converting (${own.version ?? target.version}.${kind}) to (${group}.${target.kind}): unknown conversion`,
      own,
    );
  }
  const expected = apiVersionOf(target);
  if (apiVersion === '' || target.anyVersion === true || apiVersion === expected) return;
  throw badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${expected})`);
}

const typeMeta = (value: object, field: 'apiVersion' | 'kind'): string => {
  const own: unknown = (value as Record<string, unknown>)[field];
  return typeof own === 'string' ? own : '';
};

/**
 * Decodes a JSON value: what JSON.parse gave, what a YAML body says or what a patch has made. Throws StatusError BadRequest with
 * upstream's text. `duplicatesIn` is asked for keys that stand twice, given how many keys the value has; `earlier` warnings
 * are put before those found here.
 */
export function decodeObject(
  value: unknown,
  target: BodyTarget,
  { fieldValidation = 'Warn' }: DecodeOptions = {},
  duplicatesIn: (keys: number) => readonly string[] = () => [],
  earlier: readonly string[] = [],
): Decoded {
  const source = value ?? {}; // Go takes a null for nothing said
  if (target.custom !== undefined)
    return decodeCustom(source, { ...target, custom: target.custom }, fieldValidation, duplicatesIn, earlier);
  if (typeof source === 'object' && !Array.isArray(source))
    checkTypeMeta(target, typeMeta(source, 'apiVersion'), typeMeta(source, 'kind'));
  const strict = fieldValidation !== 'Ignore';
  try {
    const { value: decoded, unknown, keys } = decodeValue(source, target.definition, strict);
    const object = topLevel(decoded, target);
    if (!strict) return { object, warnings: [] };
    const warnings = [...earlier, ...strictErrors(unknown, duplicatesIn(keys))];
    if (fieldValidation === 'Strict' && warnings.length > 0) {
      throw cannotBeHandled(target, `strict decoding error: ${warnings.join(', ')}`);
    }
    return { object, warnings };
  } catch (error) {
    if (error instanceof DecodeError) throw cannotBeHandled(target, error.message);
    throw error;
  }
}

/**
 * Decodes a custom resource: there is no struct to read it into, so that any object is one, if it says what it is.
 * Source: the decoders in apiextensions-apiserver pkg/apiserver/customresource_handler.go and ValidateTypeMeta of
 * pkg/registry/customresource/validator.go v0.36.
 */
function decodeCustom(
  source: unknown,
  target: BodyTarget & { readonly custom: CustomSchema },
  fieldValidation: FieldValidation,
  duplicatesIn: (keys: number) => readonly string[],
  earlier: readonly string[],
): Decoded {
  const depth = rawDepthError(source);
  if (depth !== undefined) throw cannotBeHandled(target, depth);
  if (typeof source !== 'object' || source === null || Array.isArray(source))
    throw cannotBeHandled(target, 'json: cannot unmarshal into Go value of type map[string]interface {}');
  const kind = typeMeta(source, 'kind');
  const apiVersion = typeMeta(source, 'apiVersion');
  if (kind === '') throw cannotBeHandled(target, `Object 'Kind' is missing in '${JSON.stringify(source)}'`);
  const expected = apiVersionOf(target);
  if (apiVersion !== expected)
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    );
  const value = deepClone(source) as Record<string, unknown>;
  if (kind !== target.kind) {
    const { metadata } = value as { metadata?: { name?: unknown } | null };
    const name = typeof metadata?.name === 'string' ? metadata.name : '';
    throw invalidObject({ group: target.group, kind }, name, [invalid('kind', kind, `must be ${target.kind}`)]);
  }
  const strict = fieldValidation !== 'Ignore';
  // Upstream finds what stands twice as it reads the text, and what nobody knows afterwards.
  const duplicates = strict ? duplicatesIn(keysOf(source)) : [];
  let unknown: readonly string[];
  try {
    unknown = target.custom.read(value, strict);
  } catch (error) {
    if (error instanceof DecodeError) throw cannotBeHandled(target, error.message);
    throw error;
  }
  const { apiVersion: _a, kind: _k, metadata = {}, ...rest } = value;
  const object = { apiVersion, kind, metadata, ...rest } as unknown as KubeObject;
  if (!strict) return { object, warnings: [] };
  const texts = [
    ...earlier,
    ...duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`),
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
  ];
  const warnings = [...new Set(texts)].slice(0, MAX_WARNINGS);
  if (fieldValidation === 'Strict' && warnings.length > 0)
    throw cannotBeHandled(target, `strict decoding error: ${warnings.join(', ')}`);
  return { object, warnings };
}

const MAX_WARNINGS = 100;

function strictErrors(unknown: readonly string[], duplicates: readonly string[]): string[] {
  if (unknown.length === 0 && duplicates.length === 0) return [];
  // Go skips a field it does not know whole, and so does not see what stands twice within.
  const seen = duplicates.filter((path) => !unknown.some((u) => path.startsWith(`${u}.`) || path.startsWith(`${u}[`)));
  const texts = [
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
    ...seen.map((path) => `duplicate field ${JSON.stringify(path)}`),
  ];
  return [...new Set(texts)].slice(0, MAX_WARNINGS);
}

/** apiVersion, kind and metadata first, in that order; the structs every object of a kind has are there. */
export function topLevel(value: Record<string, unknown>, target: BodyTarget): KubeObject {
  const { fields } = definitionOf(target.definition);
  const { apiVersion: _a, kind: _k, metadata, ...rest } = value;
  const object: Record<string, unknown> = { apiVersion: apiVersionOf(target), kind: target.kind };
  if (fields['metadata'] !== undefined) object['metadata'] = metadata ?? {};
  for (const part of ['spec', 'status'] as const) {
    // A struct, and no list, scalar or raw value; Go always writes it.
    if (/^[a-z]+\./.test(fields[part]?.t ?? '')) rest[part] ??= {};
  }
  return Object.assign(object, rest) as unknown as KubeObject;
}
