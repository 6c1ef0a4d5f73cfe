/**
 * What the schema of a version may say. Rules of CEL are only looked at from outside: what they compute is judged by the server. Source:
 * apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go v0.36, from validateCustomResourceDefinitionValidation on.
 */
import {
  addErrors,
  child,
  type FieldError,
  forbiddenField,
  index,
  invalid,
  keyPath,
  notSupported,
  required,
} from '../field-error.ts';
import type { CustomResourceValidation, JSONSchemaProps, ValidationRule } from '../generated/apiextensions.v1.ts';
import { parseStructural } from '../structural/structural.ts';
import { unchecked } from '../validation/fields.ts';
import { validateDefaults } from './default-check.ts';
import { resolveFieldPath } from './field-path.ts';
import { validateKeyedList, validateListItems, validateSetItems } from './list-check.ts';
import { printedSchema } from './printed.ts';
import { unreadable, validateStructural } from './structural-check.ts';

/** What was wrong before the update is let be. */
export interface SchemaRules {
  readonly requireValidPropertyType: boolean;
  readonly requireStructuralSchema: boolean;
  readonly requirePrunedDefaults: boolean;
  readonly requireAtomicSetType: boolean;
  readonly requireMapListKeys: boolean;
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** Fields of a schema that has no say about the status on its own, with the names Go has for them, in Go's order. */
const ROOT_FIELDS = [
  'Description', 'Type', 'Format', 'Title', 'Maximum', 'ExclusiveMaximum', 'Minimum', 'ExclusiveMinimum', 'MaxLength', 'MinLength',
  'Pattern', 'MaxItems', 'MinItems', 'UniqueItems', 'MultipleOf', 'Required', 'Items', 'Properties', 'ExternalDocs', 'Example',
  'XPreserveUnknownFields', 'XValidations',
]; // prettier-ignore

/** In steps. */
export function* validateSchema(
  validation: CustomResourceValidation | undefined,
  hasStatus: boolean,
  rules: SchemaRules,
  path: string,
): Generator<void, FieldError[]> {
  const schema = validation?.openAPIV3Schema;
  if (schema === undefined) return [];
  const at = child(path, 'openAPIV3Schema');
  const errors = hasStatus ? validateRootFields(schema, at) : [];
  if (schema.nullable === true) {
    errors.push(forbiddenField(child(at, 'nullable'), 'nullable cannot be true at the root'));
  }
  const why = rules.requireStructuralSchema ? unreadable(schema) : undefined;
  if (rules.requireStructuralSchema && why === undefined) {
    yield;
    const structural = validateStructural(schema, at);
    yield;
    if (structural.length > 0) addErrors(errors, structural);
    else {
      const parsed = parseStructural(schema);
      yield;
      addErrors(errors, validateDefaults(parsed, at, rules.requirePrunedDefaults));
    }
  }
  yield;
  addErrors(errors, validateNode(schema, at, { rules, isRoot: true, isInMetadata: false, forbidDefaults: undefined }));
  yield;
  return errors.length === 0 && why !== undefined ? [invalid(at, '', why)] : errors;
}

function validateRootFields(schema: JSONSchemaProps, at: string): FieldError[] {
  for (const [field, value] of Object.entries(printedSchema(schema) as Record<string, unknown>)) {
    if (value === null || value === '' || value === false) continue;
    if (field === 'Type') {
      if (value === 'object') continue;
      const why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
      return [invalid(child(at, 'type'), value, why)];
    }
    if (ROOT_FIELDS.includes(field)) continue;
    const why = `only [${ROOT_FIELDS.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`;
    return [invalid(at, printedSchema(schema), why)];
  }
  return [];
}

interface Context {
  readonly rules: SchemaRules;
  readonly isRoot: boolean;
  /** Within the schema of an object's type or metadata. */
  readonly isInMetadata: boolean;
  /** Where defaults must not be. */
  readonly forbidDefaults: string | undefined;
}

function validateNode(schema: JSONSchemaProps, path: string, context: Context): FieldError[] {
  const errors = validateOwn(schema, path, context);
  if (schema.uniqueItems === true) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbiddenField(child(path, 'uniqueItems'), why));
  }
  return [
    ...errors,
    ...validateParts(schema, path, context),
    ...validateKinds(schema, path, context.rules),
    ...(schema['x-kubernetes-validations'] ?? []).flatMap((rule, i) =>
      validateRule(rule, schema, index(child(path, 'x-kubernetes-validations'), i)),
    ),
  ];
}

