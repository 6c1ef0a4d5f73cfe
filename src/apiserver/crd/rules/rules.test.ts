import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText, parseStructural } from '#api';
import { finished } from '#util';
import { compileRules, type RuleOptions } from './rules.ts';

type Schema = Parameters<typeof parseStructural>[0];
type Rule = NonNullable<Schema['x-kubernetes-validations']>[number];

const STRING: Schema = { type: 'string' };
const INTEGER: Schema = { type: 'integer' };
const object = (properties: Record<string, Schema>, ...rules: Rule[]): Schema => ({
  type: 'object',
  properties,
  'x-kubernetes-validations': rules,
});
const rule = (text: string, more: Partial<Rule> = {}): Rule => ({ rule: text, ...more });

/** Texts of errors of a value, and of what it replaces if anything. */
function errorsOf(schema: Schema, value: unknown, old?: unknown, options: Partial<RuleOptions> = {}): string[] {
  const rules = finished(compileRules(parseStructural(schema)));
  assert.ok(rules !== undefined);
  return rules.validate(value, old, { path: '', ...options }).map(fieldErrorText);
}

test('a schema without rules has nothing to run', () => {
  assert.equal(finished(compileRules(parseStructural({ type: 'object', properties: { a: STRING } }))), undefined);
});

test('a rule that does not hold is named where its value stands', () => {
  const spec = object({ min: INTEGER, max: INTEGER }, rule('self.min <= self.max'));
  const schema: Schema = { type: 'object', properties: { spec } };
  assert.deepEqual(errorsOf(schema, { spec: { min: 1, max: 2 } }), []);
  assert.deepEqual(errorsOf(schema, { spec: { min: 3, max: 2 } }), [
    'spec: Invalid value: failed rule: self.min <= self.max',
  ]);
});

test('values that are short are shown, and a rule at the root stands nowhere', () => {
  const schema: Schema = {
    ...object({ n: { ...INTEGER, 'x-kubernetes-validations': [rule('self > 1')] } }, rule('self.n > 1')),
  };
  assert.deepEqual(errorsOf(schema, { n: 1 }), [
    '<nil>: Invalid value: failed rule: self.n > 1',
    'n: Invalid value: 1: failed rule: self > 1',
  ]);
});

test('message, messageExpression, reason and fieldPath shape the error', () => {
  const errorWith = (more: Partial<Rule>): string[] =>
    errorsOf(object({ a: STRING, 'b.c': STRING }, rule('false', more)), { a: 'x' });
  assert.deepEqual(errorWith({ message: ' no ' }), ['<nil>: Invalid value: no']);
  assert.deepEqual(errorWith({ messageExpression: "'a is ' + self.a" }), ['<nil>: Invalid value: a is x']);
  assert.deepEqual(errorWith({ messageExpression: "''", message: 'no' }), ['<nil>: Invalid value: no']);
  assert.deepEqual(errorWith({ messageExpression: "'a\\nb'", message: 'no' }), ['<nil>: Invalid value: no']);
  assert.deepEqual(errorWith({ messageExpression: "['a'][3]", message: 'no' }), ['<nil>: Invalid value: no']);
  assert.deepEqual(errorWith({ fieldPath: '.a', message: 'no' }), ['a: Invalid value: no']);
  assert.deepEqual(errorWith({ fieldPath: "['b.c']", message: 'no' }), ['b.c: Invalid value: no']);
  assert.deepEqual(errorWith({ reason: 'FieldValueForbidden', message: 'no' }), ['<nil>: Forbidden: no']);
  assert.deepEqual(errorWith({ reason: 'FieldValueRequired', message: 'no', fieldPath: '.a' }), [
    'a: Required value: no',
  ]);
  assert.deepEqual(errorWith({ reason: 'FieldValueDuplicate', message: 'no' }), ['<nil>: Duplicate value']);
});

