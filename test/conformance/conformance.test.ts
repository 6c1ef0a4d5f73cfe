import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (file: string): unknown => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));

/** Name of a test of Kubernetes' conformance suite → `file: name` of the test that holds the same here. */
const HELD = read('tests.json') as Record<string, string>;
/** Reason → names of those that are known not to hold yet. What is in neither file is not said to be held. */
const LATER = read('later.json') as Record<string, readonly string[]>;

/**
 * How many the suite of v1.36 has of the SIGs of which all must be in one of the two: the folders apimachinery, auth and kubectl of test/e2e. The suite has
 * 446 in all.
 */
const COMPLETE = { 'api-machinery': 99, auth: 10, cli: 17 };

const titles = new Map<string, ReadonlySet<string>>();

/** Names of the tests of a file. */
function titlesOf(file: string): ReadonlySet<string> {
  const known = titles.get(file);
  if (known !== undefined) return known;
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const calls = text.matchAll(/\b(?:test|step)\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g);
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

test('all of the API, access and kubectl is known to hold or not, and nothing is both', () => {
  const later = Object.values(LATER).flat();
  const all = [...Object.keys(HELD), ...later];
  assert.equal(new Set(all).size, all.length);
  for (const [sig, count] of Object.entries(COMPLETE))
    assert.equal(all.filter((name) => name.startsWith(`[sig-${sig}] `)).length, count, sig);
});
