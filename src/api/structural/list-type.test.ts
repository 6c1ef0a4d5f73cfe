import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';
import { parseStructural, validateListTypes } from './structural.ts';

const SET: JSONSchemaProps = { type: 'array', 'x-kubernetes-list-type': 'set', items: {} };
const mapOf = (...keys: string[]): JSONSchemaProps => ({
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': keys,
  items: {},
});

const errorsOf = (value: unknown, schema: JSONSchemaProps): string[] =>
  validateListTypes({ a: value }, parseStructural({ properties: { a: schema } })).map(fieldErrorText);

test('a set has nothing twice', () => {
  const cases: [unknown[], string[]][] = [
    [['a'], []],
    [['a', 'b'], []],
    [['a', 'a', 'b', 'c', 'c', 'a'], ['a[1]: Duplicate value: "a"', 'a[4]: Duplicate value: "c"']],
    [[1, '1', true, 'true', null], []],
    [[null, null], ['a[1]: Duplicate value: null']],
    [[{ b: 1, a: [2] }, { a: [2], b: 1 }], ['a[1]: Duplicate value: {"a":[2],"b":1}']],
    [[{}, [], '{}', '[]'], []],
  ]; // prettier-ignore
  for (const [list, expected] of cases) assert.deepEqual(errorsOf(list, SET), expected);
});

test('items of a map differ in their keys', () => {
  assert.deepEqual(errorsOf([{ k: 'a', v: 1 }, { k: 'a', v: 2 }, { k: 'b' }], mapOf('k')), [
    'a[1]: Duplicate value: {"k":"a"}',
  ]);
  assert.deepEqual(errorsOf([{ v: 1 }, null], mapOf('k')), ['a[1]: Duplicate value: {}']);
  assert.deepEqual(errorsOf([{ k: null }, {}], mapOf('k')), []);
  assert.deepEqual(
    errorsOf(
      [
        { b: 1, a: 1 },
        { a: 1, b: 2 },
        { a: 1, b: 1 },
      ],
      mapOf('b', 'a'),
    ),
    ['a[2]: Duplicate value: {"a":1,"b":1}'],
  );
  assert.deepEqual(errorsOf([{ k: 1 }, 'x', 'y'], mapOf('k')), [
    'a[1]: Invalid value: "x": must be an object for an array of list-type map',
  ]);
  assert.deepEqual(errorsOf([{ constructor: 1 }, {}], mapOf('constructor')), []);
});

test('lists are looked at wherever they are', () => {
  const nested: JSONSchemaProps = { type: 'array', items: { properties: { set: SET } } };
  assert.deepEqual(errorsOf([{ set: ['x', 'x'] }], nested), ['a[0].set[1]: Duplicate value: "x"']);
  assert.deepEqual(errorsOf({ key: ['x', 'x'] }, { additionalProperties: SET }), ['a[key][1]: Duplicate value: "x"']);
  assert.deepEqual(errorsOf(['x', 'x'], { type: 'array', 'x-kubernetes-list-type': 'atomic', items: {} }), []);
  assert.deepEqual(errorsOf('no list', SET), []);
});