test('errors of a rule say which it is', () => {
  const of = (text: string, value: unknown): string[] =>
    errorsOf(
      object(
        { m: { type: 'object', additionalProperties: STRING }, n: INTEGER, p: { 'x-kubernetes-int-or-string': true } },
        rule(text),
      ),
      value,
    );
  assert.deepEqual(of("self.m['x'] == 'y'", { m: {} }), [
    `<nil>: Invalid value: "object": no such key: x evaluating rule: self.m['x'] == 'y'`,
  ]);
  assert.deepEqual(of('1 / self.n > 0', { n: 0 }), [
    '<nil>: Invalid value: "object": division by zero evaluating rule: 1 / self.n > 0',
  ]);
  assert.deepEqual(of('self.p > 3', { p: 'x' }), [
    `<nil>: Invalid value: "object": 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: self.p > 3`,
  ]);
  assert.deepEqual(of('self.x', {}), [
    '<nil>: Invalid value: "object": rule compile error: compilation failed: ERROR: <input>:1:5: undefined field \'x\'\n | self.x\n | ....^',
  ]);
});

test('rules see names that are no identifiers escaped, and what every resource has', () => {
  const schema = object(
    { 'a-b': STRING, 'c.d/e': STRING, namespace: STRING, __x: STRING },
    rule("self.a__dash__b == '1' && self.c__dot__d__slash__e == '2' && self.__namespace__ == '3'"),
    rule("self.namespace == '3' && self.__underscores__x == '4'"),
    rule("self.kind == 'K' && self.metadata.name == 'n' && !has(self.metadata.generateName)"),
  );
  const value = { kind: 'K', metadata: { name: 'n' }, 'a-b': '1', 'c.d/e': '2', namespace: '3', __x: '4' };
  assert.deepEqual(errorsOf(schema, value), []);
});

test('lists that are sets or maps compare and add as such', () => {
  const set: Schema = { type: 'array', items: STRING, 'x-kubernetes-list-type': 'set' };
  const item: Schema = { type: 'object', properties: { k: STRING, v: INTEGER } };
  const map: Schema = {
    type: 'array',
    items: item,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['k'],
  };
  const schema = object(
    { s: set, t: set, m: map },
    rule('self.s == self.t'),
    rule('(self.s + self.t).size() == 2'),
    rule('self.m == oldSelf.m'),
    rule('(self.m + oldSelf.m).size() == 2 && (self.m + oldSelf.m)[1].v == 2'),
  );
  const [a, b] = [
    { k: 'a', v: 1 },
    { k: 'b', v: 2 },
  ];
  const value = { s: ['x', 'y'], t: ['y', 'x'], m: [a, b] };
  assert.deepEqual(errorsOf(schema, value, { ...value, m: [b, a] }), []);
});

test('strings with formats are times, durations and bytes; what is only preserved can be compared', () => {
  const schema = object(
    {
      at: { type: 'string', format: 'date-time' },
      day: { type: 'string', format: 'date' },
      for: { type: 'string', format: 'duration' },
      data: { type: 'string', format: 'byte' },
      free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: STRING } },
      none: { ...STRING, nullable: true },
    },
    rule("self.at == timestamp('2020-01-01T01:00:00+01:00') && self.day.getMonth() == 1"),
    rule("self.__for__ == duration('1h') && self.data == b'AB'"),
    rule('self.free == oldSelf.free'),
    rule("!has(self.none) && self.free.a == 'x'"),
  );
  const value = {
    at: '2020-01-01T00:00:00Z',
    day: '2020-02-03',
    for: '1 hour',
    data: 'QUI=',
    free: { a: 'x', b: [1] },
    none: null,
  };
  assert.deepEqual(errorsOf(schema, value, structuredClone(value)), []);
  assert.deepEqual(errorsOf(schema, value, { ...value, free: { a: 'x', b: [2] } }), [
    '<nil>: Invalid value: failed rule: self.free == oldSelf.free',
  ]);
});

