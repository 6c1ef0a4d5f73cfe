import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';
import { coerceMetadata, parseStructural, validateMetadata } from './structural.ts';

const embedded = (properties: Record<string, JSONSchemaProps> = {}): JSONSchemaProps => ({
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  properties,
});
const SCHEMA = parseStructural({
  type: 'object',
  properties: {
    embedded: embedded(),
    nested: embedded({ embedded: embedded() }),
    items: { type: 'array', items: embedded() },
    values: { type: 'object', additionalProperties: embedded() },
    plain: { type: 'object' },
  },
});

test('embedded metadata is read as ObjectMeta, and what that does not know is named', () => {
  const meta = { name: 'x', creationTimestamp: null, stray: 1 };
  const value = {
    metadata: meta,
    embedded: { metadata: meta, stray: 1 },
    nested: { metadata: null, embedded: { metadata: { labels: { a: 'b' }, ownerReferences: [{ stray: 1 }] } } },
    items: [{ metadata: meta }],
    values: { foo: { metadata: meta } },
    plain: { metadata: meta },
  };
  const { unknown, error } = coerceMetadata(value, SCHEMA, { isResourceRoot: false, track: true });
  assert.equal(error, undefined);
  assert.deepEqual(unknown, [
    'embedded.metadata.stray',
    'items[0].metadata.stray',
    'nested.embedded.metadata.ownerReferences[0].stray',
    'values[foo].metadata.stray',
  ]);
  assert.deepEqual(value.embedded, { metadata: { name: 'x' }, stray: 1 });
  assert.deepEqual(value.nested.metadata, {});
  assert.deepEqual(value.metadata, meta);
  assert.deepEqual(value.plain, { metadata: meta });
  assert.deepEqual(coerceMetadata({ metadata: { stray: 1 } }, SCHEMA, { isResourceRoot: true, track: true }).unknown, [
    'metadata.stray',
  ]);
});

test('metadata of the wrong type is refused in the words of Go', () => {
  const cases: [unknown, string][] = [
    [{ apiVersion: 7 }, 'embedded.apiVersion: Invalid value: 7: must be a string'],
    [{ kind: {} }, 'embedded.kind: Invalid value: {}: must be a string'],
    [
      { metadata: 'x' },
      'embedded.metadata: Invalid value: "x": json: cannot unmarshal string into Go value of type v1.ObjectMeta',
    ],
    [
      { metadata: { labels: 7 } },
      'embedded.metadata: Invalid value: {"labels":7}: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type map[string]string',
    ],
  ];
  for (const [value, expected] of cases) {
    const { error } = coerceMetadata({ embedded: value }, SCHEMA, { isResourceRoot: false });
    assert.equal(fieldErrorText(error!), expected);
  }
});

test('what comes out of the store loses what is of the wrong type', () => {
  const value = { embedded: { apiVersion: 7, kind: 'Foo', metadata: { name: 'x', labels: 7, stray: 1 } } };
  const { error, unknown } = coerceMetadata(value, SCHEMA, { isResourceRoot: false, dropInvalid: true, track: true });
  assert.equal(error, undefined);
  assert.deepEqual(unknown, ['embedded.metadata.stray']);
  assert.deepEqual(value, { embedded: { kind: 'Foo', metadata: { name: 'x' } } });
  const list = { embedded: { metadata: [] } };
  assert.equal(coerceMetadata(list, SCHEMA, { isResourceRoot: false, dropInvalid: true }).error, undefined);
  assert.deepEqual(list, { embedded: { metadata: [] } });
});

const errorsOf = (value: unknown, isResourceRoot = false): string[] =>
  validateMetadata(value, SCHEMA, isResourceRoot).map(fieldErrorText).toSorted();

test('embedded resources have a type, and metadata that could be an object of the API', () => {
  const required = (path: string): string[] => [`${path}apiVersion: Required value`, `${path}kind: Required value`];
  assert.deepEqual(errorsOf({}), []);
  assert.deepEqual(errorsOf({}, true), required(''));
  assert.deepEqual(errorsOf({ embedded: {} }), required('embedded.'));
  assert.deepEqual(
    errorsOf({ nested: { embedded: {} } }),
    [...required('nested.'), ...required('nested.embedded.')].toSorted(),
  );
  assert.deepEqual(errorsOf({ items: [{}] }), required('items[0].'));
  assert.deepEqual(errorsOf({ values: { foo: {} } }), required('values[foo].'));
  const type = { apiVersion: 'foo/v1', kind: 'Foo' };
  assert.deepEqual(errorsOf({ embedded: { ...type, metadata: { namespace: 'kube-system' } } }), []);
  assert.deepEqual(errorsOf({ embedded: { ...type, metadata: { name: 'foo' } } }), []);
  assert.deepEqual(errorsOf({ embedded: { apiVersion: 'a/b/c', kind: '' } }), [
    'embedded.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
    'embedded.kind: Invalid value: "": must not be empty',
  ]);
  assert.match(
    errorsOf({ embedded: { ...type, kind: 'foo.bar-com' } })[0]!,
    /^embedded\.kind: Invalid value: "foo\.bar-com": may have mixed case, but should otherwise match: a DNS-1035 label /,
  );
  const bad = { name: '..', namespace: '$$$', labels: { '#': '#' }, annotations: { '#': '#' } };
  assert.deepEqual(
    errorsOf({ embedded: { ...type, metadata: bad } }).map((text) => text.slice(0, text.indexOf(':'))),
    ['annotations', 'labels', 'labels', 'name', 'namespace'].map((field) => `embedded.metadata.${field}`),
  );
});
