import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { deepClone, deepFreeze } from '../equality.ts';
import { applyMergePatch } from './merge-patch.ts';

type JsonObject = Record<string, unknown>;

describe('JSON merge patch', () => {
  const json = fc.jsonValue({ maxDepth: 3, stringUnit: fc.constantFrom('a', 'b') });

  test('agrees with the pseudo code of RFC 7396 and never writes to its arguments', () => {
    const slow = (target: unknown, patch: unknown): unknown => {
      if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
      const result: JsonObject =
        typeof target === 'object' && target !== null && !Array.isArray(target) ? deepClone(target as JsonObject) : {};
      for (const [name, value] of Object.entries(patch)) {
        if (value === null) delete result[name];
        else result[name] = slow(result[name], value);
      }
      return result;
    };
    fc.assert(
      fc.property(json, json, (target, patch) =>
        assert.deepEqual(applyMergePatch(deepFreeze(target), deepFreeze(patch)), slow(target, patch)),
      ),
    );
  });

  test('__proto__ is a key like any other', () => {
    const patched = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}')) as JsonObject;
    assert.equal(JSON.stringify(patched), '{"__proto__":{"polluted":true}}');
    assert.equal(({} as JsonObject)['polluted'], undefined);
  });
});
