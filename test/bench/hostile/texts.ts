/** Bodies that take much to read, and patches of many steps. */
import type { FuzzRequest } from '../../fuzz/api/request.ts';
import { APPLY, configMap, members, NAMESPACE, post, send, times, type HostileCase, type Json } from './common.ts';

const ops = (count: number, make: (i: number) => Json): Json[] => times(count, make);
const jsonPatch = (patch: readonly Json[]): FuzzRequest =>
  send('PATCH', `${NAMESPACE}/configmaps/a`, patch, 'application/json-patch+json');
const someConfigMap = [post(`${NAMESPACE}/configmaps`, configMap(members(2000, () => 'x')))];
export const patches = (): readonly HostileCase[] => [
  {
    name: 'a JSON patch of 10000 operations',
    before: someConfigMap,
    request: jsonPatch(ops(10_000, (i) => ({ op: 'add', path: `/data/k${i}`, value: 'x' }))),
  },
  {
    name: 'a JSON patch of 10000 copies of all data',
    before: someConfigMap,
    request: jsonPatch(ops(10_000, (i) => ({ op: 'copy', from: '/data', path: `/metadata/annotations${i}` }))),
  },
  {
    name: 'a JSON patch of 10000 tests of all data',
    before: someConfigMap,
    request: jsonPatch(ops(120, () => ({ op: 'test', path: '/data', value: members(2000, () => 'x') }))),
  },
  {
    name: 'a JSON patch that copies and changes in turn',
    before: someConfigMap,
    request: jsonPatch(
      ops(9998, (i) =>
        i % 2 === 0
          ? { op: 'copy', from: '/data/p1', path: '/metadata/name' }
          : { op: 'add', path: `/data/k${i}`, value: 'x' },
      ),
    ),
  },
  {
    name: 'a JSON patch that inserts 10000 times at the front',
    before: someConfigMap,
    request: jsonPatch([
      { op: 'add', path: '/metadata/finalizers', value: [] },
      ...ops(9900, (i) => ({ op: 'add', path: '/metadata/finalizers/0', value: `example.com/f${i}` })),
    ]),
  },
  {
    name: 'a JSON patch that copies what it has copied',
    before: someConfigMap,
    request: jsonPatch([
      { op: 'add', path: '/x', value: {} },
      ...ops(9900, (i) => ({ op: 'copy', from: '/data', path: `/x/${i}` })),
    ]),
  },
];

const deepText = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const yaml = (text: string): FuzzRequest => post(`${NAMESPACE}/configmaps`, text, 'application/yaml');
const bomb = (width: number, levels: number): string =>
  [
    'kind: ConfigMap',
    'apiVersion: v1',
    'metadata: {name: a}',
    `a0: &a0 [${times(width, () => 'x').join(',')}]`,
    ...times(levels, (i) => `a${i + 1}: &a${i + 1} [${times(width, () => `*a${i}`).join(',')}]`),
  ].join('\n');
export const texts = (): readonly HostileCase[] => [
  { name: 'JSON nested a million deep', request: post(`${NAMESPACE}/configmaps`, deepText(1_000_000)) },
  {
    name: 'JSON nested 9000 deep in an object',
    request: post(`${NAMESPACE}/configmaps`, `{"apiVersion":"v1","kind":"ConfigMap","x":${deepText(9000)}}`),
  },
  {
    name: 'JSON of 3 MB with an error at its end',
    request: post(`${NAMESPACE}/configmaps`, `{"data":{${times(100_000, (i) => `"k${i}":"some text"`).join(',')}`),
  },
  {
    name: 'JSON of a million empty objects',
    request: post(
      `${NAMESPACE}/configmaps`,
      `{"apiVersion":"v1","kind":"ConfigMap","x":[${times(900_000, () => '{}').join(',')}]}`,
    ),
  },
  {
    name: 'JSON with 200000 keys that stand twice',
    request: post(
      `${NAMESPACE}/configmaps`,
      `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{${times(200_000, () => '"a":"b"').join(',')}}}`,
    ),
  },
  {
    name: 'JSON with 250000 unknown fields',
    request: post(
      `${NAMESPACE}/configmaps?fieldValidation=Strict`,
      `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},${times(250_000, (i) => `"k${i}":1`).join(',')}}`,
    ),
  },
  {
    name: 'a number of a million digits',
    request: post(`${NAMESPACE}/configmaps`, `{"apiVersion":"v1","kind":"ConfigMap","immutable":${'1'.repeat(1e6)}}`),
  },
  { name: 'a YAML bomb of nine', request: yaml(bomb(9, 9)) },
  { name: 'a YAML bomb that stays below a million', request: yaml(bomb(90, 2)) },
  {
    name: 'YAML of 3 MB of keys',
    request: yaml(
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n${times(150_000, (i) => `  key${i}: v${i}\n`).join('')}`,
    ),
  },
  {
    name: 'YAML of 3 MB of lists in flow',
    request: yaml(
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx: [${times(700_000, () => '[]').join(',')}]\n`,
    ),
  },
  {
    name: 'YAML of a text of 3 MB folded',
    request: yaml(
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: >\n${times(400_000, () => '    x\n').join('')}`,
    ),
  },
  {
    name: 'YAML with a quoted text of 3 MB escaped',
    request: yaml(`apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: "${'\\u0061'.repeat(450_000)}"\n`),
  },
  {
    name: 'YAML with 100000 anchors',
    request: yaml(
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx:\n${times(100_000, (i) => `- &a${i} x\n- *a${i}\n`).join('')}`,
    ),
  },
  {
    name: 'YAML merged with itself',
    request: yaml(
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nb: &b {${times(5000, (i) => `k${i}: 1`).join(', ')}}\nx:\n${times(9000, () => '- <<: *b\n').join('')}`,
    ),
  },
  {
    name: 'YAML with 1.5 million spaces before a colon',
    request: yaml(`apiVersion: v1\nkind: ConfigMap\n${' '.repeat(1_500_000)}: x\n`),
  },
  {
    name: 'YAML of 3 MB of comments',
    request: yaml(`${times(500_000, () => '# x\n').join('')}apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n`),
  },
  {
    name: 'an apply of 3 MB of YAML',
    request: send(
      'PATCH',
      `${NAMESPACE}/configmaps/a?fieldManager=me`,
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n${times(150_000, (i) => `  key${i}: v${i}\n`).join('')}`,
      APPLY,
    ),
  },
];
