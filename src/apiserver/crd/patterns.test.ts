import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomResourceDefinition } from '#api';
import { systemClock } from '#util';
import { assertStatus, type Props, startCustomServer, version, widget, WIDGETS, widgets } from '../testdata/custom.ts';
import { judgePatterns } from './patterns.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const withPatterns = (patterns: readonly string[]): Props => ({
  properties: {
    spec: {
      type: 'object',
      properties: Object.fromEntries(patterns.map((pattern, i) => [`p${i}`, { type: 'string', pattern }])),
    },
  },
});
const large = (count: number): string[] => Array.from({ length: count }, (_, i) => `^(a{500}b{500}){1,2}${i}$`);
const definition = (patterns: readonly string[]): ReturnType<typeof widgets> =>
  widgets({ versions: [version('v1', withPatterns(patterns))] });

test('patterns that are too much for a definition are refused with a number, and what is wrong with one is told as ever', async () => {
  await using server = await startCustomServer();
  const post = (patterns: readonly string[]): ReturnType<typeof server.post> =>
    server.post(DEFINITIONS, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      ...definition(patterns),
    });
  assertStatus(
    await post(large(200)),
    422,
    'CustomResourceDefinition.apiextensions.k8s.io "widgets.example.com" is invalid: spec.versions: Forbidden: the patterns of a definition must not compile to more than 300000 instructions in all, and these come to 401290 (try fewer patterns, or smaller counted repetitions)',
  );
  const at = 'spec.validation.openAPIV3Schema.properties[spec].properties[p0].pattern';
  const wrong = (why: string, pattern: string): string =>
    `CustomResourceDefinition.apiextensions.k8s.io "widgets.example.com" is invalid: ${at}: Invalid value: ${JSON.stringify(pattern)}: must be a valid regular expression, but isn't: error parsing regexp: ${why}`;
  assertStatus(await post(['a**']), 422, wrong('invalid nested repetition operator: `**`', 'a**'));
  assertStatus(await post(['(a{900}){90}']), 422, wrong('invalid repeat count: `{90}`', '(a{900}){90}'));
  assertStatus(await post(['(?:a{900}|b{900}){9}'.repeat(2)]), 422);
});

test('objects are held to every pattern of a version, however many have been compiled since', async () => {
  await using server = await startCustomServer();
  const many = large(100);
  await server.define(definition(many));
  const text = (i: number): string => `${'a'.repeat(500)}${'b'.repeat(500)}${i}`;
  const spec = Object.fromEntries(many.map((_, i) => [`p${i}`, text(i)]));
  assert.equal((await server.post(WIDGETS, widget('a', { spec }))).status, 201);
  const other = widgets({
    names: { plural: 'others', kind: 'Other' },
    versions: [version('v1', withPatterns(large(140).map((pattern) => pattern.replace('^', '^x'))))],
  });
  await server.define(other);
  const others = WIDGETS.replace('widgets', 'others');
  const of = (kind: string, name: string, value: object): object => ({ ...widget(name, { spec: value }), kind });
  for (let i = 0; i < 3; i++) {
    assert.equal((await server.post(others, of('Other', `o${i}`, { p1: `x${text(1)}` }))).status, 201);
    assert.equal((await server.post(others, of('Other', `o${i}-`, { p1: text(1) }))).status, 422);
    assert.equal((await server.post(WIDGETS, of('Widget', `w${i}`, spec))).status, 201);
    assert.equal((await server.post(WIDGETS, of('Widget', `v${i}`, { ...spec, p99: text(1) }))).status, 422);
  }
});

test('a definition that had too many patterns before may keep them, and may not have others', async () => {
  const having = (patterns: readonly string[]): CustomResourceDefinition =>
    definition(patterns) as CustomResourceDefinition;
  const judged = (now: number, before: number): ReturnType<typeof judgePatterns> =>
    judgePatterns(having(large(now)), having(large(before)), systemClock);
  assert.deepEqual(await judged(200, 200), []);
  assert.deepEqual(await judged(199, 200), []);
  assert.equal((await judged(201, 200)).length, 1);
});
