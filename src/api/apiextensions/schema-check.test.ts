import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fieldErrorText } from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';
import { finished } from '#util';
import { type SchemaRules, validateSchema } from './schema-check.ts';

const RULES: SchemaRules = {
  requireValidPropertyType: true,
  requireStructuralSchema: true,
  requirePrunedDefaults: true,
  requireAtomicSetType: true,
  requireMapListKeys: true,
};
const STRING: JSONSchemaProps = { type: 'string' };
const fields = (properties: Record<string, JSONSchemaProps>, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  type: 'object',
  properties,
  ...more,
});
const errorsOf = (schema: JSONSchemaProps, hasStatus = false, rules: Partial<SchemaRules> = {}): string[] =>
  finished(validateSchema({ openAPIV3Schema: schema }, hasStatus, { ...RULES, ...rules }, 's'))
    .map(fieldErrorText)
    .map((text) => text.replace('s.openAPIV3Schema', '$'));
/** Errors of the one property `a`, with `$` for its path. */
const ofField = (schema: JSONSchemaProps, rules: Partial<SchemaRules> = {}): string[] =>
  errorsOf(fields({ a: schema }), false, rules).map((text) => text.replace('$.properties[a]', '$'));

test('a schema is structural', () => {
  const cases: [JSONSchemaProps, string[]][] = [
    [STRING, []],
    [{}, ['$.type: Required value: must not be empty for specified object fields']],
    [{ 'x-kubernetes-preserve-unknown-fields': true }, []],
    [{ 'x-kubernetes-int-or-string': true }, []],
    [{ type: 'array' }, ['$.items: Required value: must be specified']],
    [{ type: 'array', items: {} }, ['$.items.type: Required value: must not be empty for specified array items']],
    [{ type: 'object', additionalProperties: {} }, ['$.additionalProperties.type: Required value: must not be empty for specified object fields']],
    [{ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, STRING] }, []],
    [{ 'x-kubernetes-int-or-string': true, allOf: [{ anyOf: [{ type: 'integer' }, STRING] }, { pattern: 'x' }] }, []],
    [{ 'x-kubernetes-int-or-string': true, anyOf: [STRING, { type: 'integer' }] }, ['$.anyOf[0].type: Forbidden: must be empty to be structural', '$.anyOf[1].type: Forbidden: must be empty to be structural']],
    [{ 'x-kubernetes-int-or-string': true, 'x-kubernetes-preserve-unknown-fields': true }, ['$.x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if x-kubernetes-int-or-string is true']],
    [{ ...STRING, not: { description: 'x', title: 'x', default: 1, nullable: true } }, [
      '$.not.default: Forbidden: must be undefined to be structural',
      '$.not.description: Forbidden: must be empty to be structural',
      '$.not.nullable: Forbidden: must be false to be structural',
      '$.not.title: Forbidden: must be empty to be structural',
    ]],
    [{ ...STRING, allOf: [{ 'x-kubernetes-list-type': 'set', additionalProperties: true, properties: { metadata: {} } }] }, [
      '$.allOf[0].additionalProperties: Forbidden: must be undefined to be structural',
      '$.allOf[0].properties[metadata]: Forbidden: must not be specified in a nested context',
      '$.allOf[0].x-kubernetes-list-type: Forbidden: must be undefined to be structural',
      '$.allOf[0].type: Required value: must be array if x-kubernetes-list-type is specified',
    ]],
    [{ ...STRING, pattern: '+' }, ["$.pattern: Invalid value: \"+\": must be a valid regular expression, but isn't: error parsing regexp: missing argument to repetition operator: `+`"]],
    [{ ...STRING, 'x-kubernetes-embedded-resource': true }, ['$.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields', '$.type: Invalid value: "string": must be object if x-kubernetes-embedded-resource is true']],
    [fields({ kind: { type: 'integer' }, metadata: STRING }, { 'x-kubernetes-embedded-resource': true }), ['$.properties[kind].type: Invalid value: "integer": must be string', '$.properties[metadata].type: Invalid value: "string": must be object']],
  ]; // prettier-ignore
  for (const [schema, expected] of cases) assert.deepEqual(ofField(schema), expected, JSON.stringify(schema));
});

test('the root is an object whose metadata is the server’s', () => {
  assert.deepEqual(errorsOf({}), ['$.type: Required value: must not be empty at the root']);
  assert.deepEqual(errorsOf({ type: 'array', items: STRING }), [
    '$.type: Invalid value: "array": must be object at the root',
  ]);
  assert.deepEqual(errorsOf({ type: 'object', nullable: true }), [
    '$.nullable: Forbidden: nullable cannot be true at the root',
  ]);
  assert.deepEqual(errorsOf({ type: 'object', additionalProperties: true }), [
    '$.additionalProperties: Forbidden: must not be used at the root',
  ]);
  assert.deepEqual(
    errorsOf(fields({ metadata: fields({ name: { ...STRING, pattern: 'x' }, generateName: STRING }) })),
    [],
  );
  assert.deepEqual(errorsOf(fields({ metadata: fields({ labels: { type: 'object' } }) })), [
    '$.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
  ]);
  // What branches speak of has to be there.
  assert.deepEqual(errorsOf({ type: 'object', anyOf: [{ properties: { a: { required: ['b'] } } }, { items: {} }] }), [
    '$.items: Required value: because it is defined in s.openAPIV3Schema.anyOf[1].items',
    '$.properties[a]: Required value: because it is defined in s.openAPIV3Schema.anyOf[0].properties[a]',
  ]);
});

