/** Whether a schema is structural. Source: apiextensions-apiserver pkg/apiserver/schema/{validation,complete,convert}.go v0.36. */
import { compareText } from '../apply/fieldpath/text.ts';
import {
  addErrors,
  child,
  type FieldError,
  fieldErrorText,
  forbiddenField,
  index,
  invalid,
  keyPath,
  required,
} from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';
import { patternError } from '../structural/values/pattern.ts';
import { own } from '../validation/equal.ts';
import { itemsOf } from './schema-walk.ts';

type Level = 'root' | 'item' | 'field';

const UNSUPPORTED = [
  'id',
  '$schema',
  '$ref',
  'patternProperties',
  'dependencies',
  'additionalItems',
  'definitions',
] as const;

/** Why a schema cannot even be read as a structural one; undefined: it can. Source: NewStructural. */
export function unreadable(schema: JSONSchemaProps): string | undefined {
  for (const field of UNSUPPORTED) {
    const value = schema[field];
    if (value === undefined || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)) continue;
    return `OpenAPIV3Schema '${field.replace('$schema', 'schema')}' is not supported`;
  }
  const { items, additionalProperties } = schema;
  const judged = [schema.not, ...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  const why = firstUnreadable(judged);
  if (why !== undefined) return why;
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
  }
  if (Array.isArray(items)) return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  const additional = typeof additionalProperties === 'object' ? additionalProperties : undefined;
  return firstUnreadable([items, ...Object.values(schema.properties ?? {}), additional]);
}

