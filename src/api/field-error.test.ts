import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addErrors, type FieldError, invalid, invalidObject, required } from './field-error.ts';

const KIND = { group: '', kind: 'Pod' };
const told = (errors: readonly FieldError[]): { message: string; causes: number } => {
  const { message, details } = invalidObject(KIND, 'a', errors);
  return { message, causes: details?.causes?.length ?? 0 };
};

test('errors that show a large value cost its text once, and no more is told than can be read', () => {
  const value = Array.from({ length: 20_000 }, (_, i) => `item ${i}`);
  const errors = value.map((_, i) => invalid(`list[${i}]`, value, 'is wrong'));
  const { message, causes } = told(errors);
  assert.ok(message.length < 3 << 20);
  assert.equal(causes, 4);
  assert.match(message, /^Pod "a" is invalid: \[list\[0\]: Invalid value: \["item 0",/);
  assert.ok(message.endsWith(', and 19996 more]'));
});

test('one error is told however long it is', () => {
  const { message, causes } = told([invalid('a', 'x'.repeat(2 << 20), 'is wrong'), required('b')]);
  assert.equal(causes, 1);
  assert.ok(message.endsWith('x": is wrong, and 1 more]'));
});

test('what most objects have wrong is told whole, each text once', () => {
  const errors = [required('a'), required('a'), invalid('b', { c: '<' }, 'is wrong')];
  const { message, causes } = told(errors);
  assert.equal(causes, 3);
  assert.equal(message, 'Pod "a" is invalid: [a: Required value, b: Invalid value: {"c":"\\u003c"}: is wrong]');
});

test('the text of a value is what it is when the error is made', async () => {
  const value = { a: 'x'.repeat(2000) };
  const first = invalid('a', value, '');
  await Promise.resolve();
  value.a = 'y'.repeat(2000);
  assert.notEqual(invalid('a', value, '').message, first.message);
});

test('more errors can be added than a call takes arguments', () => {
  const all: FieldError[] = [];
  addErrors(all, Array<FieldError>(300_000).fill(required('a')));
  assert.equal(all.length, 300_000);
});
