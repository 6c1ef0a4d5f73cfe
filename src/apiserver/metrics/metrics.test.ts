import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api';
import { configMapDraft } from '../testdata/objects.ts';
import { type HttpsServer, startHttpsServer } from '../testdata/https.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

/** Samples by name and labels; each metric's samples must stand under its own header. */
async function samples(server: HttpsServer): Promise<Map<string, number>> {
  const { text, headers } = await server.ask('/metrics');
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  const found = new Map<string, number>();
  let family = '';
  for (const line of text.trimEnd().split('\n')) {
    const [, named] = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line) ?? [];
    if (named !== undefined) family = named;
    if (line.startsWith('#')) continue;
    const [, name = '', labels = '', value = ''] = /^([a-z_]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
    assert.ok(name === family || name.replace(/_(?:bucket|sum|count)$/, '') === family, line);
    assert.ok(!found.has(name + labels), `twice: ${line}`);
    found.set(name + labels, Number(value));
  }
  return found;
}

test('requests are counted by what they asked and how they ended', async () => {
  await using server = await startHttpsServer();
  await server.test.client.create(ConfigMap, configMapDraft('a'));
  await server.ask(MAPS);
  await server.ask(`${MAPS}/a`);
  await server.ask(`${MAPS}/none`);
  await server.ask('/api/v1/configmaps');
  await server.ask(`${MAPS}?dryRun=All`, { method: 'POST', body: configMapDraft('b') });
  await server.ask('/livez');
  await server.ask('/api/v1/inventions');
  await server.ask(MAPS, { method: 'BREW' });
  const found = await samples(server);
  const total = (verb: string, scope: string, code: number, dryRun = ''): number | undefined =>
    found.get(
      `apiserver_request_total{code="${code}",component="apiserver",dry_run="${dryRun}",group="",resource="configmaps",scope="${scope}",subresource="",verb="${verb}",version="v1"}`,
    );
  assert.equal(total('LIST', 'namespace', 200), 1);
  assert.equal(total('LIST', 'cluster', 200), 1);
  assert.equal(total('GET', 'resource', 200), 1);
  assert.equal(total('GET', 'resource', 404), 1);
  assert.equal(total('POST', 'resource', 201, 'All'), 1);
  assert.equal(total('other', 'namespace', 405), 1);
  const live =
    'component="apiserver",dry_run="",group="",resource="",scope="",subresource="/livez",verb="GET",version=""';
  assert.equal(found.get(`apiserver_request_total{code="200",${live}}`), 1);
  assert.equal(found.get(`apiserver_request_duration_seconds_count{${live}}`), 1);
  assert.equal(found.get(`apiserver_request_duration_seconds_bucket{${live},le="60"}`), 1);
  assert.ok(![...found.keys()].some((name) => name.includes('inventions') || name.includes('BREW')));
});

test('requests to the datastore, events sent, and who was let in are told', async () => {
  await using server = await startHttpsServer();
  const { client } = server.test;
  const made = await client.create(ConfigMap, configMapDraft('a'));
  await client.update(ConfigMap, { ...made, data: { a: '1' } });
  const watch = server.connect();
  const stream = watch.request({ ':path': `${MAPS}?watch=1&resourceVersion=0` });
  await new Promise((resolve) => stream.once('data', resolve));
  await client.delete(ConfigMap, { namespace: 'default', name: 'a' });
  await new Promise((resolve) => stream.once('data', resolve));
  stream.close();
  const found = await samples(server);
  for (const operation of ['create', 'update', 'delete']) {
    const labels = `group="",operation="${operation}",resource="configmaps"`;
    assert.equal(found.get(`etcd_requests_total{${labels}}`), 1, operation);
    assert.equal(found.get(`etcd_request_duration_seconds_count{${labels}}`), 1, operation);
  }
  const watched = 'group="",resource="configmaps",version="v1"';
  assert.equal(found.get(`apiserver_watch_events_total{${watched}}`), 2);
  assert.equal(found.get(`apiserver_watch_events_sizes_bucket{${watched},le="1024"}`), 2);
  assert.ok(found.get('authentication_attempts{result="success"}')! >= 2);
  assert.ok(found.get('authenticated_user_requests{username="other"}')! >= 2);
  assert.ok(found.get('authorization_attempts_total{result="allowed"}')! >= 2);
});

test('what there is of objects, watchers, connections and the process is told', async () => {
  await using server = await startHttpsServer();
  await server.test.client.create(ConfigMap, configMapDraft('a'));
  const stream = server.connect().request({ ':path': `${MAPS}?watch=1` });
  await new Promise((resolve) => stream.once('data', resolve));
  const found = await samples(server);
  assert.equal(found.get('apiserver_storage_objects{resource="configmaps"}'), 1);
  assert.equal(found.get('apiserver_resource_objects{group="",resource="configmaps"}'), 1);
  assert.equal(found.get('apiserver_resource_objects{group="apps",resource="deployments"}'), 0);
  const watch =
    'apiserver_longrunning_requests{component="apiserver",group="",resource="configmaps",scope="namespace",subresource="",verb="WATCH",version="v1"}';
  assert.equal(found.get(watch), 1);
  assert.ok(found.has('apiserver_current_inflight_requests{request_kind="mutating"}'));
  assert.ok(found.get('apiserver_current_inflight_requests{request_kind="readOnly"}')! >= 1);
  const build = [...found.keys()].find((name) => name.startsWith('kubernetes_build_info{'));
  assert.match(build!, /git_version="v1\.36\.0".*major="1",minor="36"/);
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds'])
    assert.ok(found.get(name)! > 0, name);
  stream.close();
  while ((await samples(server)).get(watch) !== 0) assert.ok(true);
});
