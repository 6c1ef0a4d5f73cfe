/**
 * managedFields of every write over HTTP. Source of the rules: apiserver pkg/endpoints/handlers/{create,update,patch}.go and apimachinery
 * pkg/util/managedfields v0.36; of many cases test/integration/apiserver/apply/apply_test.go v1.36.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lease, type ManagedFieldsEntry } from '#api';
import { admitted } from '../registry/managed-fields.ts';
import { askH2, type Json } from '../testdata/https.ts';
import { configMapDraft, podDraft } from '../testdata/objects.ts';
import { APPS, NAMESPACE, ownersOf, said, startWriter, type Writer } from '../testdata/writer.ts';

const CM = `${NAMESPACE}/configmaps/cm`;
const MAPS = `${NAMESPACE}/configmaps`;
const PODS = `${NAMESPACE}/pods`;

const configMap = (data: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cm', ...metadata },
  data,
});

const stamped = (entries: readonly ManagedFieldsEntry[]): string[] =>
  entries.map(({ manager, operation, time }) => `${manager} ${operation} ${time?.slice(11, 19)}`);

test('who writes is who it says it is, or what its client is called', async () => {
  await using w = await startWriter();
  const session = w.server.connect();
  const as = async (name: string, agent: string | undefined, query = ''): Promise<string[]> => {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: '1' } };
    const headers = agent === undefined ? {} : { 'user-agent': agent };
    const made = said(201, await askH2(session, `${MAPS}${query}`, { method: 'POST', body, headers }));
    return Object.keys(ownersOf(made.metadata.managedFields));
  };
  assert.deepEqual(await as('a', 'kubelet/v1.36.3 (linux/amd64) kubernetes/abc'), ['kubelet Update v1']);
  assert.deepEqual(await as('b', 'kubectl/v1', '?fieldManager=kubectl-create'), ['kubectl-create Update v1']);
  assert.deepEqual(await as('c', undefined), ['unknown Update v1']);
  assert.deepEqual(await as('d', 'Go-http-client'), ['Go-http-client Update v1']);
});

test('every change moves what it changed to who changed it', async () => {
  await using w = await startWriter();
  const made = said(201, await w.post(MAPS, configMap({ a: '1', b: '1' }), { manager: 'creator' }));
  assert.deepEqual(ownersOf(made.metadata.managedFields), {
    'creator Update v1': 'data.\ndata/a\ndata/b',
  });
  w.clock.jump(1000);
  const put = { ...made, data: { a: '1', b: '2', c: '2' } };
  said(200, await w.put(CM, put, { manager: 'putter' }));
  w.clock.jump(1000);
  said(200, await w.patch('merge', CM, { data: { c: null, d: '3' } }, { manager: 'merger' }));
  w.clock.jump(1000);
  said(
    200,
    await w.patch('json', CM, [{ op: 'add', path: '/metadata/labels', value: { l: 'x' } }], { manager: 'jsoner' }),
  );
  w.clock.jump(1000);
  said(200, await w.patch('strategic', CM, { metadata: { annotations: { n: 'y' } } }, { manager: 'merger' }));
  assert.deepEqual(await w.owners(CM), {
    'creator Update v1': 'data.\ndata/a',
    'jsoner Update v1': 'metadata/labels.\nmetadata/labels/l',
    'merger Update v1': 'data/d\nmetadata/annotations.\nmetadata/annotations/n',
    'putter Update v1': 'data/b',
  });
  assert.deepEqual(stamped((await w.get(CM)).metadata.managedFields), [
    'creator Update 00:00:00',
    'putter Update 00:00:01',
    'jsoner Update 00:00:03',
    'merger Update 00:00:04',
  ]);
});

test('a write that changes nothing is none, whoever makes it', async () => {
  await using w = await startWriter();
  const made = said(201, await w.post(MAPS, configMap({ a: '1' })));
  w.clock.jump(60_000);
  assert.deepEqual(said(200, await w.put(CM, made, { manager: 'other' })), made);
  assert.deepEqual(said(200, await w.put(CM, configMap({ a: '1' }), { manager: 'other' })), made);
  assert.deepEqual(said(200, await w.patch('merge', CM, { data: { a: '1' } }, { manager: 'other' })), made);
  // Only times of managedFields changed: those are the server's.
  const [entry] = made.metadata.managedFields;
  const later = {
    ...made,
    metadata: { ...made.metadata, managedFields: [{ ...entry, time: '2031-01-01T00:00:00Z' }] },
  };
  assert.deepEqual(said(200, await w.put(CM, later)), made);
});

test('who applies first leaves what was there to before-first-apply, if nobody owned it', async () => {
  await using w = await startWriter();
  said(201, await w.post(MAPS, configMap({ a: '1', b: '1' })));
  said(200, await w.patch('merge', CM, { metadata: { managedFields: [{}] } }));
  assert.equal((await w.get(CM)).metadata.managedFields, undefined);
  // Who wanted no owners gets none by updates.
  said(200, await w.patch('merge', CM, { data: { c: '1' } }));
  assert.equal((await w.get(CM)).metadata.managedFields, undefined);
  assert.match(
    said(409, await w.apply(CM, configMap({ a: '2' }))).message,
    /^Apply failed with 1 conflict: conflict with "before-first-apply" using v1: \.data\.a$/,
  );
  said(200, await w.apply(CM, configMap({ a: '1' })));
  assert.deepEqual(await w.owners(CM), {
    'tester Apply v1': 'data/a',
    'before-first-apply Update v1': 'data.\ndata/a\ndata/b\ndata/c',
  });
});

test('all owners are forgotten when a write of the object says so, whatever kind of write', async () => {
  await using w = await startWriter();
  const reset: Record<string, () => Promise<unknown>> = {
    merge: async () => said(200, await w.patch('merge', CM, { metadata: { managedFields: [{}] } })),
    'merge of an empty list': async () => said(200, await w.patch('merge', CM, { metadata: { managedFields: [] } })),
    strategic: async () => said(200, await w.patch('strategic', CM, { metadata: { managedFields: [{}] } })),
    json: async () =>
      said(200, await w.patch('json', CM, [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }])),
    update: async () => said(200, await w.put(CM, configMap({ a: '1' }, { managedFields: [{}] }))),
  };
  for (const [name, forget] of Object.entries(reset)) {
    said(201, await w.apply(CM, configMap({ a: '1' })));
    await forget();
    assert.equal((await w.get(CM)).metadata.managedFields, undefined, name);
    said(200, await w.ask(CM, { method: 'DELETE' }));
  }
  // Through a subresource nobody touches them.
  said(201, await w.post(PODS, podDraft('p')));
  const before = await w.owners(`${PODS}/p`);
  said(200, await w.patch('merge', `${PODS}/p/status`, { metadata: { managedFields: [{}] } }));
  assert.deepEqual(await w.owners(`${PODS}/p`), before);
});

test('managedFields may be rewritten, and what cannot be read does not count', async () => {
  await using w = await startWriter();
  const made = said(201, await w.apply(CM, configMap({ a: '1' })));
  const rewrite = [{ op: 'replace', path: '/metadata/managedFields/0/manager', value: 'moved' }];
  said(200, await w.patch('json', CM, rewrite));
  assert.deepEqual(await w.owners(CM), { 'moved Apply v1': 'data/a' });
  const withEntries = (...managedFields: object[]): object => ({ ...made, metadata: { name: 'cm', managedFields } });
  const [entry] = (await w.get(CM)).metadata.managedFields;
  for (const broken of [
    { ...entry, operation: 'Steal' },
    { ...entry, apiVersion: '' },
    { ...entry, fieldsType: 'FieldsV2' },
    { ...entry, fieldsV1: 'text' },
    { ...entry, fieldsV1: { 'k:{': {} } },
  ]) {
    const answer = await w.put(CM, withEntries(broken));
    assert.ok(answer.status === 200 || answer.status === 400, answer.text);
    assert.deepEqual(await w.owners(CM), { 'moved Apply v1': 'data/a' }, JSON.stringify(broken));
  }
  // What does not remove itself: managedFields that nobody sends.
  said(200, await w.put(CM, configMap({ a: '1' })));
  assert.deepEqual(await w.owners(CM), { 'moved Apply v1': 'data/a' });
  const long = said(422, await w.put(CM, withEntries({ ...entry, manager: 'x'.repeat(129) })));
  assert.match(long.message, /metadata\.managedFields\[0\]\.manager: Too long: may not be more than 128 bytes/);
});

test('more than ten updaters become ancient changes', async () => {
  await using w = await startWriter();
  said(201, await w.post(MAPS, configMap({ base: '1' }), { manager: 'm0' }));
  for (let i = 1; i <= 12; i++) {
    w.clock.jump(1000);
    said(200, await w.patch('merge', CM, { data: { [`k${i}`]: '1' } }, { manager: `m${i}` }));
  }
  const owners = await w.owners(CM);
  assert.deepEqual(
    Object.keys(owners),
    ['ancient-changes', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9', 'm10', 'm11', 'm12'].map((m) => `${m} Update v1`),
  );
  assert.equal(owners['ancient-changes Update v1'], 'data.\ndata/base\ndata/k1\ndata/k2\ndata/k3');
});

test('a pod is owned through each of its paths by who wrote there', async () => {
  await using w = await startWriter();
  const pod = `${PODS}/p`;
  said(
    201,
    await w.post(
      PODS,
      podDraft('p', { containers: [{ name: 'main', image: 'i', resources: { requests: { cpu: '500m' } } }] }),
      { manager: 'creator' },
    ),
  );
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } };
  said(201, await w.post(`${pod}/binding`, binding, { manager: 'kube-scheduler' }));
  // A binding writes past the managers of fields, as upstream's does.
  assert.deepEqual(Object.keys(await w.owners(pod)), ['creator Update v1']);
  const status = { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] };
  said(
    200,
    await w.patch(
      'strategic',
      `${pod}/status`,
      { status, metadata: { labels: { by: 'status' } } },
      { manager: 'kubelet' },
    ),
  );
  assert.deepEqual(
    (await w.owners(pod))['kubelet Update v1 status'],
    'metadata/labels.\nmetadata/labels/by\nstatus/phase\nstatus/podIP\nstatus/podIPs.\nstatus/podIPs/k:{"ip":"10.0.0.1"}.\nstatus/podIPs/k:{"ip":"10.0.0.1"}/ip',
  );
  const debug = { spec: { ephemeralContainers: [{ name: 'debug', image: 'busybox' }] } };
  said(200, await w.patch('strategic', `${pod}/ephemeralcontainers`, debug, { manager: 'kubectl-debug' }));
  const owners = await w.owners(pod);
  assert.match(owners['kubectl-debug Update v1 ephemeralcontainers']!, /^spec\/ephemeralContainers\.\n/);
  const resize = { spec: { containers: [{ name: 'main', resources: { requests: { cpu: '1' } } }] } };
  const resized = await w.patch('strategic', `${pod}/resize`, resize, { manager: 'resizer' });
  said(200, resized);
  assert.equal(
    (await w.owners(pod))['resizer Update v1 resize'],
    'spec/containers/k:{"name":"main"}/resources/requests/cpu',
  );
});

test('namespaces are finalized under the name of that path', async () => {
  await using w = await startWriter();
  const space = '/api/v1/namespaces/extra';
  const made = said(201, await w.post('/api/v1/namespaces', { metadata: { name: 'extra' } }));
  const finalized = { ...made, spec: { finalizers: ['kubernetes', 'example.test/more'] } };
  said(200, await w.put(`${space}/finalize`, finalized, { manager: 'finalizer' }));
  assert.equal((await w.owners(space))['finalizer Update v1 finalize'], 'spec/finalizers');
});

test('client-side apply becomes server-side apply, under the name of kubectl alone', async () => {
  await using w = await startWriter();
  const web = `${APPS}/deployments/web`;
  const config = (replicas: number): Json => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', annotations: {} },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
  const noted = config(2);
  const key = 'kubectl.kubernetes.io/last-applied-configuration';
  noted.metadata.annotations = { [key]: `${JSON.stringify(config(2))}\n` };
  said(201, await w.post(`${APPS}/deployments`, noted, { manager: 'kubectl-client-side-apply' }));
  assert.match(said(409, await w.apply(web, config(3), { manager: 'somebody' })).message, /: \.spec\.replicas$/);
  const applied = said(200, await w.apply(web, config(3), { manager: 'kubectl' }));
  assert.equal(applied.spec.replicas, 3);
  assert.deepEqual(JSON.parse(applied.metadata.annotations[key]), config(3));
  assert.match((await w.owners(web))['kubectl Apply apps/v1']!, /spec\/replicas/);
  // What client-side apply had not set is a conflict for kubectl too.
  said(200, await w.patch('merge', web, { spec: { paused: true } }, { manager: 'kubectl-edit' }));
  const paused = config(3);
  paused.spec.paused = false;
  assert.match(
    said(409, await w.apply(web, paused, { manager: 'kubectl' })).message,
    /"kubectl-edit".*: \.spec\.paused$/,
  );
  said(200, await w.apply(web, paused, { manager: 'kubectl', query: 'force=true' }));
});

test('what is invalid is refused also where owners wrote in another version', async () => {
  await using w = await startWriter();
  const path = (version: string): string =>
    `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers/h`;
  const base = { kind: 'HorizontalPodAutoscaler', metadata: { name: 'h' } };
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const one = { apiVersion: 'autoscaling/v1', ...base, spec: { scaleTargetRef, maxReplicas: 3 } };
  said(201, await w.apply(path('v1'), one, { manager: 'old' }));
  for (const metric of [{ resource: {} }, { object: {} }, { pods: {} }, { external: {} }, { containerResource: {} }]) {
    const spec = { scaleTargetRef, maxReplicas: 3, metrics: [{ type: 'Resource', ...metric }] };
    said(422, await w.put(path('v2'), { apiVersion: 'autoscaling/v2', ...base, spec }, { manager: 'new' }));
  }
  const annotations = {
    'autoscaling.alpha.kubernetes.io/metrics': '[null,1,{"type":"Object","object":null,"pods":5}]',
  };
  const odd = { ...one, metadata: { name: 'h', annotations } };
  said(422, await w.put(path('v1'), odd, { manager: 'new' }));
});

test('owners in one version are owners in the other', async () => {
  await using w = await startWriter();
  const path = (version: string): string =>
    `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers/h`;
  const base = { kind: 'HorizontalPodAutoscaler', metadata: { name: 'h' } };
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const one = (maxReplicas: number, percent: number): object => ({
    apiVersion: 'autoscaling/v1',
    ...base,
    spec: { scaleTargetRef, maxReplicas, targetCPUUtilizationPercentage: percent },
  });
  const two = (maxReplicas: number, percent: number): object => ({
    apiVersion: 'autoscaling/v2',
    ...base,
    spec: {
      scaleTargetRef,
      maxReplicas,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } } },
      ],
    },
  });
  said(201, await w.apply(path('v1'), one(5, 50), { manager: 'old' }));
  assert.match(
    said(409, await w.apply(path('v2'), two(6, 50), { manager: 'new' })).message,
    /^Apply failed with 1 conflict: conflict with "old": \.spec\.maxReplicas$/,
  );
  said(200, await w.apply(path('v2'), two(6, 50), { manager: 'new', query: 'force=true' }));
  const owners = await w.owners(path('v1'));
  assert.doesNotMatch(owners['old Apply autoscaling/v1']!, /maxReplicas/);
  assert.match(owners['new Apply autoscaling/v2']!, /spec\/maxReplicas/);
  // The same manager goes on in another version: one entry, of the version it wrote in last.
  said(200, await w.apply(path('v1'), one(7, 60), { manager: 'new', query: 'force=true' }));
  assert.deepEqual(Object.keys(await w.owners(path('v2'))), ['new Apply autoscaling/v1', 'old Apply autoscaling/v1']);
  const shown = await w.get(path('v2'));
  assert.deepEqual([shown.spec.maxReplicas, shown.spec.metrics[0].resource.target.averageUtilization], [7, 60]);
  const event = (version: string, kind: string): object => ({
    apiVersion: version,
    kind,
    metadata: { name: 'e' },
    ...(version === 'v1' ? { involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' }, reason: 'A' } : {}),
  });
  said(201, await w.post(`${NAMESPACE}/events`, event('v1', 'Event'), { manager: 'kubelet' }));
  const events = '/apis/events.k8s.io/v1/namespaces/default/events/e';
  said(200, await w.patch('merge', events, { metadata: { labels: { l: '1' } } }, { manager: 'labeller' }));
  assert.deepEqual(Object.keys(await w.owners(`${NAMESPACE}/events/e`)), [
    'kubelet Update v1',
    'labeller Update events.k8s.io/v1',
  ]);
});

async function leaseOwners(w: Writer): Promise<string[]> {
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/l';
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'l' },
    spec: { holderIdentity: 'a' },
  };
  said(201, await w.put(path, lease, { manager: 'holder' }));
  return Object.keys(await w.owners(path));
}

test('an update that creates is tracked from the beginning, and must name what the path names', async () => {
  await using w = await startWriter();
  assert.equal(Lease.createOnUpdate, true);
  assert.deepEqual(await leaseOwners(w), ['holder Update coordination.k8s.io/v1']);
  const other = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'x', resourceVersion: '5' } };
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  assert.match(said(400, await w.put(`${path}/y`, other)).message, /does not match the name on the URL \(y\)$/);
  said(201, await w.put(`${path}/x`, other));
});

test('admission may change managedFields, but not into what cannot be read', async () => {
  const entry = { manager: 'm', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: {} };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', ...configMapDraft('cm') } as Json;
  const run = async (managedFields: readonly object[]): Promise<[unknown, string[]]> => {
    object.metadata.managedFields = [entry];
    const warnings: string[] = [];
    const admission = {
      async admit() {
        object.metadata.managedFields = managedFields;
      },
      async validate() {},
    };
    await admitted({ admission }, { object } as Json, { warn: (text) => warnings.push(text) });
    return [object.metadata.managedFields, warnings];
  };
  const good = [{ ...entry, manager: 'n' }];
  assert.deepEqual(await run(good), [good, []]);
  const [kept, warnings] = await run([{ ...entry, fieldsType: 'X' }]);
  assert.deepEqual(kept, [entry]);
  assert.match(
    warnings.join(),
    /^\.metadata\.managedFields was in an invalid state after admission; .*please fix your requests: /,
  );
});
