import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStructural } from './structural.ts';

test('a schema is read with its structure, its checks and what is below', () => {
  const schema = parseStructural({
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        required: ['size'],
        properties: {
          size: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
          tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        },
        additionalProperties: { type: 'string', default: 'x' },
      },
    },
  });
  const spec = schema.properties.get('spec')!;
  assert.deepEqual(spec.required, ['size']);
  assert.deepEqual(
    spec.properties.get('size')!.anyOf.map(({ type }) => type),
    ['integer', 'string'],
  );
  assert.deepEqual(spec.holds, { defaults: true, embeddedResources: false, keyedLists: true, validations: false });
  assert.deepEqual(schema.holds, { defaults: true, embeddedResources: false, keyedLists: true, validations: false });
});

test('names of properties are names and nothing else', () => {
  const properties = JSON.parse('{"__proto__":{"type":"string"},"constructor":{"type":"integer"}}') as Record<
    string,
    { type: string }
  >;
  const schema = parseStructural({ type: 'object', properties });
  assert.equal(schema.properties.get('__proto__')?.type, 'string');
  assert.equal(schema.properties.get('constructor')?.type, 'integer');
  assert.equal(schema.properties.get('toString'), undefined);
});

test('a default of null is none', () => {
  assert.equal(parseStructural({ type: 'object', default: null }).default, undefined);
  assert.equal(parseStructural({ type: 'object', default: null }).holds.defaults, false);
});
