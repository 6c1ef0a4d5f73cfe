import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

/**
 * `tests.json`: name of a test of Kubernetes' conformance suite → `file: name` of the test that holds the same here. What is not in it is not held yet.
 */
const HELD = JSON.parse(readFileSync(new URL('tests.json', import.meta.url), 'utf8')) as Record<string, string>;

const titles = new Map<string, ReadonlySet<string>>();

/** Names of the tests of a file. */
function titlesOf(file: string): ReadonlySet<string> {
  const known = titles.get(file);
  if (known !== undefined) return known;
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const calls = text.matchAll(/\btest\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g);
  const found = new Set([...calls].map(([, single = '', double = '']) => (single + double).replaceAll(/\\(.)/g, '$1')));
  titles.set(file, found);
  return found;
}

test('every test that is said to hold one of the conformance suite exists', () => {
  const names = Object.keys(HELD);
  assert.ok(names.length > 0);
  assert.ok(names.every((name) => /^\[sig-[a-z-]+\] \S/.test(name)));
  const missing = Object.entries(HELD).filter(([, place]) => {
    const [, file = '', title = ''] = /^(\S+\.test\.ts): (.+)$/.exec(place) ?? [];
    return !titlesOf(file).has(title);
  });
  assert.deepEqual(missing, []);
});
