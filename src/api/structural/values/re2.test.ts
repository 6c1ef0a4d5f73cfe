import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkPattern, compilePattern, forgottenPatterns, type Pattern, PatternError, patternSize } from './re2.ts';

const errorOf = (pattern: string): string => {
  try {
    checkPattern(pattern);
    return '';
  } catch (error) {
    assert.ok(error instanceof PatternError);
    return error.message;
  }
};

test('a pattern that would compile for long is refused in the words Go has for it', () => {
  const large = 'error parsing regexp: expression too large';
  assert.equal(errorOf('x{1000}'.repeat(300)), large);
  assert.equal(errorOf('(a|b){100}'.repeat(1000)), large);
  assert.equal(errorOf('ab'.repeat(500_000)), large);
  assert.equal(errorOf(Array.from({ length: 50_000 }, (_, i) => `k${i}`).join('|')), large);
});

test('patterns that people write are far from too large', () => {
  for (const pattern of [
    '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
    '^arn:[^:]{1,63}:[\\w+=,.@-]{1,1000}$',
    '[[:alpha:]]{64}',
  ])
    assert.equal(errorOf(pattern), '');
});

test('counted repetitions count as often as they repeat, also within each other', () => {
  assert.equal(patternSize('abc'), 3);
  assert.equal(patternSize('a{3}b{2,}c{,5}'), 3 + 2 + 5);
  assert.equal(patternSize('(ab{10}){10}'), 120);
  assert.equal(patternSize('[]a-z{9}]{4}\\{3}'), 4 + 3);
  assert.equal(patternSize('a)b'), 3);
  assert.equal(patternSize('(a{900}){90}'), 12);
});

test('what is kept of patterns has a bound in all', () => {
  const first = compilePattern('first');
  assert.equal(compilePattern('first'), first);
  const before = forgottenPatterns();
  for (let i = 0; i < 240; i++) compilePattern(`x{900}y{900}z{900}${i}`);
  assert.notEqual(compilePattern('first'), first);
  assert.ok(forgottenPatterns() > before);
});

test('the size of a pattern is about that of its program', () => {
  const atom = fc.constantFrom('a', '[a-z]', '\\d', '.', 'ab', '[^]x]', '\\pL');
  const times = fc.constantFrom('', '*', '+', '?', '{3}', '{2,9}', '{4,}', '{0,30}');
  const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
    pattern: fc.array(tie('part'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
    part: fc.oneof(
      { depthSize: 'small' },
      fc.tuple(atom, times).map(([own, count]) => own + count),
      fc.tuple(tie('pattern'), times).map(([own, count]) => `(${own})${count}`),
      fc.tuple(tie('pattern'), tie('pattern')).map(([own, other]) => `(?:${own}|${other})`),
    ),
  }));
  fc.assert(
    fc.property(pattern, (text) => {
      const size = patternSize(text);
      fc.pre(size < 5000);
      const wrong = errorOf(text);
      if (wrong !== '') return;
      const actual = compilePattern(text) as Pattern & { programSize(): number };
      assert.ok(actual.programSize() <= 10 * size + 10, `${text}: ${actual.programSize()}`);
    }),
  );
});
