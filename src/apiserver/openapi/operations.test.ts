import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { apiVersionOf, servedKinds } from '#api';
import { NO_DESCRIPTIONS } from './descriptions.ts';
import { finished } from '#util';
import { documentV2 } from './v2.ts';

const ROOT = new URL('../../../node_modules/@kubernetes/client-node/dist/gen/apis/', import.meta.url).pathname;

const roots = new Set(servedKinds.map((kind) => (kind.group === '' ? '/api/v1' : `/apis/${apiVersionOf(kind)}`)));

const alone = new Set([
  '/api/',
  '/apis/',
  '/version/',
  '/.well-known/openid-configuration/',
  '/openid/v1/jwks/',
  ...servedKinds.filter(({ group }) => group !== '').map(({ group }) => `/apis/${group}/`),
]);

/** `get /api/v1/pods` → name of the function of the client library generated from upstream's own document, for the versions served here. */
function upstreamOperations(): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(ROOT).filter((name) => name.endsWith('Api.js'))) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const calls = text.matchAll(
      /async (\w+)\([^)]*\) \{(?:(?!\n {4}\}\n)[^])*?localVarPath = '([^']+)'(?:(?!\n {4}\}\n)[^])*?HttpMethod\.([A-Z]+)\)/g,
    );
    for (const [, name = '', own = '', method = ''] of calls) {
      // The library leaves out the last slash of some.
      const path = alone.has(`${own}/`) ? `${own}/` : own;
      const root = path.startsWith('/api/v1/') ? '/api/v1' : path.split('/').slice(0, 4).join('/');
      if (roots.has(root) || alone.has(path)) found.set(`${method.toLowerCase()} ${path}`, name);
    }
  }
  return found;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string }>>>>;
}

test('the document tells of every operation upstream has on the kinds served here, and of no other', () => {
  const theirs = upstreamOperations();
  assert.ok(theirs.size > 600);
  const { paths } = finished(documentV2(servedKinds, 'v1.36.0', NO_DESCRIPTIONS)) as Document;
  const ours = new Map<string, string>();
  for (const [path, item] of Object.entries(paths))
    for (const [method, { operationId }] of Object.entries(item))
      if (operationId !== undefined) ours.set(`${method} ${path}`, operationId);
  assert.deepEqual([...ours.keys()].toSorted(), [...theirs.keys()].toSorted());
  // The library drops the group and version from the names: readCoreV1NamespacedPod is readNamespacedPod there.
  for (const [operation, id] of ours) {
    const [, first = ''] = /^([a-z]+)/.exec(id)!;
    const name = operation === 'get /version/' ? 'getCodeVersion' : theirs.get(operation)!;
    assert.ok(name.startsWith(first), `${operation}: ${id}, ${name}`);
    assert.ok(id.endsWith(name.slice(first.length)), `${operation}: ${id}, ${name}`);
  }
});
