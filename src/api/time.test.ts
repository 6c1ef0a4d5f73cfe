import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  canonicalMicroTime,
  canonicalTime,
  formatDuration,
  formatMicroTime,
  formatTime,
  humanDuration,
  parseDuration,
  parseDurationMs,
  parseTime,
} from './time.ts';

test('times become UTC with whole seconds', () => {
  assert.equal(canonicalTime('2024-02-29T23:59:59Z'), '2024-02-29T23:59:59Z');
  assert.equal(canonicalTime('2024-01-01T00:00:00.999+02:00'), '2023-12-31T22:00:00Z');
  assert.equal(canonicalTime('0001-01-01T00:00:00Z'), undefined);
  assert.equal(canonicalMicroTime('2024-01-01T01:00:00.123456+01:00'), '2024-01-01T00:00:00.123456Z');
  assert.equal(formatTime(1700000000999), '2023-11-14T22:13:20Z');
  assert.equal(formatMicroTime(1700000000123, 45), '2023-11-14T22:13:20.123045Z');
});

test('the quick way to a canonical time agrees with the full reading', () => {
  const two = fc.nat(70).map((n) => String(n).padStart(2, '0'));
  fc.assert(
    fc.property(
      fc.constantFrom('2024', '2023', '0001', '0000', '9999'),
      two,
      two,
      two,
      two,
      two,
      (y, mo, d, h, mi, s) => {
        const text = `${y}-${mo}-${d}T${h}:${mi}:${s}Z`;
        const result = (read: () => string | undefined): string | undefined => {
          try {
            return read();
          } catch {
            return 'refused';
          }
        };
        const full = result(() => canonicalTime(text.replace('Z', '.0Z')));
        assert.equal(
          result(() => canonicalTime(text)),
          full,
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test('a bad time is refused with the text of Go', () => {
  const message = (text: string): string => {
    try {
      parseTime(text);
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  const layout = '"2006-01-02T15:04:05Z07:00"';
  assert.equal(message('foo'), `parsing time "foo" as ${layout}: cannot parse "foo" as "2006"`);
  assert.equal(message('2024-01-01'), `parsing time "2024-01-01" as ${layout}: cannot parse "" as "T"`);
  assert.equal(
    message('2024-01-01T00:00:00'),
    `parsing time "2024-01-01T00:00:00" as ${layout}: cannot parse "" as "Z07:00"`,
  );
  assert.equal(message('2024-13-01T00:00:00Z'), 'parsing time "2024-13-01T00:00:00Z": month out of range');
  assert.equal(message('2023-02-29T00:00:00Z'), 'parsing time "2023-02-29T00:00:00Z": day out of range');
  assert.equal(message('2024-01-01T00:00:00Zx'), 'parsing time "2024-01-01T00:00:00Zx": extra text: "x"');
  assert.throws(() => canonicalMicroTime('2024-01-01T00:00:00Z'), /cannot parse "Z" as "\.000000"/);
});

test('Go durations are read and written', () => {
  const cases: Record<string, string> = {
    '1h30m': '1h30m0s', '1.5s': '1.5s', '-2ms': '-2ms', 0: '0s', '90s': '1m30s', '1us': '1µs', '1h1ns': '1h0m0.000000001s',
  }; // prettier-ignore
  for (const [text, expected] of Object.entries(cases)) assert.equal(formatDuration(parseDuration(text)), expected);
  assert.equal(parseDurationMs('1.5s'), 1500);
  assert.throws(() => parseDuration('1'), { message: 'time: missing unit in duration "1"' });
  assert.throws(() => parseDuration('1x'), { message: 'time: unknown unit "x" in duration "1x"' });
  assert.throws(() => parseDuration('90000000h'), { message: 'time: invalid duration "90000000h"' });
  assert.throws(() => parseDuration('1toString'), { message: 'time: unknown unit "toString" in duration "1toString"' });
});

test('any duration survives being written and read', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (n) => parseDuration(formatDuration(n)) === n),
  );
});

test('ages are short for a person', () => {
  const cases: [number, string][] = [
    [-5, '<invalid>'], [-1, '0s'], [0, '0s'], [119, '119s'], [120, '2m'], [200, '3m20s'], [599, '9m59s'], [3600, '60m'],
    [10_799, '179m'], [10_800, '3h'], [18_720, '5h12m'], [100_000, '27h'], [172_800, '2d'], [183_600, '2d3h'], [86400 * 30, '30d'],
    [86400 * 800, '2y70d'], [86400 * 365 * 9, '9y'],
  ]; // prettier-ignore
  for (const [seconds, expected] of cases) assert.equal(humanDuration(seconds * 1000), expected, String(seconds));
});
