import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  cpuMilli,
  formatQuantity,
  parseQuantity,
  QuantityError,
  quantityOf,
  quantityOfMilli,
  subtractQuantity,
  valueOf,
} from './quantity.ts';

test('a quantity is printed in the canonical form Go prints', () => {
  const cases: Record<string, string> = {
    0: '0', '-0': '0', 100000: '100k', '0.5': '500m', '.5': '500m', '1.5': '1500m', '1000m': '1', '100m': '100m',
    '1.5Gi': '1536Mi', '0.5Gi': '512Mi', '1024Ki': '1Mi', '1000Ki': '1000Ki', '0.5Ki': '512', '0.1Ki': '102400m',
    '-1.5Gi': '-1536Mi', '1e3': '1e3', '1000e3': '1e6', '12E': '12E', '0.0000000001': '1n', '1.25u': '1250n', '0Mi': '0',
    '100000000Ei': '9223372036854775807', '007': '007', '+5': '+5', '1.500': '1.500', '5.': '5.', '1000E': '1000E',
  }; // prettier-ignore
  for (const [text, expected] of Object.entries(cases)) assert.equal(canonicalQuantity(text), expected, text);
});

test("what is no quantity is refused with upstream's text", () => {
  for (const text of ['', 'aoeu', '1.1.M', '1+1.0M', ' 1', '1 m', '-', 'm', '0x10']) {
    assert.throws(() => parseQuantity(text), /^QuantityError: quantities must match the regular expression/, text);
  }
  for (const text of ['1i', '0.1mi', '-3.01e-', '1e', '1Kib', '1e99999999999']) {
    assert.throws(() => parseQuantity(text), QuantityError, text);
  }
  assert.throws(() => parseQuantity('9'.repeat(1_000_000)), QuantityError);
});

test('whole and thousandth values round up', () => {
  assert.equal(valueOf('1500m'), 2);
  assert.equal(valueOf('128Mi'), 134217728);
  assert.equal(valueOf('1G'), 1e9);
  assert.equal(valueOf('-1500m'), -2);
  assert.equal(cpuMilli('0.0005'), 1);
  assert.equal(cpuMilli('2'), 2000);
  assert.equal(cpuMilli('250m'), 250);
  assert.equal(valueOf('1e1000'), 2 ** 63);
});

test('the fast ways to a value agree with the exact one', () => {
  const number = fc.integer({ min: 0, max: 10 ** 9 });
  fc.assert(
    fc.property(number, fc.constantFrom('', 'm', 'Ki', 'Mi', 'Gi', 'k', 'M'), (n, suffix) => {
      const text = `${n}${suffix}`;
      const exact = { ...parseQuantity(text), text: undefined };
      assert.equal(valueOf(text), valueOf(exact));
      assert.equal(cpuMilli(text), cpuMilli(exact));
    }),
  );
});

test('canonical form is stable and keeps the value', () => {
  const text = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.integer({ min: 0, max: 10 ** 6 }),
      fc.integer({ min: 0, max: 10 ** 5 }),
      fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'Ki', 'Mi', 'Gi', 'e3', 'E-2'),
    )
    .map(([sign, whole, part, suffix]) => `${sign}${whole}.${part}${suffix}`);
  fc.assert(
    fc.property(text, (t) => {
      // Rounding up to a nano happens while reading, so it is the quantity read that keeps its value.
      const once = formatQuantity(parseQuantity(t));
      assert.equal(compareQuantity(parseQuantity(t), once), 0);
      assert.equal(formatQuantity(parseQuantity(once)), once);
    }),
  );
});

test('sums keep the format of the first that is not zero', () => {
  assert.equal(formatQuantity(addQuantity('1Gi', '512Mi')), '1536Mi');
  assert.equal(formatQuantity(addQuantity('0', '512Mi')), '512Mi');
  assert.equal(formatQuantity(addQuantity('500m', '1')), '1500m');
  assert.equal(formatQuantity(subtractQuantity('1', '100m')), '900m');
  assert.equal(formatQuantity(quantityOf(2 ** 30, 'BinarySI')), '1Gi');
  assert.equal(formatQuantity(quantityOfMilli(1500)), '1500m');
  assert.equal(compareQuantity('1024Mi', '1Gi'), 0);
  assert.equal(compareQuantity('1', '1001m'), -1);
});