test('a schema of an object with a status says nothing about the whole', () => {
  assert.deepEqual(errorsOf(fields({ a: STRING }, { required: ['a'], description: 'x' }), true), []);
  const [error] = errorsOf({ type: 'object', minProperties: 1 }, true);
  assert.match(
    error!,
    /^\$: Invalid value: \{"ID":"","Schema":"","Ref":null,"Description":"","Type":"object",.*"MinProperties":1,.*"XValidations":null\}: only \[Description Type .* XPreserveUnknownFields XValidations\] fields are allowed at the root of the schema if the status subresource is enabled$/,
  );
});

test('what schemas of OpenAPI may say and these may not', () => {
  const cases: [JSONSchemaProps, string[]][] = [
    [{ type: 'strange' }, ['$.type: Unsupported value: "strange": supported values: "array", "boolean", "integer", "number", "object", "string"']],
    [{ ...STRING, uniqueItems: true }, ['$.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic']],
    [fields({ x: STRING }, { additionalProperties: STRING }), ['$.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive']],
    [fields({ x: STRING }, { additionalProperties: true }), []],
    [{ ...STRING, $ref: 'x' }, ['$.$ref: Forbidden: $ref is not supported']],
    [{ ...STRING, id: 'x', definitions: { d: STRING }, patternProperties: { p: STRING }, dependencies: { d: ['x'] }, additionalItems: true },
      ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies'].map((name) => `$.${name}: Forbidden: ${name} is not supported`)],
    [{ type: 'array', items: [STRING] }, ['$.items: Forbidden: items must be a schema object and not an array']],
    [{ ...STRING, 'x-kubernetes-preserve-unknown-fields': false }, ['$.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined']],
    [{ ...STRING, 'x-kubernetes-map-type': 'odd' }, ['$.type: Invalid value: "string": must be object if x-kubernetes-map-type is specified', '$.x-kubernetes-map-type: Unsupported value: "odd": supported values: "atomic", "granular"']],
    [{ ...STRING, 'x-kubernetes-list-type': 'odd' }, ['$.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified', '$.x-kubernetes-list-type: Unsupported value: "odd": supported values: "atomic", "set", "map"']],
  ]; // prettier-ignore
  for (const [schema, expected] of cases) assert.deepEqual(ofField(schema), expected, JSON.stringify(schema));
});

test('sets have items of one value, maps have keys their items have', () => {
  const list = (type: string, items: JSONSchemaProps, ...keys: string[]): JSONSchemaProps => ({
    type: 'array',
    items,
    'x-kubernetes-list-type': type,
    ...(keys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': keys }),
  });
  const item = fields({ k: STRING, o: { type: 'object' } }, { required: ['k', 'o'] });
  const needs = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
  const cases: [JSONSchemaProps, string[]][] = [
    [list('set', STRING), []],
    [list('set', { type: 'object' }), ['$.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set']],
    [list('set', { type: 'object', 'x-kubernetes-map-type': 'atomic' }), []],
    [list('set', { type: 'array', items: STRING, 'x-kubernetes-list-type': 'set' }), ['$.items.x-kubernetes-list-type: Invalid value: "set": must be atomic as item of a list with x-kubernetes-list-type=set']],
    [list('set', { ...STRING, nullable: true }), ['$.items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is set']],
    [list('map', item, 'k'), []],
    [list('map', item), ['$.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map']],
    [list('map', STRING, 'k'), ['$.items.type: Invalid value: "string": must be object if parent array\'s x-kubernetes-list-type is map']],
    [list('map', item, 'x'), ['$.x-kubernetes-list-map-keys: Invalid value: ["x"]: entries must all be names of item properties']],
    [list('map', item, 'k', 'k'), ['$.x-kubernetes-list-map-keys: Invalid value: ["k","k"]: must not contain duplicate entries']],
    [list('map', item, 'o'), ['$.items.properties[o].type: Invalid value: "object": must be a scalar type if parent array\'s x-kubernetes-list-type is map']],
    [list('map', fields({ k: STRING }), 'k'), [`$.items.properties[k].default: Required value: ${needs}`]],
    [list('map', fields({ k: { ...STRING, default: 'x', nullable: true } }), 'k'), ['$.items.properties[k].nullable: Forbidden: this property is in x-kubernetes-list-map-keys, so it cannot be nullable']],
    [list('set', STRING, 'k'), ['$.x-kubernetes-list-type: Invalid value: "set": must be map if x-kubernetes-list-map-keys is non-empty']],
  ]; // prettier-ignore
  for (const [schema, expected] of cases) assert.deepEqual(ofField(schema), expected, JSON.stringify(schema));
  assert.deepEqual(ofField(list('map', fields({ k: STRING }), 'k'), { requireMapListKeys: false }), []);
  assert.deepEqual(ofField(list('set', { type: 'object' }), { requireAtomicSetType: false }), []);
});

test('defaults are values of their schema', () => {
  const embedded = fields(
    { metadata: { type: 'object', default: { name: 'x', labels: { '#': 'y' } } } },
    {
      'x-kubernetes-embedded-resource': true,
    },
  );
  const cases: [JSONSchemaProps, string[]][] = [
    [{ ...STRING, default: 'x' }, []],
    [{ ...STRING, default: 1 }, ['$.default: Invalid value: "integer":  in body must be of type string: "integer"']],
    [fields({ b: STRING }, { default: { b: 'x', c: 1 } }), ['$.default: Invalid value: {"b":"x","c":1}: must not have unknown fields']],
    [fields({ b: STRING }, { default: { b: 1 } }), ['$.default.b: Invalid value: "integer": b in body must be of type string: "integer"']],
    [{ type: 'object', additionalProperties: { ...STRING, default: 'x' } }, []],
  ]; // prettier-ignore
  for (const [schema, expected] of cases) assert.deepEqual(ofField(schema), expected, JSON.stringify(schema));
  assert.match(
    ofField(embedded)[0]!,
    /^\$\.properties\[metadata\]\.default: Invalid value: \{"labels":\{"#":"y"\},"name":"x"\}: must result in valid metadata: /,
  );
  assert.deepEqual(errorsOf(fields({ metadata: { type: 'object', default: { name: 'x' } } })), [
    '$.properties[metadata].default: Forbidden: must not be set in top-level metadata',
  ]);
});

test('rules of CEL are looked at from outside', () => {
  const ofRule = (rule: Record<string, unknown>): string[] =>
    ofField(fields({ b: STRING }, { 'x-kubernetes-validations': [rule as never] })).map((text) =>
      text.replace('$.x-kubernetes-validations[0]', '#'),
    );
  const cases: [Record<string, unknown>, string[]][] = [
    [{ rule: 'true' }, []],
    [{ rule: ' ' }, ['#.rule: Required value: rule is not specified']],
    [{ rule: 'x', message: ' ' }, ['#.message: Invalid value: " ": must be non-empty if specified']],
    [{ rule: 'x', message: 'a\nb' }, ['#.message: Invalid value: "a\\nb": must not contain line breaks']],
    [{ rule: 'x\ny' }, ['#.message: Required value: message must be specified if rule contains line breaks']],
    [{ rule: 'x', messageExpression: ' ' }, ['#.messageExpression: Required value: messageExpression must be non-empty if specified']],
    [{ rule: 'x', reason: 'odd' }, ['#.reason: Unsupported value: "odd": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"']],
    [{ rule: 'x', fieldPath: '.b' }, []],
    [{ rule: 'x', fieldPath: "['b']" }, []],
    [{ rule: 'x', fieldPath: '.c' }, ['#.fieldPath: Invalid value: ".c": must be a valid path']],
    [{ rule: 'x', fieldPath: 'b' }, ['#.fieldPath: Invalid value: "b": must be a valid path']],
  ]; // prettier-ignore
  for (const [rule, expected] of cases) assert.deepEqual(ofRule(rule), expected, JSON.stringify(rule));
});

/** Schemas of no more than so many levels. */
function anySchema(depth: number): fc.Arbitrary<JSONSchemaProps> {
  const names = fc.constantFrom('a', 'metadata', 'kind', '__proto__', 'constructor');
  const below = depth === 0 ? undefined : anySchema(depth - 1);
  const parts =
    below === undefined
      ? {}
      : {
          properties: fc.dictionary(names, below, { maxKeys: 2 }),
          items: fc.oneof(below, fc.array(below, { maxLength: 1 })),
          additionalProperties: fc.oneof(fc.boolean(), below),
          anyOf: fc.array(below, { maxLength: 2 }),
          not: below,
        };
  return fc.record(
    {
      ...parts,
      type: fc.constantFrom('object', 'array', 'string', 'integer', 'null', '', 'odd'),
      default: fc.jsonValue({ maxDepth: 2 }),
      pattern: fc.string(),
      format: fc.constantFrom('date', 'odd'),
      required: fc.array(fc.string(), { maxLength: 2 }),
      nullable: fc.boolean(),
      'x-kubernetes-list-type': fc.constantFrom('set', 'map', 'atomic', 'odd'),
      'x-kubernetes-list-map-keys': fc.array(fc.constantFrom('a', 'constructor'), { maxLength: 2 }),
      'x-kubernetes-embedded-resource': fc.boolean(),
      'x-kubernetes-preserve-unknown-fields': fc.boolean(),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<JSONSchemaProps>;
}

test('any schema is judged, however odd', () => {
  fc.assert(
    fc.property(anySchema(2), fc.boolean(), (random, hasStatus) => {
      for (const text of errorsOf(random, hasStatus)) assert.equal(typeof text, 'string');
    }),
    { numRuns: 200 },
  );
});
