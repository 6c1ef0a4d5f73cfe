import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodyTarget } from './target.ts';
import { decodeYaml } from './yaml.ts';
import { parseYaml, parseYamlDocuments, YamlError } from './yaml-text.ts';

const configMap: BodyTarget = { group: '', version: 'v1', kind: 'ConfigMap', definition: 'core.v1.ConfigMap' };

test('plain scalars mean what they mean to go-yaml', () => {
  const cases: Record<string, unknown> = {
    yes: true, On: true, off: false, '"yes"': 'yes', '0777': 511, '0o17': 15, '0x1F': 31, '0b11': 3, '1_000': 1000, '08': 8, '1e3': 1000,
    '.5': 0.5, '-1.5': -1.5, '12:30': '12:30', '2024-01-01': '2024-01-01', '~': null, null: null, '1.2.3': '1.2.3', '-': [null], '+1': 1,
  }; // prettier-ignore
  for (const [yaml, expected] of Object.entries(cases))
    assert.deepEqual(parseYaml(`a: ${yaml === '-' ? '\n- ' : yaml}`), { a: expected }, yaml);
});

test('bad YAML is refused with its line', () => {
  assert.throws(
    () => parseYaml('a: 1\nb: c: d'),
    (e) => e instanceof YamlError && e.message.startsWith('yaml: line 2: '),
  );
  assert.throws(() => parseYaml('a: 1\n---\nb: 2'), YamlError);
  assert.throws(
    () => decodeYaml('a: [1', configMap),
    /must be of type ConfigMap\): error converting YAML to JSON: yaml: line 1: /,
  );
  assert.throws(() => parseYaml('a: .inf'), /unsupported value: \+Inf/);
  assert.throws(() => parseYaml(String.raw`a: "\ud800"`), /found invalid Unicode character escape code/);
});

test('an alias bomb and a self-containing anchor end in an error', () => {
  const bomb = [
    'a0: &a0 [x,x,x,x,x,x,x,x,x]',
    ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(',')}]`),
  ];
  assert.throws(() => parseYaml(bomb.join('\n')), /excessive aliasing/);
  assert.throws(() => parseYaml('a: &a [*a]'), YamlError);
  assert.throws(() => parseYaml('['.repeat(100_000)), YamlError);
});

test('a body in YAML is decoded like one in JSON', () => {
  const { object, warnings } = decodeYaml('kind: ConfigMap\ndata: {a: "1"}\nfoo: 1\ndata: {b: "2"}\n', configMap);
  assert.deepEqual(object, { apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data: { b: '2' } });
  assert.deepEqual(warnings, [
    'yaml: unmarshal errors:\n  line 4: key "data" already set in map',
    'unknown field "foo"',
  ]);
  assert.deepEqual(decodeYaml('{"data":{"a":"1"}}', configMap).object, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {},
    data: { a: '1' },
  });
  assert.throws(
    () => decodeYaml('data: {a: 1}', configMap),
    /cannot unmarshal number into Go struct field ConfigMap\.data of type string/,
  );
});

test('documents of a stream are all read, empty ones left out', () => {
  assert.deepEqual(parseYamlDocuments('---\na: 1\n---\n# nothing\n---\nb: 2\n'), [{ a: 1 }, { b: 2 }]);
  assert.equal(parseYaml('# nothing\n'), null);
});
