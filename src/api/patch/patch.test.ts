import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeObject } from '../codec/target.ts';
import { deepFreeze } from '../equality.ts';
import type { KubeObject } from '../kind.ts';
import { StatusError } from '../status.ts';
import { applyPatch, type ChangePatchType, parsePatch } from './patch.ts';

type JsonObject = Record<string, unknown>;

const pod = { group: '', version: 'v1', kind: 'Pod', definition: 'core.v1.Pod' };
const original = decodeObject(
  { metadata: { name: 'web', labels: { a: '1' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  pod,
).object;
const send = (type: ChangePatchType, body: unknown): KubeObject =>
  applyPatch(type, deepFreeze(original), parsePatch(type, typeof body === 'string' ? body : JSON.stringify(body)), pod)
    .object;
const error = (type: ChangePatchType, body: unknown): StatusError => {
  try {
    send(type, body);
  } catch (thrown) {
    if (thrown instanceof StatusError) return thrown;
    throw thrown;
  }
  throw new Error('accepted');
};

describe('a patch request', () => {
  test('gives the decoded object', () => {
    assert.deepEqual(
      send('application/strategic-merge-patch+json', { metadata: { labels: { a: null, b: '2' } } }).metadata.labels,
      { b: '2' },
    );
    assert.deepEqual(send('application/merge-patch+json', { metadata: { labels: null } }).metadata.labels, undefined);
    assert.deepEqual(
      send('application/json-patch+json', [{ op: 'add', path: '/metadata/annotations', value: { a: 'b' } }]).metadata
        .annotations,
      { a: 'b' },
    );
  });

  test('shares with the original what it does not touch', () => {
    assert.equal(
      (send('application/merge-patch+json', { metadata: { labels: { z: '1' } } }) as unknown as JsonObject)['spec'],
      (original as unknown as JsonObject)['spec'],
    );
  });

  test('that cannot be applied has the status upstream gives it', () => {
    const cases: [ChangePatchType, unknown, string, number, RegExp][] = [
      ['application/json-patch+json', [{ op: 'test', path: '/a', value: 1 }], 'Invalid', 422, /^the server rejected our request due to an error in our request$/],
      ['application/json-patch+json', {}, 'BadRequest', 400, /^json: cannot unmarshal object into Go value of type jsonpatch\.Patch$/],
      ['application/json-patch+json', Array.from({ length: 10_001 }, () => ({})), 'RequestEntityTooLarge', 413, /maximum operations in a JSON patch is 10000, got 10001$/],
      ['application/json-patch+json', '[{', 'BadRequest', 400, /^unexpected end of JSON input$/],
      ['application/merge-patch+json', 'x', 'BadRequest', 400, /^Invalid JSON Patch$/],
      ['application/strategic-merge-patch+json', [], 'BadRequest', 400, /^json: cannot unmarshal array into Go value of type map\[string\]interface \{\}$/],
      ['application/strategic-merge-patch+json', { spec: { $retainKeys: 1 } }, 'BadRequest', 400, /^invalid patch format of retainKeys$/],
      ['application/strategic-merge-patch+json', { spec: { containers: [{}] } }, '', 500, /does not contain declared merge key: name$/],
      ['application/merge-patch+json', { spec: { containers: 1 } }, 'Invalid', 422, /^ "" is invalid: patch: Invalid value: .*: json: cannot unmarshal number into Go struct field PodSpec\.spec\.containers/],
      ['application/merge-patch+json', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'BadRequest', 400, /^exceeded max depth$/],
    ]; // prettier-ignore
    for (const [type, body, reason, code, text] of cases) {
      const thrown = error(type, body);
      assert.deepEqual([thrown.reason, thrown.code], [reason, code], thrown.message);
      assert.match(thrown.message, text);
    }
  });
});