const UNSUPPORTED = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const;

function validateOwn(schema: JSONSchemaProps, path: string, context: Context): FieldError[] {
  const { type = '' } = schema;
  const errors: FieldError[] = [];
  if (context.rules.requireValidPropertyType && type !== '' && !TYPES.includes(type)) {
    errors.push(notSupported(child(path, 'type'), type, TYPES));
  }
  if (schema.default !== undefined && schema.default !== null && context.forbidDefaults !== undefined) {
    errors.push(forbiddenField(child(path, 'default'), `must not be set ${context.forbidDefaults}`));
  }
  for (const field of UNSUPPORTED) {
    const value = schema[field];
    if (value === undefined || (field === 'id' && value === '')) continue;
    errors.push(forbiddenField(child(path, field), `${field} is not supported`));
  }
  if (type === 'null') {
    const why = 'type cannot be set to null, use nullable as an alternative';
    errors.push(forbiddenField(child(path, 'type'), why));
  }
  if (Array.isArray(schema.items) && schema.items.length > 0) {
    errors.push(forbiddenField(child(path, 'items'), 'items must be a schema object and not an array'));
  }
  if (context.isInMetadata && schema['x-kubernetes-embedded-resource'] === true) {
    errors.push(
      forbiddenField(child(path, 'x-kubernetes-embedded-resource'), 'must not be used inside of resource meta'),
    );
  }
  return errors;
}

/** All schemas within a schema. */
function validateParts(schema: JSONSchemaProps, path: string, context: Context): FieldError[] {
  const inner = { ...context, isRoot: false };
  const node = (part: JSONSchemaProps, ...at: string[]): FieldError[] => validateNode(part, child(path, ...at), inner);
  const list = (name: string, parts: readonly JSONSchemaProps[] = []): FieldError[] =>
    parts.flatMap((part, i) => node(part, index(name, i)));
  const { items, not, dependencies = {}, definitions = {} } = schema;
  return [
    ...validateAdditional(schema, path, inner),
    ...validateProperties(schema, path, context),
    ...(not === undefined ? [] : node(not, 'not')),
    ...list('allOf', schema.allOf),
    ...list('oneOf', schema.oneOf),
    ...list('anyOf', schema.anyOf),
    ...Object.entries(definitions).flatMap(([name, part]) => node(part, keyPath('definitions', name))),
    ...(Array.isArray(items) ? list('items', items) : items === undefined ? [] : node(items, 'items')),
    ...Object.entries(dependencies).flatMap(([name, part]) =>
      Array.isArray(part) ? [] : node(part, keyPath('dependencies', name)),
    ),
  ];
}

function validateAdditional(schema: JSONSchemaProps, path: string, context: Context): FieldError[] {
  const { additionalProperties: additional, properties = {} } = schema;
  if (additional === undefined) return [];
  const at = child(path, 'additionalProperties');
  const errors: FieldError[] = [];
  if (Object.keys(properties).length > 0 && additional !== true) {
    errors.push(forbiddenField(at, 'additionalProperties and properties are mutual exclusive'));
  }
  if (typeof additional !== 'object') return errors;
  const forbidden = context.isInMetadata ? 'inside additionalProperties applying to object metadata' : undefined;
  const forbidDefaults = forbidden ?? context.forbidDefaults;
  return [...errors, ...validateNode(additional, at, { ...context, forbidDefaults })];
}