function firstUnreadable(schemas: readonly (JSONSchemaProps | undefined)[]): string | undefined {
  for (const schema of schemas) {
    const why = schema === undefined ? undefined : unreadable(schema);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** All that keeps a readable schema from being structural. */
export function validateStructural(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors = [...validateInvariants(schema, 'root', path), ...validateBranchesComplete(schema, schema, path, path)];
  return errors
    .map((error) => ({ error, text: fieldErrorText(error) }))
    .toSorted((a, b) => compareText(a.text, b.text))
    .map(({ error }) => error);
}

/** Fields that are of the schema's own, not of its branches: properties, items and additionalProperties. */
function validateInvariants(schema: JSONSchemaProps, level: Level, path: string): FieldError[] {
  const { type = '', properties = {}, additionalProperties: additional } = schema;
  const items = itemsOf(schema);
  const errors: FieldError[] = [];
  if (type === 'array' && items === undefined) errors.push(required(child(path, 'items'), 'must be specified'));
  if (items !== undefined) addErrors(errors, validateInvariants(items, 'item', child(path, 'items')));
  for (const [name, property] of Object.entries(properties)) {
    addErrors(errors, validateInvariants(property, 'field', keyPath(child(path, 'properties'), name)));
  }
  if (additional !== undefined) {
    const at = child(path, 'additionalProperties');
    if (level === 'root') errors.push(forbiddenField(at, 'must not be used at the root'));
    if (typeof additional === 'object') addErrors(errors, validateInvariants(additional, 'field', at));
  }
  return [
    ...errors,
    ...validateExtensions(schema, path),
    ...validateJudgements(schema, path, isIntOrString(schema.anyOf), isIntOrString(schema.allOf?.[0]?.anyOf)),
    ...validateType(schema, level, path),
    ...validateMeta(schema, level, path),
  ];
}

function validateExtensions(schema: JSONSchemaProps, path: string): FieldError[] {
  if (schema['x-kubernetes-int-or-string'] !== true) return [];
  return (['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const).flatMap((field) =>
    schema[field] === true
      ? [invalid(child(path, field), true, 'must be false if x-kubernetes-int-or-string is true')]
      : [],
  );
}

const MISSING_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function validateType(schema: JSONSchemaProps, level: Level, path: string): FieldError[] {
  const { type = '', additionalProperties } = schema;
  const at = child(path, 'type');
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const isFree =
    schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  const errors: FieldError[] = [];
  if (isEmbedded && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type === '' ? required(at, why) : invalid(at, type, why));
  } else if (type === '' && !isFree) errors.push(required(at, MISSING_TYPE[level]));
  if (isEmbedded && additionalProperties !== undefined) {
    const why = 'must not be used if x-kubernetes-embedded-resource is set';
    errors.push(forbiddenField(child(path, 'additionalProperties'), why));
  }
  if (level === 'root' && type !== '' && type !== 'object') {
    errors.push(invalid(at, type, 'must be object at the root'));
  }
  return errors;
}

/** What a schema may say of apiVersion, kind and metadata of an object. */
function validateMeta(schema: JSONSchemaProps, level: Level, path: string): FieldError[] {
  const { properties } = schema;
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const isObject = level === 'root' || isEmbedded;
  const at = (name: string): string => keyPath(child(path, 'properties'), name);
  const errors: FieldError[] = [];
  for (const name of isObject ? ['kind', 'apiVersion'] : []) {
    const property = own(properties, name);
    if (property === undefined || property.type === 'string') continue;
    errors.push(invalid(child(at(name), 'type'), property.type ?? '', 'must be string'));
  }
  const metadata = own(properties, 'metadata');
  if (metadata !== undefined && isObject && metadata.type !== 'object') {
    errors.push(invalid(child(at('metadata'), 'type'), metadata.type ?? '', 'must be object'));
  }
  if (metadata !== undefined && level === 'root' && !isOnlyNames(metadata)) {
    const why = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(forbiddenField(at('metadata'), why));
  }
  const isPreserving = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (isEmbedded && !isPreserving && Object.keys(properties ?? {}).length === 0) {
    const why =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(required(child(path, 'properties'), why));
  }
  return errors;
}

const isZero = (value: unknown): boolean => value === undefined || value === '' || value === false;

/** Whether a schema says nothing but what is left out. */
const isEmptyBut = (schema: JSONSchemaProps, ...but: readonly string[]): boolean =>
  Object.entries(schema).every(([field, value]) => but.includes(field) || isZero(value));

function isOnlyNames(metadata: JSONSchemaProps): boolean {
  const names = Object.keys(metadata.properties ?? {});
  const areNames = names.every((name) => name === 'name' || name === 'generateName');
  return areNames && isEmptyBut(metadata, 'type', 'default', 'properties');
}

/** The one pattern in which branches may have types. */
const isIntOrString = (anyOf: readonly JSONSchemaProps[] | undefined): boolean =>
  anyOf?.length === 2 &&
  ['integer', 'string'].every((type, i) => anyOf[i]!.type === type && isEmptyBut(anyOf[i]!, 'type'));

/** The branches of a schema, and its pattern. */
function validateJudgements(
  schema: JSONSchemaProps,
  path: string,
  skipAnyOf: boolean,
  skipFirstAllOfAnyOf: boolean,
): FieldError[] {
  const { allOf = [], anyOf = [], oneOf = [], not, pattern = '' } = schema;
  const errors: FieldError[] = [];
  if (!skipAnyOf) {
    for (const [i, part] of anyOf.entries()) addErrors(errors, validateBranch(part, index(child(path, 'anyOf'), i)));
  }
  for (const [i, part] of allOf.entries()) {
    addErrors(errors, validateBranch(part, index(child(path, 'allOf'), i), skipFirstAllOfAnyOf && i === 0));
  }
  for (const [i, part] of oneOf.entries()) addErrors(errors, validateBranch(part, index(child(path, 'oneOf'), i)));
  if (not !== undefined) addErrors(errors, validateBranch(not, child(path, 'not')));
  const wrong = pattern === '' ? undefined : patternError(pattern);
  if (wrong !== undefined) {
    errors.push(invalid(child(path, 'pattern'), pattern, `must be a valid regular expression, but isn't: ${wrong}`));
  }
  return errors;
}

/** What a branch must not say, with the words for it. */
const FORBIDDEN_IN_BRANCHES = [
  ['type', 'empty'],
  ['additionalProperties', 'undefined'],
  ['default', 'undefined'],
  ['title', 'empty'],
  ['description', 'empty'],
  ['nullable', 'false'],
  ['x-kubernetes-preserve-unknown-fields', 'false'],
  ['x-kubernetes-embedded-resource', 'false'],
  ['x-kubernetes-int-or-string', 'false'],
  ['x-kubernetes-list-map-keys', 'empty'],
  ['x-kubernetes-list-type', 'undefined'],
  ['x-kubernetes-map-type', 'undefined'],
  ['x-kubernetes-validations', 'empty'],
] as const;

function validateBranch(schema: JSONSchemaProps, path: string, skipAnyOf = false): FieldError[] {
  const items = itemsOf(schema);
  const errors = validateJudgements(schema, path, skipAnyOf, false);
  if (items !== undefined) addErrors(errors, validateBranch(items, child(path, 'items')));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    addErrors(errors, validateBranch(property, keyPath(child(path, 'properties'), name)));
  }
  for (const [field, what] of FORBIDDEN_IN_BRANCHES) {
    const value = schema[field];
    if (value === undefined || value === null || (what === 'undefined' ? false : isZero(value))) continue;
    if (field === 'additionalProperties' && value === false) continue;
    if (Array.isArray(value) && value.length === 0 && what === 'empty') continue;
    errors.push(forbiddenField(child(path, field), `must be ${what} to be structural`));
  }
  if (own(schema.properties, 'metadata') !== undefined) {
    const at = keyPath(child(path, 'properties'), 'metadata');
    errors.push(forbiddenField(at, 'must not be specified in a nested context'));
  }
  return errors;
}

/** What branches speak of must be there outside of them: `at` in the structure for `branchAt`. */
function validateBranchesComplete(
  judging: JSONSchemaProps,
  structure: JSONSchemaProps,
  at: string,
  branchAt: string,
): FieldError[] {
  const { allOf = [], anyOf = [], oneOf = [], not } = judging;
  const named = (name: string, parts: readonly JSONSchemaProps[]): FieldError[] =>
    parts.flatMap((part, i) => validateComplete(part, structure, at, index(child(branchAt, name), i)));
  return [
    ...(not === undefined ? [] : validateComplete(not, structure, at, child(branchAt, 'not'))),
    ...named('allOf', allOf),
    ...named('anyOf', anyOf),
    ...named('oneOf', oneOf),
  ];
}

function validateComplete(
  branch: JSONSchemaProps,
  structure: JSONSchemaProps | undefined,
  at: string,
  branchAt: string,
): FieldError[] {
  if (structure === undefined) return [required(at, `because it is defined in ${branchAt}`)];
  const items = itemsOf(branch);
  const errors = validateBranchesComplete(branch, structure, at, branchAt);
  if (items !== undefined) {
    addErrors(errors, validateComplete(items, itemsOf(structure), child(at, 'items'), child(branchAt, 'items')));
  }
  for (const [name, property] of Object.entries(branch.properties ?? {})) {
    const [there, here] = [at, branchAt].map((path) => keyPath(child(path, 'properties'), name)) as [string, string];
    addErrors(errors, validateComplete(property, own(structure.properties, name), there, here));
  }
  return errors;
}
