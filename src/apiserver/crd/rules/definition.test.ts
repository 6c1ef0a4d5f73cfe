import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText, parseStructural } from '#api';
import { finished } from '#util';
import { ruleErrors, type RuleErrorOptions } from './rules.ts';

type Schema = Parameters<typeof parseStructural>[0];

const errorsOf = (schema: Schema, options?: RuleErrorOptions): string[] =>
  finished(ruleErrors(parseStructural(schema), 'schema', options)).map(fieldErrorText);
const withRule = (schema: Schema, rule: string, more: object = {}): Schema => ({
  ...schema,
  'x-kubernetes-validations': [{ rule, ...more }],
});
const spec = (schema: Schema): Schema => ({ type: 'object', properties: { spec: schema } });
const AT = 'schema.properties[spec].x-kubernetes-validations[0]';
const ADVICE =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';

test('a rule that is right has no errors', () => {
  assert.deepEqual(errorsOf(spec(withRule({ type: 'integer' }, 'self > 1'))), []);
  assert.deepEqual(errorsOf({ type: 'object' }), []);
});

test('a rule that does not compile is shown whole, as Go writes it', () => {
  const schema = spec(withRule({ type: 'object', properties: { a: { type: 'string' } } }, "self.b == '<'"));
  const shown =
    '{"Rule":"self.b == \'\\u003c\'","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}';
  const why = "compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b == '<'\n | ....^";
  assert.deepEqual(errorsOf(schema), [`${AT}.rule: Invalid value: ${shown}: ${why}`]);
});

test('rules come to a bool and messages to a string', () => {
  const of = (rule: string, more: object = {}): string[] =>
    errorsOf(spec(withRule({ type: 'integer' }, rule, more))).map((text) =>
      text.replace(/Invalid value: \{.*\}: /, ''),
    );
  assert.deepEqual(of('self'), [`${AT}.rule: cel expression must evaluate to a bool`]);
  assert.deepEqual(of('dyn(self)'), [`${AT}.rule: cel expression must evaluate to a bool`]);
  assert.deepEqual(of("self == int('x')"), [
    `${AT}.rule: program instantiation failed: type conversion error from 'string' to 'int'`,
  ]);
  assert.deepEqual(of('self > 1', { messageExpression: 'self' }), [
    `${AT}.messageExpression: messageExpression must evaluate to a string`,
  ]);
  assert.deepEqual(of('self > 1', { messageExpression: 'x' }), [
    `${AT}.messageExpression: messageExpression compilation failed: ERROR: <input>:1:1: undeclared reference to 'x' (in container '')\n | x\n | ^`,
  ]);
});

test('old values have to be found', () => {
  const item = withRule({ type: 'string' }, 'self == oldSelf');
  const within = 'schema.properties[spec].items.x-kubernetes-validations[0].rule';
  assert.deepEqual(errorsOf(spec({ type: 'array', maxItems: 5, items: { ...item, maxLength: 5 } })), [
    `${within}: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within schema.properties[spec]`,
  ]);
  assert.deepEqual(errorsOf(spec(withRule({ type: 'integer' }, 'self > 1', { optionalOldSelf: true }))), [
    `${AT}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`,
  ]);
});

test('what can cost too much is forbidden, with the factor', () => {
  const list: Schema = { type: 'array', items: { type: 'string' } };
  assert.deepEqual(errorsOf(spec(withRule(list, "self.all(x, x.contains('a'))"))), [
    `${AT}.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${ADVICE}`,
    `${AT}.rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
    `schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${ADVICE}`,
  ]);
  const bounded: Schema = { ...list, maxItems: 1000, items: { type: 'string', maxLength: 5000 } };
  assert.deepEqual(errorsOf(spec(withRule(bounded, "self.all(x, self.exists(y, x == 'a'))"))), []);
  assert.deepEqual(errorsOf(spec(withRule(bounded, 'self.all(x, self.all(y, x == y))'))), [
    `${AT}.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${ADVICE}`,
    `${AT}.rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
    `schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of 20.1x ${ADVICE}`,
  ]);
});

test('a rule costs as often as its value can occur', () => {
  const text: Schema = withRule({ type: 'string', maxLength: 10 }, "self.startsWith('a')");
  const nested = (maxItems?: number): Schema => ({
    type: 'array',
    ...(maxItems === undefined ? {} : { maxItems }),
    items: { type: 'array', maxItems: 1000, items: text },
  });
  assert.deepEqual(errorsOf(spec(nested(10))), []);
  const where = 'schema.properties[spec].items.items.x-kubernetes-validations[0].rule';
  assert.deepEqual(
    errorsOf(spec(nested(9000))).map((e) => e.split(' (')[0]),
    [`${where}: Forbidden: estimated rule cost exceeds budget by factor of 1.8x`],
  );
  assert.deepEqual(errorsOf(spec(nested(9000)), { isUnchanged: true }), []);
});
