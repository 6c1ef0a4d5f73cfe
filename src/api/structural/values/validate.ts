/**
 * Values against a schema. Which errors are told, and of which branch of `anyOf` and `oneOf`, is upstream's choice to the letter: the branch
 * with most checks passed. Source: kube-openapi pkg/validation/validate (2026-03), apiextensions-apiserver pkg/apiserver/validation v0.36.
 */
import { goJson, goQuote } from '../../apply/fieldpath/text.ts';
import { equalValues } from '../../equality.ts';
import type { FieldError } from '../../field-error.ts';
import { isInt64 } from '../../number.ts';
import type { StructuralSchema } from '../schema.ts';
import { Correlated } from './correlated.ts';
import * as wrong from './errors.ts';
import { MAX_ERRORS, note, toFieldErrors, type ValueError } from './errors.ts';
import { formatCheck, knownFormat } from './formats.ts';
import { checkNumber, isNearInteger } from './numbers.ts';
import { matchesPattern } from './pattern.ts';

export interface ValidateOptions {
  /** Where the value stands: `status`. Default: it is the whole object. */
  readonly path?: string;
  /** What the value was before: errors of what has not changed are forgiven. Undefined: the value is new. */
  readonly old?: unknown;
}

/** All that is wrong with a value, by its schema. */
export function validateValue(
  value: unknown,
  schema: StructuralSchema,
  { path = '', old }: ValidateOptions = {},
): FieldError[] {
  let errors: ValueError[] = [];
  check(value, schema, '', undefined, errors);
  if (errors.length > 0 && old !== undefined) {
    errors = [];
    checkUpdate(value, schema, '', new Correlated(value, old, schema), errors);
  }
  return toFieldErrors(errors, path);
}

/** As {@link check}; a value that is what it was has no errors. */
function checkUpdate(
  value: unknown,
  schema: StructuralSchema,
  name: string,
  before: Correlated | undefined,
  errors: ValueError[],
): number {
  const known = errors.length;
  const passed = check(value, schema, name, before, errors);
  if (before !== undefined && errors.length > known && before.isUnchanged()) errors.length = known;
  return passed;
}

/** Notes what is wrong; gives the number of checks that were passed, which only serves to compare branches. */
function check(
  value: unknown,
  schema: StructuralSchema,
  name: string,
  before: Correlated | undefined,
  errors: ValueError[],
): number {
  const hasEnum = schema.enum.length > 0;
  if (value === null || value === undefined) {
    const isAllowed = schema.nullable || !(schema.intOrString || schema.type !== '');
    if (!isAllowed) note(errors, wrong.wrongType(name, typesOf(schema), 'null'));
    // Null is in no enumeration, not even in one that has it.
    if (hasEnum) note(errors, wrong.notOneOf(name, null, schema.enum));
    return isAllowed ? 1 : 0;
  }
  let passed = 3;
  const format = knownFormat(schema);
  if (schema.type !== '' || schema.intOrString || format !== '') {
    passed += checkType(value, schema, format, name, errors) ? 2 : 1;
  }
  passed += checkBranches(value, schema, name, errors);
  if (typeof value === 'string') passed += checkString(value, schema, format, name, errors);
  else if (typeof value === 'number') {
    checkNumber(value, schema, format, name, errors);
    passed += 2;
  } else if (Array.isArray(value)) passed += checkList(value, schema, name, before, errors) + 2;
  if (hasEnum && !schema.enum.some((allowed) => isAllowedValue(value, allowed))) {
    note(errors, wrong.notOneOf(name, value, schema.enum));
  }
  if (typeof value === 'object' && !Array.isArray(value)) {
    passed += checkObject(value as Readonly<Record<string, unknown>>, schema, name, before, errors) + 1;
  }
  return passed;
}

const typesOf = ({ type, intOrString }: StructuralSchema): string => (intOrString ? 'integer,string' : type);

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return isInt64(value) ? 'integer' : 'number';
  return typeof value;
}

/** The format Go sees in a value that has none of its own. */
const ownFormat = (type: string): string => (type === 'integer' ? 'int64' : type === 'number' ? 'float64' : '');

