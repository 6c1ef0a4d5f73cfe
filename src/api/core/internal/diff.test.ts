import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unifiedDiff } from './diff.ts';

const lines = (count: number, text: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => text(i));

test('equal texts have no differences', () => {
  assert.equal(unifiedDiff(['a', 'b'], ['a', 'b']), '');
});

test('changes far apart stand in hunks of their own, with three lines around each', () => {
  const from = lines(20, (i) => `l${i}`);
  const to = from.with(1, 'x').with(15, 'y');
  assert.equal(
    unifiedDiff(from, to),
    [
      '@@ -1,5 +1,5 @@',
      ' l0\n-l1\n+x\n l2\n l3\n l4',
      '@@ -13,7 +13,7 @@',
      ' l12\n l13\n l14\n-l15\n+y\n l16\n l17\n l18\n',
    ].join('\n'),
  );
});

test('a text that appears from nothing begins at line nought', () => {
  assert.equal(unifiedDiff([], ['a']), '@@ -0,0 +1 @@\n+a\n');
});

test('very long texts are compared from both ends only, and at once', () => {
  const from = lines(200_000, (i) => `l${i % 7}`);
  const to = from.with(100_000, 'x');
  const started = process.cpuUsage();
  const [first] = unifiedDiff(from, to).split('\n');
  const { user, system } = process.cpuUsage(started);
  assert.equal(first, '@@ -99998,7 +99998,7 @@');
  assert.ok((user + system) / 1000 < 2000, 'it does not search all pairs of lines');
});
