import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goTime, humanDuration, humanSize, rfc3339Nano, table, truncatedId } from './format.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test('ages are words that get coarser', () => {
  const ages: readonly (readonly [number, string])[] = [
    [999, 'Less than a second'],
    [1500, '1 second'],
    [59 * SECOND, '59 seconds'],
    [MINUTE, 'About a minute'],
    [2 * MINUTE + 50 * SECOND, '2 minutes'],
    [HOUR, 'About an hour'],
    [90 * MINUTE, '2 hours'],
    [47 * HOUR, '47 hours'],
    [2 * DAY, '2 days'],
    [14 * DAY, '2 weeks'],
    [60 * DAY, '2 months'],
    [800 * DAY, '2 years'],
  ];
  for (const [ms, text] of ages) assert.equal(humanDuration(ms), text);
});

test('sizes are in decimal units with so many digits', () => {
  assert.deepEqual(
    [0, 999, 1000, 311_296, 2_134_567, 4_000_000_000].map((bytes) => humanSize(bytes, 3)),
    ['0B', '999B', '1kB', '311kB', '2.13MB', '4GB'],
  );
  assert.equal(humanSize(2_134_567), '2.135MB');
});

test('ids are cut to 13 characters, without the name of their digest', () => {
  assert.equal(truncatedId('0123456789abcdef'), '0123456789abc');
  assert.equal(truncatedId('sha256:0123456789abcdef'), '0123456789abc');
  assert.equal(truncatedId('<none>'), '<none>');
});

test('columns are 20 wide or three more than the longest cell, the last one as it is', () => {
  assert.equal(
    table([
      ['CONTAINER', 'IMAGE', 'POD'],
      ['0123456789abc', 'docker.io/library/busybox:1.35', 'a'],
    ]),
    `CONTAINER           IMAGE                            POD\n0123456789abc       docker.io/library/busybox:1.35   a\n`,
  );
});

test('times have their nanoseconds, without zeros at the end', () => {
  const nanos = '1796600000120000001';
  assert.equal(Date.parse(rfc3339Nano(nanos)), 1_796_600_000_120);
  assert.match(rfc3339Nano(nanos), /^\d{4}-\d\d-\d\dT\d\d:\d\d:20\.120000001(Z|[+-]\d\d:\d\d)$/);
  assert.match(rfc3339Nano('1796600000500000000'), /:20\.5(Z|[+-])/);
  assert.match(rfc3339Nano('1796600000000000000'), /:20(Z|[+-])/);
  assert.match(goTime(nanos), /^\d{4}-\d\d-\d\d \d\d:\d\d:20\.120000001 [+-]\d{4} \S+$/);
});