function checkType(
  value: unknown,
  schema: StructuralSchema,
  format: string,
  name: string,
  errors: ValueError[],
): boolean {
  const { type: only, intOrString } = schema;
  const found = jsonType(value);
  const isIn = (type: string): boolean => (intOrString ? type === 'integer' || type === 'string' : type === only);
  const isType =
    isIn(found) ||
    (found === 'integer' && isIn('number')) ||
    (found === 'number' && isIn('integer') && isNearInteger(value as number));
  if (format !== '') {
    const isText = found === 'string' || found === 'array';
    if (!isText && !isType && ownFormat(found) !== format) {
      note(errors, wrong.wrongType(name, format, ownFormat(found)));
      return false;
    }
    // A format alone says what a text is; lists slip through upstream, and so they do here.
    if (isText && !isIn('number') && !isIn('integer')) return true;
  }
  if (!isType) note(errors, wrong.wrongType(name, typesOf(schema), found));
  return isType;
}

function checkString(
  value: string,
  { maxLength, minLength, pattern }: StructuralSchema,
  format: string,
  name: string,
  errors: ValueError[],
): number {
  if (maxLength !== undefined && isLonger(value, maxLength)) note(errors, wrong.tooLongText(name, maxLength));
  else if (minLength !== undefined && minLength > 0 && !isLonger(value, minLength - 1)) {
    note(errors, wrong.tooShortText(name, minLength, value));
  } else if (pattern !== '') {
    const error = matchesPattern(value, pattern);
    if (error !== undefined) note(errors, wrong.unmatched(name, error, value));
  }
  if (format === '') return 1;
  const isFormat = formatCheck(format);
  if (isFormat === undefined) return 1;
  if (!isFormat(value)) note(errors, wrong.wrongType(name, format, value));
  return 2;
}

/** Whether a text has more than so many characters: code points, as Go counts them. */
function isLonger(text: string, length: number): boolean {
  if (text.length <= length) return false;
  if (text.length > 2 * length) return true;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    if (text.codePointAt(i)! > 0xffff) i++;
    count++;
  }
  return count > length;
}

/** Equality after Go's conversion of the value to the type of what is allowed. */
function isAllowedValue(value: unknown, allowed: unknown): boolean {
  if (typeof value === 'number') {
    if (typeof allowed === 'number') return value === allowed || (isInt64(allowed) && Math.trunc(value) === allowed);
    // An integer becomes the character of that number.
    return typeof allowed === 'string' && isInt64(value) && allowed === characterOf(value);
  }
  return equalValues(value, allowed);
}

const MAX_CODE_POINT = 0x10ffff;
const characterOf = (code: number): string =>
  code < 0 || code > MAX_CODE_POINT || (code >= 0xd800 && code < 0xe000) ? '\ufffd' : String.fromCodePoint(code);

function checkList(
  list: readonly unknown[],
  { items, minItems, maxItems, uniqueItems }: StructuralSchema,
  name: string,
  before: Correlated | undefined,
  errors: ValueError[],
): number {
  let passed = 0;
  if (items !== undefined) {
    for (let i = 0; i < list.length && errors.length < MAX_ERRORS; i++) {
      passed += checkUpdate(list[i], items, `${name}[${i}]`, before?.item(i), errors);
    }
  }
  if (minItems !== undefined && list.length < minItems) note(errors, wrong.tooFewItems(name, minItems, list.length));
  if (maxItems !== undefined && list.length > maxItems) note(errors, wrong.tooManyItems(name, maxItems, list.length));
  if (uniqueItems && new Set(list.map(goJson)).size < list.length) note(errors, wrong.duplicateItems(name));
  return passed;
}

