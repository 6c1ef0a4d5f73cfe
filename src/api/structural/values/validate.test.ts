import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../../field-error.ts';
import type { JSONSchemaProps } from '../../generated/apiextensions.v1.ts';
import { parseStructural, validateValue } from '../structural.ts';

type Value = Readonly<Record<string, unknown>>;

const errorsOf = (value: unknown, schema: JSONSchemaProps, old?: unknown): string[] =>
  validateValue(value, parseStructural(schema), { old }).map(fieldErrorText).toSorted();

const fields = (properties: Record<string, JSONSchemaProps>, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  type: 'object',
  properties,
  ...more,
});

/** Errors of the field `field` with the value. */
const ofField = (value: unknown, schema: JSONSchemaProps): string[] =>
  errorsOf({ field: value }, fields({ field: schema }));

const typeError = (found: string, expected: string): string =>
  `field: Invalid value: "${found}": field in body must be of type ${expected}: "${found}"`;
const SAMPLES: readonly [string, unknown][] = [
  ['array', []],
  ['boolean', true],
  ['integer', 42],
  ['null', null],
  ['number', 1.2],
  ['object', {}],
  ['string', 'foo'],
];

test('a value has the type its schema says, or null where it may', () => {
  for (const [found, value] of SAMPLES) {
    const isObject = found === 'object';
    assert.deepEqual(ofField(value, { type: 'object' }), isObject ? [] : [typeError(found, 'object')]);
    const nullable = { type: 'object', nullable: true };
    assert.deepEqual(ofField(value, nullable), isObject || found === 'null' ? [] : [typeError(found, 'object')]);
    assert.deepEqual(ofField(value, {}), []);
    const either = { 'x-kubernetes-int-or-string': true };
    const isEither = found === 'integer' || found === 'string';
    assert.deepEqual(ofField(value, either), isEither ? [] : [typeError(found, 'integer,string')]);
  }
  assert.deepEqual(ofField(7, { type: 'number' }), []);
  assert.deepEqual(ofField(7.00000000001, { type: 'integer' }), [
    '<nil>: Invalid value: "": Checked value must be of type integer (default format) in field',
  ]);
});

test('of branches, the one with most checks passed is told, and the whole at the root', () => {
  const branches = [{ type: 'integer' }, { type: 'string' }];
  const either = { 'x-kubernetes-int-or-string': true, nullable: true, anyOf: branches };
  for (const value of [null, 42, 'foo']) assert.deepEqual(ofField(value, either), []);
  const anyOf = '<nil>: Invalid value: "": "field" must validate at least one schema (anyOf)';
  const told = (found: string): string[] =>
    [typeError(found, 'integer,string'), typeError(found, 'integer')].toSorted();
  assert.deepEqual(ofField(true, either), [anyOf, ...told('boolean')]);
  assert.deepEqual(
    ofField(1.2, either),
    [
      anyOf,
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in field',
      ...told('number'),
    ].toSorted(),
  );
  assert.deepEqual(ofField([], { 'x-kubernetes-int-or-string': true, allOf: [{ anyOf: branches }] }), [
    '<nil>: Invalid value: "": "field" must validate all the schemas (allOf). None validated',
    anyOf,
    ...told('array'),
  ]);
});

test('oneOf and not say how many and that', () => {
  const required = (...names: string[]): JSONSchemaProps => ({ required: names });
  const oneOf = { type: 'object', oneOf: [required('a'), required('b', 'c')] };
  assert.deepEqual(ofField({ a: 1 }, oneOf), []);
  assert.deepEqual(ofField({ a: 1, b: 1, c: 1 }, oneOf), [
    '<nil>: Invalid value: "": "field" must validate one and only one schema (oneOf). Found 2 valid alternatives',
  ]);
  assert.deepEqual(ofField({ b: 1 }, oneOf), [
    '<nil>: Invalid value: "": "field" must validate one and only one schema (oneOf). Found none valid',
    'field.a: Required value',
  ]);
  assert.deepEqual(ofField({ a: 1 }, { not: required('a') }), [
    '<nil>: Invalid value: "": "field" must not validate the schema (not)',
  ]);
  assert.deepEqual(errorsOf({ a: 1 }, { not: required('a') }), [
    '<nil>: Invalid value: "": "" must not validate the schema (not)',
  ]);
  const allOf = { type: 'object', allOf: [required('a'), required('b')] };
  assert.deepEqual(ofField({ a: 1 }, allOf), [
    '<nil>: Invalid value: "": "field" must validate all the schemas (allOf)',
    'field.b: Required value',
  ]);
});

