import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../field-error.ts';
import { generateName, randomSuffix } from './names.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from './objectmeta.ts';
import { validateNonSpecialIP } from '../validation/ip.ts';

const metadata = {
  name: 'web',
  namespace: 'n',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
};

test('metadata: every part of it has its rule', () => {
  const texts = validateObjectMeta(
    {
      name: 'A',
      namespace: 'n',
      labels: { 'a b': 'c d' },
      annotations: { 'Upper/Case': '' },
      ownerReferences: [{ apiVersion: 'v1', kind: '', name: 'x', uid: 'y' }],
      finalizers: ['odd', 'orphan', 'foregroundDeletion'],
    },
    { namespaced: true },
  ).map(({ field, type }) => `${field} ${type}`);
  assert.deepEqual(texts, [
    'metadata.name FieldValueInvalid',
    'metadata.labels FieldValueInvalid',
    'metadata.labels FieldValueInvalid',
    'metadata.ownerReferences.kind FieldValueInvalid',
    'metadata.finalizers FieldValueInvalid',
    'metadata.finalizers[0] FieldValueInvalid',
  ]);
  assert.deepEqual(validateObjectMeta({}, { namespaced: true }).map(fieldErrorText), [
    'metadata.name: Required value: name or generateName is required',
    'metadata.namespace: Required value',
  ]);
  assert.deepEqual(validateObjectMeta({ name: 'a', namespace: 'b' }, { namespaced: false }).map(fieldErrorText), [
    'metadata.namespace: Forbidden: not allowed on this type',
  ]);
});

test('metadata: what identifies an object stays', () => {
  const now = { ...metadata, name: 'b', uid: 'v', finalizers: ['a/b'], generation: 1 };
  const old = { ...metadata, generation: 2, deletionTimestamp: 'x' };
  assert.deepEqual(validateObjectMetaUpdate(now, old).map(fieldErrorText), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/b"}',
    'metadata.generation: Invalid value: 1: must not be decremented',
    'metadata.name: Invalid value: "b": field is immutable',
    'metadata.uid: Invalid value: "v": field is immutable',
    'metadata.deletionTimestamp: Invalid value: null: field is immutable',
  ]);
});

test('generated names are short enough and made of safe letters', () => {
  assert.equal(
    randomSuffix(() => 0),
    'bbbbb',
  );
  assert.equal(
    randomSuffix(() => 0.999_999),
    '99999',
  );
  const name = generateName('x'.repeat(80), () => 0.5);
  assert.equal(name.length, 63);
  assert.match(name, /^x{58}[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test('addresses that lead nowhere are told apart in both families', () => {
  const why = (ip: string): string =>
    validateNonSpecialIP(ip, 'ip')
      .map(({ message }) => message.split(': ').at(-1)!)
      .join();
  assert.equal(why('10.0.0.1'), '');
  assert.equal(why('2001:db8::1'), '');
  assert.match(why('0.0.0.0'), /unspecified/);
  assert.match(why('0:0:0:0:0:0:0:0'), /unspecified/);
  assert.match(why('::1'), /loopback/);
  assert.match(why('fe80::1'), /link-local range/);
  assert.match(why('224.0.0.1'), /multicast/);
  assert.match(why('ff02::1'), /multicast/);
});
