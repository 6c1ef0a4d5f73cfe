import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CounterVec, exponentialBuckets, HistogramVec, labelText, numberText } from './exposition.ts';

test('numbers are written as Go writes them, since bounds of buckets are compared as texts', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0'],
    [5, '5'],
    [100_000, '100000'],
    [1_000_000, '1e+06'],
    [1_234_567, '1.234567e+06'],
    [1_700_000_000.123, '1.700000000123e+09'],
    [0.005, '0.005'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [-3, '-3'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [NaN, 'NaN'],
  ];
  for (const [value, text] of cases) assert.equal(numberText(value), text);
  assert.deepEqual(exponentialBuckets(10e-9, 10, 6).map(numberText), [
    '1e-08',
    '1e-07',
    '1e-06',
    '9.999999999999999e-06',
    '9.999999999999999e-05',
    '0.001',
  ]);
});

test('series are kept by their labels, which are escaped and in order', () => {
  assert.equal(labelText({ b: 'say "hi"\n', a: '\\' }), 'a="\\\\",b="say \\"hi\\"\\n"');
  const counter = new CounterVec('requests_total', 'Requests.');
  counter.add('verb="GET"');
  counter.add('verb="PUT"', 2);
  counter.add('verb="GET"');
  assert.deepEqual(counter.lines(), [
    '# HELP requests_total Requests.',
    '# TYPE requests_total counter',
    'requests_total{verb="GET"} 2',
    'requests_total{verb="PUT"} 2',
  ]);
  const histogram = new HistogramVec('seconds', 'Time.', [0.5, 1]);
  for (const value of [0.25, 0.5, 2]) histogram.observe('', value);
  assert.deepEqual(histogram.lines().slice(2), [
    'seconds_bucket{le="0.5"} 2',
    'seconds_bucket{le="1"} 2',
    'seconds_bucket{le="+Inf"} 3',
    'seconds_sum 2.75',
    'seconds_count 3',
  ]);
});
