import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type HttpsServer, type Json, startHttpsServer } from '../testdata/https.ts';
import { SURFACE, type SurfaceResource } from '../testdata/surface.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const groupVersions = [...new Set(SURFACE.map(({ groupVersion }) => groupVersion))];
const ofVersion = (groupVersion: string): SurfaceResource[] => SURFACE.filter((r) => r.groupVersion === groupVersion);
const rootOf = (groupVersion: string): string => (groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/v1`);

const hashOf = (stored: string): string =>
  createHash('sha256').update(stored).digest().subarray(0, 8).toString('base64');

/** As the old documents show it. */
const legacyForm = ({
  name,
  kind,
  kindVersion,
  namespaced,
  verbs,
  singularName,
  ...rest
}: SurfaceResource): object => ({
  name,
  singularName,
  namespaced,
  ...kindVersion,
  kind,
  verbs,
  ...(rest.shortNames === undefined ? {} : { shortNames: rest.shortNames }),
  ...(rest.categories === undefined ? {} : { categories: rest.categories }),
  ...(rest.stored === undefined ? {} : { storageVersionHash: hashOf(rest.stored) }),
});

test('the table has the 68 resources and 45 subresources of the 22 stable versions', () => {
  assert.equal(new Set(SURFACE.map(({ groupVersion }) => groupVersion)).size, 22);
  const subresources = SURFACE.filter(({ name }) => name.includes('/'));
  assert.deepEqual([SURFACE.length - subresources.length, subresources.length], [68, 45]);
});

test('storage version hashes are what upstream publishes', () => {
  const published = {
    '/v1/ConfigMap': 'qFsyl6wFWjQ=',
    '/v1/Endpoints': 'fWeeMqaN/OA=',
    '/v1/Event': 'r2yiGXH7wu8=',
    '/v1/Namespace': 'Q3oi5N2YM8M=',
    '/v1/Pod': 'xPOwRZ+Yhw8=',
    '/v1/Service': '0/CO1lhkEBI=',
    'autoscaling/v2/HorizontalPodAutoscaler': 'qwQve8ut294=',
  };
  for (const [stored, hash] of Object.entries(published)) assert.equal(hashOf(stored), hash);
});

test('every stable resource is in the old discovery, as upstream shows it', async () => {
  await using server = await startHttpsServer();
  for (const groupVersion of groupVersions) {
    const { kind, groupVersion: named, resources } = (await server.ask(rootOf(groupVersion))).json();
    assert.deepEqual([kind, named], ['APIResourceList', groupVersion]);
    assert.deepEqual(resources, ofVersion(groupVersion).map(legacyForm), groupVersion);
  }
});

async function aggregated(server: HttpsServer, path: string): Promise<Json[]> {
  return (await server.ask(path, { headers: { accept: AGGREGATED } })).json().items;
}

/** As the aggregated document shows a resource with its subresources. */
function aggregatedForm(resource: SurfaceResource): object {
  const { name, kind, namespaced, singularName, verbs, shortNames, categories } = resource;
  const subresources = SURFACE.filter(
    (r) => r.groupVersion === resource.groupVersion && r.name.startsWith(`${name}/`),
  ).map((sub) => ({
    subresource: sub.name.slice(name.length + 1),
    responseKind: { group: '', version: '', ...sub.kindVersion, kind: sub.kind },
    verbs: sub.verbs,
  }));
  return {
    resource: name,
    responseKind: { group: '', version: '', kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singularName,
    verbs,
    ...(shortNames === undefined ? {} : { shortNames }),
    ...(categories === undefined ? {} : { categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}

test('every stable resource is in the aggregated discovery, groups and versions in order', async () => {
  await using server = await startHttpsServer();
  const groups = [...(await aggregated(server, '/api')), ...(await aggregated(server, '/apis'))];
  const told = groups.flatMap(({ metadata, versions }) =>
    versions.map(({ version }: Json) => (metadata.name === undefined ? version : `${metadata.name}/${version}`)),
  );
  assert.deepEqual(told, groupVersions);
  for (const { metadata, versions } of groups)
    for (const { version, freshness, resources } of versions) {
      const groupVersion = metadata.name === undefined ? version : `${metadata.name}/${version}`;
      assert.equal(freshness, 'Current');
      const wanted = ofVersion(groupVersion).filter(({ name }) => !name.includes('/'));
      assert.deepEqual(resources, wanted.map(aggregatedForm), groupVersion);
    }
});

test('every stable resource and subresource answers by its verbs and by no others', async () => {
  await using server = await startHttpsServer();
  const methods: Readonly<Record<string, string>> = {
    create: 'POST',
    update: 'PUT',
    patch: 'PATCH',
    delete: 'DELETE',
    get: 'GET',
  };
  for (const { groupVersion, name, namespaced, verbs } of SURFACE) {
    const [plural, sub] = name.split('/');
    const collection = `${rootOf(groupVersion)}${namespaced ? '/namespaces/default' : ''}/${plural}`;
    const path = sub === undefined ? `${collection}/none` : `${collection}/none/${sub}`;
    for (const [verb, method] of Object.entries(methods)) {
      // Only what has a name of its own is created with one in the path.
      const at = verb === 'create' && sub === undefined ? collection : path;
      const answer = await server.ask(`${at}?dryRun=All`, { method });
      assert.equal(answer.status === 405, !verbs.includes(verb), `${method} ${at}: ${answer.status} ${answer.text}`);
      assert.ok(answer.status < 500, `${method} ${at}: ${answer.status} ${answer.text}`);
      if (answer.status === 404)
        assert.notEqual(answer.json().message, 'the server could not find the requested resource', `${method} ${at}`);
    }
  }
});

test('aggregated discovery is kept by clients as long as it is the same', async () => {
  await using server = await startHttpsServer();
  for (const path of ['/api', '/apis']) {
    const first = await server.ask(path, { headers: { accept: AGGREGATED } });
    const { etag, vary } = first.headers;
    assert.match(String(etag), /^"[0-9A-F]{128}"$/);
    assert.deepEqual([vary, first.headers['cache-control']], ['Accept', 'public']);
    const again = await server.ask(path, { headers: { accept: AGGREGATED, 'if-none-match': String(etag) } });
    assert.deepEqual([again.status, again.text, again.headers['etag']], [304, '', etag]);
    const other = await server.ask(path, { headers: { accept: AGGREGATED, 'if-none-match': '"0"' } });
    assert.equal(other.text, first.text);
  }
});

test('discovery comes in the form that is asked for', async () => {
  await using server = await startHttpsServer();
  const type = async (accept: string, path = '/apis'): Promise<unknown> =>
    (await server.ask(path, { headers: { accept } })).headers['content-type'];
  assert.equal(await type(AGGREGATED), AGGREGATED);
  assert.equal(await type(`${AGGREGATED};profile=nopeer`), AGGREGATED);
  assert.equal(await type(`${AGGREGATED.replace('v=v2', 'v=v2beta1')},application/json`), 'application/json');
  assert.equal(await type(`${AGGREGATED.replace('v=v2', 'v=v2beta1')},${AGGREGATED}`), AGGREGATED);
  assert.equal(await type('application/yaml'), 'application/yaml');
  const accept = 'application/vnd.kubernetes.protobuf';
  for (const path of ['/api', '/apis', '/api/v1', '/apis/apps', '/apis/apps/v1']) {
    const { status, headers } = await server.ask(path, { headers: { accept } });
    assert.deepEqual([path, status, headers['content-type']], [path, 200, accept]);
  }
  const binary = AGGREGATED.replace('application/json', accept);
  for (const path of ['/api', '/apis']) {
    const answer = await server.ask(path, { headers: { accept: binary } });
    assert.equal(answer.headers['content-type'], binary);
    assert.equal(answer.body.subarray(0, 4).toString(), 'k8s\0');
    for (const { resource } of (await aggregated(server, path)).flatMap(({ versions }: Json) => versions[0].resources))
      assert.ok(answer.body.includes(Buffer.from([0x0a, resource.length, ...Buffer.from(resource)])), resource);
  }
  const refused = await server.ask('/apis', { headers: { accept: AGGREGATED.replace('v=v2', 'v=v2beta1') } });
  assert.equal(refused.status, 406);
});
