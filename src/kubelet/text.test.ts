import assert from 'node:assert/strict';
import { it } from 'node:test';
import { goDuration } from './text.ts';

it('prints durations as Go does', () => {
  const cases: [number, string][] = [
    [0, '0s'],
    [345, '345ms'],
    [1200, '1.2s'],
    [10_000, '10s'],
    [80_000, '1m20s'],
    [300_000, '5m0s'],
    [3_723_004, '1h2m3.004s'],
  ];
  for (const [ms, text] of cases) assert.equal(goDuration(ms), text);
});
