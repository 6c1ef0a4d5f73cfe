import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getScaledValueFromIntOrPercent, parseIntOrString } from './intstr.ts';

test('a percentage is scaled and rounded the way asked for', () => {
  assert.equal(getScaledValueFromIntOrPercent('25%', 10, true), 3);
  assert.equal(getScaledValueFromIntOrPercent('25%', 10, false), 2);
  assert.equal(getScaledValueFromIntOrPercent(7, 10, true), 7);
});

test("a string without percent sign is an error with upstream's text", () => {
  assert.throws(() => getScaledValueFromIntOrPercent('7', 10, true), {
    message: 'invalid value for IntOrString: invalid type: string is not a percentage',
  });
  assert.throws(() => getScaledValueFromIntOrPercent('x%', 10, true), {
    message: 'invalid value for IntOrString: invalid value "x%": strconv.Atoi: parsing "x": invalid syntax',
  });
});

test('digits that fit an int32 are a number, all else is text', () => {
  assert.equal(parseIntOrString('8080'), 8080);
  assert.equal(parseIntOrString('http'), 'http');
  assert.equal(parseIntOrString('4294967296'), '4294967296');
});
