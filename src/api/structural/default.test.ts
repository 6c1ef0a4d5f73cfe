import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';
import { applyDefaults, dropNulls, parseStructural, pruneDefaults } from './structural.ts';

const fields = (properties: Record<string, JSONSchemaProps>): JSONSchemaProps => ({ type: 'object', properties });
const AB = fields({ a: { default: 'A' }, b: { default: 'B' } });

function defaulted(value: unknown, schema: JSONSchemaProps): unknown {
  const copy = structuredClone(value);
  applyDefaults(copy, parseStructural(schema));
  return copy;
}

const CASES: readonly [string, unknown, JSONSchemaProps, unknown][] = [
  ['a scalar', 4, { default: 'foo' }, 4],
  ['items there are', [1, 2], { items: { default: 'foo' } }, [1, 2]],
  ['fields of items', [{ a: 1 }, {}], { items: AB }, [{ a: 1, b: 'B' }, { a: 'A', b: 'B' }]],
  [
    'fields of objects and values',
    { object: { a: 1 }, values: { x: { a: 1 }, y: {} } },
    fields({ object: AB, values: { additionalProperties: AB }, foo: { default: 'bar' } }),
    { object: { a: 1, b: 'B' }, values: { x: { a: 1, b: 'B' }, y: { a: 'A', b: 'B' } }, foo: 'bar' },
  ],
  [
    'only what is absent or null',
    [{}, { a: 0 }, { a: '' }, { a: null }, { a: [] }, { a: false }],
    { items: fields({ a: { default: 'A' } }) },
    [{ a: 'A' }, { a: 0 }, { a: '' }, { a: 'A' }, { a: [] }, { a: false }],
  ],
  ['no null that may be', { a: null }, fields({ a: { nullable: true, default: 'A' } }), { a: null }],
  ['nulls among items', [null], { items: { default: 'A' } }, ['A']],
  ['nulls among values', { a: null }, { additionalProperties: { default: 'A' } }, { a: 'A' }],
  [
    'no null among values that may be',
    { a: null },
    { additionalProperties: { nullable: true, default: 'A' } },
    { a: null },
  ],
  ['nothing where keys are free', { a: null }, { additionalProperties: true }, { a: null }],
  [
    'defaults within defaults',
    {},
    fields({ spec: { ...AB, default: { a: 1 } } }),
    { spec: { a: 1, b: 'B' } },
  ],
  ['no object that is not there', {}, fields({ spec: AB }), {}],
]; // prettier-ignore

for (const [what, value, schema, expected] of CASES) {
  test(`defaults fill in ${what}`, () => {
    assert.deepEqual(defaulted(value, schema), expected);
    assert.deepEqual(defaulted(expected, schema), expected);
  });
}

test('a default is copied for each object, and its name may be any', () => {
  const properties = JSON.parse('{"__proto__":{"default":{"a":1}},"constructor":{"default":[]}}') as Record<
    string,
    JSONSchemaProps
  >;
  const schema = parseStructural(fields(properties));
  const [one, two]: Record<string, unknown>[] = [{}, {}];
  applyDefaults(one, schema);
  applyDefaults(two, schema);
  assert.equal(JSON.stringify(one), '{"__proto__":{"a":1},"constructor":[]}');
  assert.equal(Object.getPrototypeOf(one), Object.prototype);
  assert.notEqual(one!['constructor'], two!['constructor']);
});

test('nulls go where they may not be and nothing takes their place', () => {
  const schema = parseStructural(
    fields({
      plain: {},
      nullable: { nullable: true },
      defaulted: { default: 1 },
      values: { additionalProperties: { type: 'string' } },
      list: { items: fields({ a: {} }) },
    }),
  );
  const value = {
    plain: null,
    nullable: null,
    defaulted: null,
    unknown: null,
    values: { a: null, b: 'x' },
    list: [{ a: null }, null],
  };
  dropNulls(value, schema);
  assert.deepEqual(value, { nullable: null, defaulted: null, unknown: null, values: { b: 'x' }, list: [{}, null] });
});

test('defaults are brought to what the schema and ObjectMeta know', () => {
  const schema = parseStructural(
    fields({
      spec: { ...fields({ known: { type: 'string' } }), default: { known: 'a', stray: 1 } },
      templates: {
        type: 'array',
        items: {
          ...fields({ metadata: { type: 'object' } }),
          'x-kubernetes-embedded-resource': true,
          default: { metadata: { name: 'x', stray: 1, labels: 7 } },
        },
      },
    }),
  );
  const pruned = pruneDefaults(schema);
  assert.deepEqual(pruned.properties.get('spec')!.default, { known: 'a' });
  assert.deepEqual(pruned.properties.get('templates')!.items!.default, { metadata: { name: 'x' } });
  assert.equal(
    pruneDefaults(parseStructural(fields({ a: {} }))).properties.size,
    1,
    'a schema without defaults is left as it is',
  );
});