function checkObject(
  object: Readonly<Record<string, unknown>>,
  schema: StructuralSchema,
  name: string,
  before: Correlated | undefined,
  errors: ValueError[],
): number {
  const { properties, additionalProperties, minProperties, maxProperties, required } = schema;
  let passed = 0;
  if (minProperties !== undefined || maxProperties !== undefined) {
    const size = Object.keys(object).length;
    if (minProperties !== undefined && size < minProperties)
      note(errors, wrong.tooFewProperties(name, minProperties, size));
    if (maxProperties !== undefined && size > maxProperties)
      note(errors, wrong.tooManyProperties(name, maxProperties, size));
  }
  if (additionalProperties !== undefined && additionalProperties !== true) {
    for (const key of Object.keys(object)) {
      if (properties.has(key)) continue;
      if (additionalProperties === false) note(errors, wrong.forbiddenProperty(name, key));
      else
        passed += checkUpdate(
          object[key],
          additionalProperties,
          `${name}.${key}`,
          fieldBefore(before, name, key),
          errors,
        );
    }
  }
  for (const [key, property] of properties) {
    const value = object[key];
    if (value === undefined || !Object.hasOwn(object, key)) continue;
    const at = name === '' ? key : `${name}.${key}`;
    passed += checkUpdate(value, property, at, fieldBefore(before, name, key), errors);
  }
  for (const key of required) {
    if (object[key] === undefined || !Object.hasOwn(object, key)) note(errors, wrong.requiredValue(`${name}.${key}`));
  }
  return passed;
}

/** The type of the object itself is never forgiven: what it was has been converted to it. */
const fieldBefore = (before: Correlated | undefined, name: string, key: string): Correlated | undefined =>
  name === '' && (key === 'kind' || key === 'apiVersion') ? undefined : before?.field(key);

interface Outcome {
  readonly errors: readonly ValueError[];
  readonly passed: number;
}

/** Within branches, nothing is forgiven for what it was. */
function outcome(value: unknown, schema: StructuralSchema, name: string): Outcome {
  const errors: ValueError[] = [];
  const passed = check(value, schema, name, undefined, errors);
  return { errors, passed };
}

function checkBranches(
  value: unknown,
  { allOf, anyOf, oneOf, not }: StructuralSchema,
  name: string,
  errors: ValueError[],
): number {
  let passed = 1;
  if (anyOf.length > 0) passed += checkAnyOf(value, anyOf, name, errors);
  if (oneOf.length > 0) passed += checkOneOf(value, oneOf, name, errors);
  if (allOf.length > 0) passed += checkAllOf(value, allOf, name, errors);
  if (not !== undefined && outcome(value, not, name).errors.length === 0) {
    note(errors, wrong.ofSchema(`${goQuote(name)} must not validate the schema (not)`));
  }
  return passed;
}

function take({ errors: more, passed }: Outcome, errors: ValueError[]): number {
  for (const error of more) note(errors, error);
  return passed;
}

function checkAnyOf(value: unknown, schemas: readonly StructuralSchema[], name: string, errors: ValueError[]): number {
  let best: Outcome | undefined;
  for (const schema of schemas) {
    const result = outcome(value, schema, name);
    if (result.errors.length === 0) return result.passed;
    if (best === undefined || result.passed > best.passed) best = result;
  }
  note(errors, wrong.ofSchema(`${goQuote(name)} must validate at least one schema (anyOf)`));
  return take(best!, errors);
}

function checkOneOf(value: unknown, schemas: readonly StructuralSchema[], name: string, errors: ValueError[]): number {
  let best: Outcome | undefined;
  const valid: Outcome[] = [];
  for (const schema of schemas) {
    const result = outcome(value, schema, name);
    if (result.errors.length === 0) valid.push(result);
    else if (best === undefined || result.passed > best.passed) best = result;
  }
  if (valid.length === 1) return valid[0]!.passed;
  const found = valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`;
  note(errors, wrong.ofSchema(`${goQuote(name)} must validate one and only one schema (oneOf). ${found}`));
  return valid.length === 0 ? take(best!, errors) : 0;
}

function checkAllOf(value: unknown, schemas: readonly StructuralSchema[], name: string, errors: ValueError[]): number {
  let passed = 0;
  let valid = 0;
  for (const schema of schemas) {
    const result = outcome(value, schema, name);
    if (result.errors.length === 0) valid++;
    passed += take(result, errors);
  }
  if (valid < schemas.length) {
    const none = valid === 0 ? '. None validated' : '';
    note(errors, wrong.ofSchema(`${goQuote(name)} must validate all the schemas (allOf)${none}`));
  }
  return passed;
}
