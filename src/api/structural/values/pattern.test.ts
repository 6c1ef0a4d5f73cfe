import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesPattern, patternError } from './pattern.ts';

test('a pattern that is none is told in the words of Go', () => {
  assert.equal(patternError('^[a-z]+$'), undefined);
  assert.equal(patternError('+'), 'error parsing regexp: missing argument to repetition operator: `+`');
  assert.equal(patternError('(?=x)'), 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`');
  assert.match(patternError('('.repeat(100_000) + ')'.repeat(100_000))!, /^error parsing regexp: /);
});

test('a pattern is looked for anywhere in the text', () => {
  assert.equal(matchesPattern('abc', 'b'), undefined);
  assert.equal(matchesPattern('abc', '^b'), '^b');
  assert.equal(matchesPattern('😀', '^.$'), undefined);
});
