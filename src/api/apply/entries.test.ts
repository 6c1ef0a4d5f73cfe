import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../kind.ts';
import { fieldErrorText } from '../field-error.ts';
import {
  defaultFieldManager,
  ignoreManagedFieldsTimestamps,
  managedFieldsFromScale,
  managedFieldsOfScale,
  managedFieldsWarning,
  parseConfiguration,
  validateManagedFields,
} from './apply.ts';
import { includeFields } from './filter.ts';
import { setOf, setText } from './fieldpath/set.ts';

test('the manager is named by the parameter, else by the user agent', () => {
  assert.equal(defaultFieldManager('me', 'kubectl/v1.36'), 'me');
  assert.equal(defaultFieldManager('', 'kubectl/v1.36.0 (linux/amd64)'), 'kubectl');
  assert.equal(defaultFieldManager(undefined, 'a\x07b é/1'), 'ab é');
  assert.equal(defaultFieldManager(undefined, undefined), '');
  assert.equal(defaultFieldManager(undefined, 'é'.repeat(100)).length, 64);
});

test('managed fields that cannot be are told one by one', () => {
  const errors = validateManagedFields(
    [
      {},
      { operation: 'Steal', fieldsType: 'V2', manager: 'x'.repeat(129), subresource: 's'.repeat(257) },
      { operation: 'Apply', manager: 'a\n' },
    ],
    'metadata.managedFields',
  );
  assert.deepEqual(errors.map(fieldErrorText), [
    'metadata.managedFields[0].operation: Invalid value: "": must be `Apply` or `Update`',
    'metadata.managedFields[1].operation: Invalid value: "Steal": must be `Apply` or `Update`',
    'metadata.managedFields[1].fieldsType: Invalid value: "V2": must be `FieldsV1`',
    'metadata.managedFields[1].manager: Too long: may not be more than 128 bytes',
    'metadata.managedFields[1].subresource: Too long: may not be more than 256 bytes',
    'metadata.managedFields[2].manager: Invalid value: "a\\n": invalid character U+000A (at position 1)',
  ]);
});

test('managed fields that admission has spoilt are warned of', () => {
  const entry = { operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: {} };
  assert.equal(managedFieldsWarning(undefined), undefined);
  assert.equal(managedFieldsWarning([entry]), undefined);
  const why = (change: object): string => managedFieldsWarning([{ ...entry, ...change }])!.replace(/^.*requests: /, '');
  assert.equal(why({ operation: '' }), 'operation must be `Apply` or `Update`');
  assert.equal(why({ apiVersion: '' }), 'apiVersion must not be empty');
  assert.equal(why({ fieldsType: undefined }), 'missing fieldsType in managed fields entry 0');
  assert.equal(why({ fieldsType: 'x' }), 'invalid fieldsType "x" in managed fields entry 0');
  assert.match(why({ fieldsV1: { f: {} } }), /key must be 2 characters long/);
});

const object = (time: string, data: string): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x', managedFields: [{ manager: 'a', time }] },
    data: { k: data },
  }) as unknown as KubeObject;

test('a new time alone is no change', () => {
  const same = object('2', 'v');
  ignoreManagedFieldsTimestamps(same, object('1', 'v'));
  assert.equal(same.metadata.managedFields?.[0]?.time, '1');
  const other = object('2', 'w');
  ignoreManagedFieldsTimestamps(other, object('1', 'v'));
  assert.equal(other.metadata.managedFields?.[0]?.time, '2');
});

test('a configuration is YAML or JSON, and keys that stand twice are found', () => {
  assert.deepEqual(parseConfiguration('a: 1\nb: {c: x}\n').value, { a: 1, b: { c: 'x' } });
  assert.deepEqual(parseConfiguration('').value, {});
  assert.equal(parseConfiguration('{"a":1,"b":{"a":2}}').duplicate(), undefined);
  assert.equal(parseConfiguration('a: 1\nb: 2').duplicate(), undefined);
  assert.equal(
    parseConfiguration('{"a":1,"a":2}').duplicate(),
    'error converting YAML to JSON: yaml: unmarshal errors:\n  line 1: key "a" already set in map',
  );
  assert.match(parseConfiguration('a: 1\nb: 2\na: 3').duplicate()!, /line 3: key "a" already set in map$/);
  assert.throws(() => parseConfiguration('[1]'), {
    message:
      'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}',
  });
  assert.throws(() => parseConfiguration('a: [1'), {
    message: /^error decoding YAML: error converting YAML to JSON: yaml: /,
    code: 400,
  });
});

test('the owners of the replicas are those of the scale, and the other way round', () => {
  const paths = { 'apps/v1': 'spec.replicas' };
  const entry = (manager: string, fieldsV1: object, apiVersion = 'apps/v1'): object => ({
    manager,
    operation: 'Update',
    apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1,
  });
  const parent = [
    entry('one', { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } }),
    entry('two', { 'f:spec': { 'f:selector': {} } }),
  ];
  const scale = managedFieldsOfScale(parent, paths);
  assert.deepEqual(scale, [entry('one', { 'f:spec': { 'f:replicas': {} } }, 'autoscaling/v1')]);
  assert.deepEqual(managedFieldsFromScale(parent, scale, 'apps/v1', paths), parent);
  const taken = [entry('hpa', { 'f:spec': { 'f:replicas': {} } }, 'autoscaling/v1')];
  assert.deepEqual(managedFieldsFromScale(parent, taken, 'apps/v1', paths), [
    entry('hpa', { 'f:spec': { 'f:replicas': {} } }),
    entry('one', { 'f:spec': { 'f:paused': {} } }),
    entry('two', { 'f:spec': { 'f:selector': {} } }),
  ]);
});

test('a filter leaves the fields it names, what is in them and what leads to them', () => {
  const filter = includeFields('spec.containers.*.resources');
  const item = 'k:{"name":"a"}';
  const set = setOf(
    ['f:spec', 'f:containers', item],
    ['f:spec', 'f:containers', item, 'f:image'],
    ['f:spec', 'f:containers', item, 'f:resources', 'f:limits', 'f:cpu'],
    ['f:status'],
  );
  assert.equal(setText(filter(set)), '.spec.containers[name="a"]\n.spec.containers[name="a"].resources.limits.cpu');
});
