import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';
import { parseStructural, prune } from './structural.ts';

const OBJECT: JSONSchemaProps = { type: 'object' };
const fields = (properties: Record<string, JSONSchemaProps>, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  ...OBJECT,
  properties,
  ...more,
});
const PRESERVE: JSONSchemaProps = { 'x-kubernetes-preserve-unknown-fields': true };
const EMBEDDED: JSONSchemaProps = { 'x-kubernetes-embedded-resource': true };

function pruned(value: unknown, schema: JSONSchemaProps | undefined, isResourceRoot = false): [unknown, string[]] {
  const copy: unknown = JSON.parse(JSON.stringify(value));
  const parsed = schema === undefined ? undefined : parseStructural(schema);
  return [copy, [...prune(copy, parsed, { isResourceRoot, track: true })]];
}

test('fields the schema does not have go, and are named', () => {
  const ac = fields({ a: {}, c: {} });
  assert.deepEqual(pruned(null, undefined), [null, []]);
  assert.deepEqual(pruned(4, {}), [4, []]);
  assert.deepEqual(pruned([1, 2], { items: {} }), [[1, 2], []]);
  assert.deepEqual(pruned([{ a: 1 }, { b: 1 }, { a: 1, b: 2, c: 3 }], { items: ac }), [
    [{ a: 1 }, {}, { a: 1, c: 3 }],
    ['[1].b', '[2].b'],
  ]);
  assert.deepEqual(pruned([{ a: 1 }, { b: 1 }], undefined), [
    [{}, {}],
    ['[0].a', '[1].b'],
  ]);
  const list = { array: [{ a: 1 }, { b: 1 }], unspecified: { a: 1 }, specified: { a: 1, b: 2 } };
  assert.deepEqual(pruned(list, fields({ array: { items: ac }, specified: ac })), [
    { array: [{ a: 1 }, {}], specified: { a: 1 } },
    ['array[1].b', 'specified.b', 'unspecified'],
  ]);
});

test('what is preserved is so down to the first properties', () => {
  const schema = fields(
    {
      pruning: fields({ preserving: { ...OBJECT, ...PRESERVE }, pruning: OBJECT }),
      preserving: fields({ pruning: OBJECT, any: PRESERVE }, PRESERVE),
      values: { ...OBJECT, ...PRESERVE, additionalProperties: fields({ specified: OBJECT }) },
      items: { type: 'array', ...PRESERVE, items: fields({ known: OBJECT }) },
    },
    PRESERVE,
  );
  const stray = { unspecified: 'bar' };
  const value = {
    ...stray,
    pruning: { ...stray, pruning: stray, preserving: stray, apiVersion: 'unknown' },
    preserving: { ...stray, pruning: stray, any: [{ foo: true }] },
    values: { foo: { ...stray, specified: stray } },
    items: [{ ...stray, known: stray }],
  };
  assert.deepEqual(pruned(value, schema), [
    {
      ...stray,
      pruning: { pruning: {}, preserving: stray },
      preserving: { ...stray, pruning: {}, any: [{ foo: true }] },
      values: { foo: { specified: {} } },
      items: [{ ...stray, known: {} }],
    },
    [
      'items[0].known.unspecified',
      'preserving.pruning.unspecified',
      'pruning.apiVersion',
      'pruning.pruning.unspecified',
      'pruning.unspecified',
      'values.foo.specified.unspecified',
      'values.foo.unspecified',
    ],
  ]);
});

test('any key stands where keys are free, but without a schema for values nothing stands within', () => {
  const value = { a: 1, c: { a: 1, b: { a: 1, apiVersion: 'x' } } };
  for (const additionalProperties of [{ type: 'integer' }, true, false]) {
    const schema = fields({ c: { ...OBJECT, additionalProperties } });
    assert.deepEqual(pruned(value, schema), [{ c: { a: 1, b: {} } }, ['a', 'c.b.a', 'c.b.apiVersion']]);
  }
});

test('an object keeps its type and metadata, embedded or not', () => {
  const meta = { apiVersion: 'foo/v1', kind: 'Foo', metadata: { name: 'x', unspecified: 'bar' } };
  const inner = { ...meta, unspecified: 'bar', spec: { unspecified: 'bar' } };
  const schema = fields({
    pruned: fields({ spec: OBJECT }, EMBEDDED),
    preserved: { ...OBJECT, ...EMBEDDED, ...PRESERVE },
    nested: fields({ spec: fields({ embedded: fields({ spec: OBJECT }, EMBEDDED) }) }, EMBEDDED),
  });
  const value = { ...meta, pruned: inner, preserved: inner, nested: { ...meta, spec: { embedded: inner } } };
  const kept = {
    pruned: { ...meta, spec: {} },
    preserved: inner,
    nested: { ...meta, spec: { embedded: { ...meta, spec: {} } } },
  };
  const paths = [
    'nested.spec.embedded.spec.unspecified',
    'nested.spec.embedded.unspecified',
    'pruned.spec.unspecified',
    'pruned.unspecified',
  ];
  assert.deepEqual(pruned(value, schema, true), [{ ...meta, ...kept }, paths]);
  assert.deepEqual(pruned(value, schema, false), [kept, paths]);
});

test('keys that JavaScript knows by name are keys like others', () => {
  const value: unknown = JSON.parse('{"__proto__":{"a":1},"constructor":{"b":1},"toString":1}');
  const schema = fields({ constructor: OBJECT });
  const [rest, paths] = pruned(value, schema);
  assert.equal(JSON.stringify(rest), '{"constructor":{}}');
  assert.deepEqual(paths, ['__proto__', 'constructor.b', 'toString']);
});

test('the names of what went are bounded', () => {
  const value = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`${'x'.repeat(1000)}${i}`, i]));
  const paths = prune(value, parseStructural(OBJECT), { isResourceRoot: true, track: true });
  assert.deepEqual(value, {});
  assert.ok(paths.length > 1000 && paths.length < 1100);
});