function validateProperties(schema: JSONSchemaProps, path: string, context: Context): FieldError[] {
  const isObject = context.isRoot || schema['x-kubernetes-embedded-resource'] === true;
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const isMeta = isObject && ['metadata', 'kind', 'apiVersion'].includes(name);
    return validateNode(property, keyPath(child(path, 'properties'), name), {
      ...context,
      isRoot: false,
      isInMetadata: context.isInMetadata || isMeta,
      forbidDefaults: isMeta && context.isRoot ? `in top-level ${name}` : context.forbidDefaults,
    });
  });
}

/** What Kubernetes adds to schemas: how lists and maps are merged, what is kept. */
function validateKinds(schema: JSONSchemaProps, path: string, rules: SchemaRules): FieldError[] {
  const { type = '', 'x-kubernetes-map-type': mapType, 'x-kubernetes-list-type': listType } = schema;
  const typePath = child(path, 'type');
  const mustBe = (what: string, by: string): FieldError => {
    const why = `must be ${what} if ${by} is specified`;
    return type === '' ? required(typePath, why) : invalid(typePath, type, why);
  };
  const errors: FieldError[] = [];
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    errors.push(invalid(child(path, 'x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined'));
  }
  if (mapType !== undefined && type !== 'object') errors.push(mustBe('object', 'x-kubernetes-map-type'));
  if (mapType !== undefined && mapType !== 'atomic' && mapType !== 'granular') {
    errors.push(notSupported(child(path, 'x-kubernetes-map-type'), mapType, ['atomic', 'granular']));
  }
  if (listType !== undefined && type !== 'array') errors.push(mustBe('array', 'x-kubernetes-list-type'));
  else if (rules.requireAtomicSetType) addErrors(errors, validateSetItems(schema, path));
  return [
    ...errors,
    ...validateKeyedList(schema, path),
    ...(rules.requireMapListKeys ? validateListItems(schema, path) : []),
  ];
}

const hasLineBreak = (text: string): boolean => /[\n\r]/.test(text);

function validateRule(rule: ValidationRule, schema: JSONSchemaProps, path: string): FieldError[] {
  const { rule: text = '', message = '', messageExpression = '', reason, fieldPath = '' } = unchecked(rule);
  const errors: FieldError[] = [];
  const trimmed = message.trim();
  const messagePath = child(path, 'message');
  if (text.trim() === '') errors.push(required(child(path, 'rule'), 'rule is not specified'));
  else if (message !== '' && trimmed === '')
    errors.push(invalid(messagePath, message, 'must be non-empty if specified'));
  else if (hasLineBreak(trimmed)) errors.push(invalid(messagePath, message, 'must not contain line breaks'));
  else if (hasLineBreak(text.trim()) && trimmed === '') {
    errors.push(required(messagePath, 'message must be specified if rule contains line breaks'));
  }
  if (messageExpression !== '' && messageExpression.trim() === '') {
    const why = 'messageExpression must be non-empty if specified';
    errors.push(required(child(path, 'messageExpression'), why));
  }
  if (reason !== undefined && !REASONS.includes(reason)) {
    errors.push(notSupported(child(path, 'reason'), reason, REASONS));
  }
  const at = child(path, 'fieldPath');
  if (fieldPath !== '' && fieldPath.trim() === '')
    errors.push(invalid(at, fieldPath, 'must be non-empty if specified'));
  if (hasLineBreak(fieldPath)) errors.push(invalid(at, fieldPath, 'must not contain line breaks'));
  if (fieldPath !== '' && unreadable(schema) === undefined) {
    const found = resolveFieldPath(fieldPath, schema, true);
    if (typeof found === 'string') errors.push(invalid(at, fieldPath, 'must be a valid path'));
  }
  return errors;
}

/** Whether a schema has a type no schema can have. */
export const hasInvalidType = ({ type = '' }: JSONSchemaProps): boolean => type !== '' && !TYPES.includes(type);
