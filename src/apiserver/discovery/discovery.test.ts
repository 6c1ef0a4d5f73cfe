import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiVersionOf, servedKinds } from '#api';
import { type HttpsServer, type Json, startHttpsServer } from '../testdata/https.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

async function aggregated(server: HttpsServer, path: string): Promise<Json[]> {
  const answer = await server.ask(path, { headers: { accept: AGGREGATED } });
  assert.equal(answer.headers['content-type'], 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
  const { kind, apiVersion, items } = answer.json();
  assert.deepEqual([kind, apiVersion], ['APIGroupDiscoveryList', 'apidiscovery.k8s.io/v2']);
  return items;
}

/** Every resource and subresource the aggregated documents tell of, in the words of the old ones. */
async function fromAggregated(server: HttpsServer): Promise<Map<string, Json>> {
  const found = new Map<string, Json>();
  const groups = [...(await aggregated(server, '/api')), ...(await aggregated(server, '/apis'))];
  for (const { metadata, versions } of groups)
    for (const { version, resources } of versions)
      for (const r of resources) {
        const group = metadata.name ?? '';
        const namespaced = r.scope === 'Namespaced';
        const { shortNames, categories } = r;
        const place = `${apiVersionOf({ group, version })} ${r.resource}`;
        const own = { kind: r.responseKind.kind, verbs: r.verbs, singular: r.singularResource, shortNames, categories };
        found.set(place, { namespaced, ...own });
        for (const s of r.subresources ?? [])
          found.set(`${place}/${s.subresource}`, { namespaced, kind: s.responseKind.kind, verbs: s.verbs });
      }
  return found;
}

async function fromLegacy(server: HttpsServer): Promise<Map<string, Json>> {
  const found = new Map<string, Json>();
  const versions: string[] = (await server.ask('/api')).json().versions.map((v: string) => `/api/${v}`);
  for (const group of (await server.ask('/apis')).json().groups) {
    assert.deepEqual((await server.ask(`/apis/${group.name}`)).json(), {
      kind: 'APIGroup',
      apiVersion: 'v1',
      ...group,
    });
    for (const { groupVersion } of group.versions) versions.push(`/apis/${groupVersion}`);
  }
  for (const path of versions) {
    const { groupVersion, resources } = (await server.ask(path)).json();
    for (const { name, namespaced, kind, verbs, singularName, shortNames, categories } of resources) {
      const own = name.includes('/') ? {} : { singular: singularName, shortNames, categories };
      found.set(`${groupVersion} ${name}`, { namespaced, kind, verbs, ...own });
    }
  }
  return found;
}

const sorted = (map: Map<string, Json>): [string, Json][] => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));

test('both forms of discovery tell the same of every kind', async () => {
  await using server = await startHttpsServer();
  const now = await fromAggregated(server);
  assert.deepEqual(sorted(await fromLegacy(server)), sorted(now));
  for (const kind of servedKinds) assert.equal(now.get(`${apiVersionOf(kind)} ${kind.plural}`)?.kind, kind.kind);
});

test('what discovery tells of is there, and can do what it says', async () => {
  await using server = await startHttpsServer();
  for (const [place, { namespaced, verbs }] of await fromAggregated(server)) {
    const [groupVersion = '', resource = ''] = place.split(' ');
    const [plural, subresource] = resource.split('/');
    const root = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
    const collection = `${root}${namespaced ? '/namespaces/default' : ''}/${plural}`;
    if (subresource !== undefined) continue;
    const methods = { list: 'GET', create: 'POST', deletecollection: 'DELETE' };
    for (const [verb, method] of Object.entries(methods)) {
      const { status } = await server.ask(`${collection}?dryRun=All&fieldSelector=metadata.name%3Dnone`, { method });
      assert.equal(status === 405, !verbs.includes(verb), `${verb} ${collection}: ${status}`);
      assert.ok(status < 500 && status !== 404, `${verb} ${collection}: ${status}`);
    }
    const named = { get: 'GET', update: 'PUT', patch: 'PATCH', delete: 'DELETE' };
    for (const [verb, method] of Object.entries(named)) {
      const answer = await server.ask(`${collection}/none`, { method });
      assert.equal(answer.status === 405, !verbs.includes(verb), `${verb} ${collection}/none: ${answer.status}`);
      if (verb === 'get' && answer.status === 404) assert.equal(answer.json().details.kind, plural);
    }
  }
});

test('the root tells every path there is', async () => {
  await using server = await startHttpsServer();
  const { paths } = (await server.ask('/')).json();
  for (const path of paths) assert.equal((await server.ask(path)).status, 200, path);
});

test('every group of discovery has its OpenAPI document', async () => {
  await using server = await startHttpsServer();
  const { paths } = (await server.ask('/openapi/v3')).json();
  const wanted = [...new Set(servedKinds.map((k) => (k.group === '' ? 'api/v1' : `apis/${apiVersionOf(k)}`)))];
  for (const path of wanted) {
    const address = paths[path].serverRelativeURL;
    const answer = await server.ask(address);
    assert.equal(answer.status, 200);
    const again = await server.ask(address, { headers: { 'if-none-match': String(answer.headers['etag']) } });
    assert.deepEqual([again.status, again.body.length], [304, 0]);
    const { components } = answer.json();
    for (const [, name] of answer.text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
      assert.ok(components.schemas[name!] !== undefined, `${path}: ${name}`);
  }
});

test('the version tells what it is compatible with, field by field as upstream', async () => {
  await using server = await startHttpsServer();
  const { major, minor, ...more } = (await server.ask('/version')).json();
  assert.deepEqual([major, minor], ['1', '36']);
  assert.deepEqual(Object.keys(more).slice(0, 5), [
    'emulationMajor',
    'emulationMinor',
    'minCompatibilityMajor',
    'minCompatibilityMinor',
    'gitVersion',
  ]);
  assert.deepEqual(Object.values(more).slice(0, 4), ['1', '36', '1', '35']);
});