test('each check has its words', () => {
  const cases: [unknown, JSONSchemaProps, string[]][] = [
    ['foo', { type: 'string', pattern: '+' }, ["field: Invalid value: \"foo\": field in body should match '+, but pattern is invalid: error parsing regexp: missing argument to repetition operator: `+`'"]],
    ['foo', { type: 'string', pattern: '^[a-e]+$' }, ["field: Invalid value: \"foo\": field in body should match '^[a-e]+$'"]],
    ['foo', { type: 'string', pattern: 'o' }, []],
    ['abc', { type: 'string', maxLength: 2 }, ['field: Too long: may not be more than 2 bytes']],
    ['😀😀', { type: 'string', maxLength: 2, minLength: 2 }, []],
    ['a', { type: 'string', minLength: 2 }, ['field: Invalid value: "a": field in body should be at least 2 chars long']],
    ['', { type: 'string', minLength: 1, pattern: 'x' }, ['field: Invalid value: "": field in body should be at least 1 chars long']],
    [[1, 2, 3], { maxItems: 2 }, ['field: Too many: 3: must have at most 2 items']],
    [[], { minItems: 1 }, ['field: Invalid value: 0: field in body should have at least 1 items']],
    [[{ a: 1, b: 2 }, { b: 2, a: 1 }], { uniqueItems: true }, ['field: Invalid value: "": field in body shouldn\'t contain duplicates']],
    [{ a: 1, b: 1, c: 1 }, { maxProperties: 2 }, ['field: Too many: 3: must have at most 2 items']],
    [{}, { minProperties: 1 }, ['field: Invalid value: 0: field in body should have at least 1 properties']],
    [{ a: 1 }, { additionalProperties: false }, ['field: Invalid value: "a": field.a in body is a forbidden property']],
    [{ a: 1 }, { additionalProperties: { type: 'string' } }, ['field.a: Invalid value: "integer": field.a in body must be of type string: "integer"']],
    ['x', { type: 'integer', enum: [1, 2] }, [typeError('string', 'integer'), 'field: Unsupported value: "x": supported values: "1", "2"']],
    [true, { enum: ['a', { b: [1] }] }, ['field: Unsupported value: true: supported values: "a", "{\\"b\\":[1]}"']],
    [null, { nullable: true, enum: [null, 'a'] }, ['field: Unsupported value: null: supported values: "null", "a"']],
    [{ b: [1] }, { enum: ['a', { b: [1] }] }, []],
    [97, { enum: ['a'] }, []],
    ['a.-', { type: 'string', format: 'k8s-long-name' }, ['field: Invalid value: "a.-": field in body must be of type k8s-long-name: "a.-"']],
    ['x', { type: 'string', format: 'nobody-knows' }, []],
    [[], { type: 'string', format: 'date' }, []],
    [true, { format: 'date' }, ['field: Invalid value: "": field in body must be of type date: ""']],
    [1.5, { type: 'integer', format: 'int32' }, ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in field', 'field: Invalid value: "float64": field in body must be of type int32: "float64"']],
  ]; // prettier-ignore
  for (const [value, schema, expected] of cases) {
    assert.deepEqual(ofField(value, schema), expected.toSorted(), JSON.stringify([value, schema]));
  }
});

test('numbers keep to their bounds, factors and formats', () => {
  const integer = { type: 'integer' };
  const number = { type: 'number' };
  const should = (value: number, what: string): string =>
    `field: Invalid value: ${value}: field in body should be ${what}`;
  const range = (what: string): string => `<nil>: Invalid value: "": ${what} in field`;
  const cases: [number, JSONSchemaProps, string[]][] = [
    [5, { ...integer, maximum: 5, minimum: 5 }, []],
    [6, { ...integer, maximum: 5 }, [should(6, 'less than or equal to 5')]],
    [5, { ...integer, maximum: 5, exclusiveMaximum: true }, [should(5, 'less than 5')]],
    [4, { ...integer, minimum: 5 }, [should(4, 'greater than or equal to 5')]],
    [5, { ...integer, minimum: 5, exclusiveMinimum: true }, [should(5, 'greater than 5')]],
    [2.5, { ...number, maximum: 2.25 }, [should(2.5, 'less than or equal to 2.25')]],
    [0.00001, { ...number, minimum: 0.00002 }, ['field: Invalid value: 1e-05: field in body should be greater than or equal to 2e-05']],
    // An integer is compared with the whole part of the bound.
    [2, { ...number, maximum: 1.5 }, [should(2, 'less than or equal to 1')]],
    [1, { ...number, minimum: 1.5 }, []],
    [2, { ...integer, maximum: 1.5 }, [range('Maximum boundary value must be of type integer (default format)'), should(2, 'less than or equal to 1.5')]],
    [7, { ...integer, multipleOf: 2 }, [should(7, 'a multiple of 2')]],
    [8, { ...integer, multipleOf: 2 }, []],
    [0.3, { ...number, multipleOf: 0.1 }, []],
    [0.35, { ...number, multipleOf: 0.1 }, [should(0.35, 'a multiple of 0.1')]],
    [3, { ...number, multipleOf: 0.5 }, ['field: Invalid value: 0: factor MultipleOf declared for field must be positive: 0']],
    [2 ** 31, { ...integer, format: 'int32' }, [range('Checked value must be of type integer with format int32')]],
    [-(2 ** 31), { ...integer, format: 'int32' }, []],
    [1e39, { ...number, format: 'float' }, [range('Checked value must be of type number with format float')]],
    [1e39, { ...number, format: 'double' }, []],
    [1e20, integer, [range('Checked value must be of type integer (default format)'), typeError('number', 'integer')]],
    [2 ** 62, integer, []],
    [2 ** 62, { ...integer, maximum: 0 }, ['field: Invalid value: 4611686018427387904: field in body should be less than or equal to 0']],
  ]; // prettier-ignore
  for (const [value, schema, expected] of cases) {
    assert.deepEqual(ofField(value, schema), expected.toSorted(), JSON.stringify([value, schema]));
  }
});

test('errors carry the path of their value', () => {
  const schema = fields(
    { spec: fields({ items: { type: 'array', items: fields({ name: { type: 'string' } }, { required: ['name'] }) } }) },
    { required: ['spec'], additionalProperties: { type: 'string' } },
  );
  assert.deepEqual(errorsOf({}, schema), ['spec: Required value']);
  assert.deepEqual(errorsOf({ spec: { items: [{ name: 'a' }, {}, { name: 1 }] } }, schema), [
    'spec.items[1].name: Required value',
    'spec.items[2].name: Invalid value: "integer": spec.items[2].name in body must be of type string: "integer"',
  ]);
  assert.deepEqual(errorsOf({ spec: {}, more: 1 }, schema), [
    'more: Invalid value: "integer": .more in body must be of type string: "integer"',
  ]);
  const status = validateValue({ a: 1 }, parseStructural(fields({ a: { type: 'string' } })), { path: 'status' });
  assert.deepEqual(status.map(fieldErrorText), [
    'status.a: Invalid value: "integer": a in body must be of type string: "integer"',
  ]);
  assert.deepEqual(validateValue(1, parseStructural(fields({})), { path: 'status' }).map(fieldErrorText), [
    'status: Invalid value: "integer":  in body must be of type object: "integer"',
  ]);
});

test('what is as it was is forgiven, what changed is not', () => {
  const string = { type: 'string' };
  const schema = fields({
    kind: { ...string, maxLength: 2 },
    a: string,
    b: { ...string, maxLength: 2 },
    list: { type: 'array', items: { ...string, maxLength: 2 } },
    map: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: fields({ k: string, v: { ...string, maxLength: 2 } }),
    },
    any: { ...fields({ x: string, y: {} }), anyOf: [{ properties: { x: { ...string, maxLength: 2 } } }] },
  });
  const old: Value = {
    a: 'x',
    b: 'long',
    list: ['long'],
    map: [
      { k: '1', v: 'long' },
      { k: '2', v: 'ok' },
    ],
  };
  assert.equal(errorsOf(old, schema).length, 3);
  assert.deepEqual(errorsOf(old, schema, old), []);
  assert.deepEqual(errorsOf({ ...old, a: 'y' }, schema, old), []);
  assert.deepEqual(errorsOf({ ...old, b: 'longer' }, schema, old), ['b: Too long: may not be more than 2 bytes']);
  // Items of lists that are no maps have no past.
  assert.deepEqual(errorsOf({ ...old, list: ['long', 'x'] }, schema, old), [
    'list[0]: Too long: may not be more than 2 bytes',
  ]);
  const map = [
    { k: '2', v: 'longer' },
    { k: '1', v: 'long' },
  ];
  assert.deepEqual(errorsOf({ ...old, map }, schema, old), ['map[0].v: Too long: may not be more than 2 bytes']);
  assert.deepEqual(errorsOf({ ...old, map: [{ k: '3', v: 'long' }] }, schema, old), [
    'map[0].v: Too long: may not be more than 2 bytes',
  ]);
  assert.deepEqual(errorsOf({ kind: 'Long', a: 'y' }, schema, { kind: 'Long' }), [
    'kind: Too long: may not be more than 2 bytes',
  ]);
  // Within branches nothing is compared, but the value of the branches as a whole is.
  assert.equal(errorsOf({ any: { x: 'long', y: 1 } }, schema, { any: { x: 'long' } }).length, 2);
  assert.deepEqual(errorsOf({ any: { x: 'long' }, a: 'y' }, schema, { any: { x: 'long' } }), []);
});

test('no more errors are kept than anyone reads, and they are found in time', () => {
  const value = { list: Array.from({ length: 200_000 }, () => 1) };
  const schema = parseStructural(fields({ list: { type: 'array', items: { type: 'string' } } }));
  assert.equal(validateValue(value, schema).length, 1000);
  const pattern = parseStructural(fields({ a: { type: 'string', pattern: '^(a+)+$' } }));
  assert.equal(validateValue({ a: `${'a'.repeat(50_000)}!` }, pattern).length, 1);
});

test('names that JavaScript knows are names', () => {
  const properties = JSON.parse('{"__proto__":{"type":"string"},"constructor":{"type":"string"}}') as Record<
    string,
    JSONSchemaProps
  >;
  const schema = fields(properties, { required: ['toString'] });
  assert.deepEqual(errorsOf({}, schema), ['toString: Required value']);
  assert.deepEqual(errorsOf(JSON.parse('{"__proto__":1,"toString":1}'), schema), [
    '__proto__: Invalid value: "integer": __proto__ in body must be of type string: "integer"',
  ]);
});