test('transition rules run only where there is an old value, found by keys in lists that are maps', () => {
  const item = object({ k: STRING, v: INTEGER }, rule('self.v >= oldSelf.v'));
  const list: Schema = {
    type: 'array',
    items: item,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['k'],
  };
  const schema: Schema = { type: 'object', properties: { list } };
  const old = { list: [{ k: 'a', v: 5 }] };
  assert.deepEqual(errorsOf(schema, { list: [{ k: 'a', v: 1 }] }), []);
  assert.deepEqual(
    errorsOf(
      schema,
      {
        list: [
          { k: 'b', v: 1 },
          { k: 'a', v: 4 },
        ],
      },
      old,
    ),
    ['list[1]: Invalid value: failed rule: self.v >= oldSelf.v'],
  );
});

test('with optionalOldSelf a rule runs always', () => {
  const schema = object({ n: INTEGER }, rule('self.n == 1 || oldSelf.hasValue()', { optionalOldSelf: true }));
  assert.deepEqual(errorsOf(schema, { n: 1 }), []);
  assert.deepEqual(errorsOf(schema, { n: 2 }), [
    '<nil>: Invalid value: failed rule: self.n == 1 || oldSelf.hasValue()',
  ]);
  assert.deepEqual(errorsOf(schema, { n: 2 }, { n: 3 }), []);
  const chained = object({ n: INTEGER }, rule('oldSelf.n.orValue(self.n) == self.n', { optionalOldSelf: true }));
  assert.deepEqual(errorsOf(chained, { n: 2 }, { n: 2 }), []);
});

test('what was wrong before and has not changed is warned of only', () => {
  const schema: Schema = {
    type: 'object',
    properties: { a: object({ n: INTEGER }, rule('self.n > 1')), b: INTEGER },
    'x-kubernetes-validations': [rule('self.b == oldSelf.b', { message: 'b stays' })],
  };
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  const old = { a: { n: 0 }, b: 1 };
  assert.deepEqual(errorsOf(schema, { a: { n: 0 }, b: 1 }, old, { warn }), []);
  assert.deepEqual(warnings, ['a: Invalid value: failed rule: self.n > 1']);
  assert.deepEqual(errorsOf(schema, { a: { n: 1 }, b: 2 }, old), [
    '<nil>: Invalid value: b stays',
    'a: Invalid value: failed rule: self.n > 1',
  ]);
});

test('rules within allOf run on the values of the schema', () => {
  const schema: Schema = {
    ...object({ a: STRING }, rule('true')),
    allOf: [{ properties: { a: { 'x-kubernetes-validations': [rule("self != 'x'")] } } }],
  };
  assert.deepEqual(errorsOf(schema, { a: 'x' }), [`a: Invalid value: "x": failed rule: self != 'x'`]);
});

test('a rule that costs too much ends the run, and so does the budget of all', () => {
  const list: Schema = { type: 'array', items: INTEGER };
  const loop = 'self.l.all(x, self.l.all(y, x + y >= 0))';
  const schema = object({ l: list }, rule(loop), rule('false'));
  const value = { l: Array.from({ length: 600 }, (_, i) => i) };
  assert.deepEqual(errorsOf(schema, value), [
    `<nil>: Invalid value: "object": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: ${loop}`,
  ]);
  assert.deepEqual(errorsOf(schema, value, undefined, { budget: 100 }), [
    '<nil>: Invalid value: "object": validation failed due to running out of cost budget, no further validation rules will be run',
  ]);
});

test('whoever waits no longer ends a loop', () => {
  const schema = object({ l: { type: 'array', items: INTEGER } }, rule('self.l.all(x, x >= 0)'));
  const value = { l: Array.from({ length: 200 }, (_, i) => i) };
  assert.deepEqual(errorsOf(schema, value, undefined, { interrupted: () => true }), [
    '<nil>: Invalid value: "object": operation interrupted evaluating rule: self.l.all(x, x >= 0)',
  ]);
});
