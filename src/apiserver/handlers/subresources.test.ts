import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deployment, Event, EventsEvent, Namespace, Node, Pod, type Scale, ServiceAccount, type Status } from '#api';
import type { TestApiServer } from '#testing';
import { deploymentDraft, podDraft, refused, startServer } from '../testdata/objects.ts';

const AT = { namespace: 'default', name: 'a' };
const transport = (t: TestApiServer): ReturnType<TestApiServer['server']['transport']> =>
  t.server.transport({ name: 'admin', groups: ['system:masters'] });

test('scale is read, put and patched', async () => {
  await using t = await startServer();
  const { metadata } = await t.client.create(Deployment, deploymentDraft('a', 2));
  const request = { kind: Deployment, ...AT, subresource: 'scale' } as const;
  const scale = (await transport(t).request({ ...request, verb: 'get' })) as Scale;
  assert.deepEqual(scale, {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name: 'a',
      namespace: 'default',
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      creationTimestamp: metadata.creationTimestamp,
    },
    spec: { replicas: 2 },
    status: { replicas: 0, selector: 'app=a' },
  });
  const put = (await transport(t).request({
    ...request,
    verb: 'update',
    body: { ...scale, spec: { replicas: 5 } },
  })) as Scale;
  assert.equal(put.spec.replicas, 5);
  await refused(
    transport(t).request({ ...request, verb: 'update', body: { ...scale, spec: { replicas: 6 } } }),
    'Conflict',
    'Operation cannot be fulfilled on deployments.apps "a": the object has been modified; please apply your changes to the latest version and try again',
  );
  const patched = (await transport(t).request({
    ...request,
    verb: 'patch',
    patchType: 'application/merge-patch+json',
    body: { spec: { replicas: 7 } },
  })) as Scale;
  assert.equal(patched.spec.replicas, 7);
  const deployment = await t.client.get(Deployment, AT);
  assert.deepEqual([deployment.spec.replicas, deployment.metadata.generation], [7, 3]);
});

test('scale refuses what is no number of replicas', async () => {
  await using t = await startServer();
  await t.client.create(Deployment, deploymentDraft('a'));
  const put = (body: unknown): Promise<unknown> =>
    transport(t).request({ verb: 'update', kind: Deployment, ...AT, subresource: 'scale', body });
  const scale = (replicas: number, name = 'a'): object => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name },
    spec: { replicas },
  });
  await refused(
    put(scale(-1)),
    'Invalid',
    'Scale.autoscaling "a" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
  await refused(put(scale(1, 'b')), 'BadRequest');
  await refused(put(undefined), 'BadRequest');
  await refused(
    transport(t).request({ verb: 'get', kind: Pod, ...AT, subresource: 'scale' }),
    'NotFound',
    'the server could not find the requested resource',
  );
});

test('a pod is bound once', async () => {
  await using t = await startServer();
  const { metadata } = await t.client.create(Pod, podDraft('a'));
  const bind = (body: object): Promise<unknown> => t.client.createSubresource(Pod, AT, 'binding', body);
  await refused(
    bind({ target: { kind: 'Pod' } }),
    'Invalid',
    'Binding "a" is invalid: [target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]',
  );
  await refused(bind({ metadata: { uid: 'other' }, target: { name: 'n' } }), 'Conflict');
  await refused(
    bind({ metadata: { name: 'b' }, target: { name: 'n' } }),
    'BadRequest',
    'name in URL does not match name in Binding object',
  );
  const answer = (await bind({
    metadata: { name: 'a', uid: metadata.uid, annotations: { x: 'y' } },
    target: { kind: 'Node', name: 'n' },
  })) as Status;
  assert.deepEqual([answer.status, answer.code], ['Success', 201]);
  const pod = await t.client.get(Pod, AT);
  assert.equal(pod.spec.nodeName, 'n');
  assert.equal(pod.metadata.generation, 1, 'it is the same pod');
  assert.deepEqual(pod.metadata.annotations, { x: 'y' });
  assert.deepEqual(
    pod.status.conditions?.map(({ type, status }) => [type, status]),
    [['PodScheduled', 'True']],
  );
  const error = await refused(
    bind({ target: { name: 'other' } }),
    'Conflict',
    'Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "n"',
  );
  assert.equal(error.code, 409);
  await t.client.delete(Pod, AT);
  await refused(
    bind({ target: { name: 'n' } }),
    'Conflict',
    'Operation cannot be fulfilled on pods/binding "a": pod a is being deleted, cannot be assigned to a host',
  );
});

test('a pod gets the zone and region of its node, bound or made there, and nothing of one that is not known', async () => {
  await using t = await startServer();
  const zone = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r' };
  await t.client.create(Node, { metadata: { name: 'n', labels: { ...zone, other: 'x' } }, spec: {} });
  const labels = async (name: string): Promise<unknown> =>
    (await t.client.get(Pod, { namespace: 'default', name })).metadata.labels;
  await t.client.create(Pod, podDraft('a'));
  await t.client.createSubresource(Pod, AT, 'binding', { target: { kind: 'Node', name: 'n' } });
  assert.deepEqual(await labels('a'), zone);
  for (const [name, nodeName] of [
    ['made', 'n'],
    ['elsewhere', 'unknown'],
  ] as const)
    await t.client.create(Pod, podDraft(name, { nodeName }));
  assert.deepEqual([await labels('made'), await labels('elsewhere')], [zone, undefined]);
});

test('a binding is refused in a namespace that is going, and takes the place of what was nominated', async () => {
  await using t = await startServer();
  const namespace = 'going';
  await t.client.create(Namespace, { metadata: { name: namespace }, spec: {} });
  await t.client.create(ServiceAccount, { metadata: { name: 'default', namespace } });
  for (const name of ['a', 'b']) await t.client.create(Pod, { ...podDraft(name), metadata: { name, namespace } });
  const conditions = [
    { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no node' },
    { type: 'Other', status: 'True' },
  ];
  const at = { namespace, name: 'a' };
  const pod = await t.client.get(Pod, at);
  await t.client.updateStatus(Pod, { ...pod, status: { ...pod.status, nominatedNodeName: 'm', conditions } });
  const bind = (name: string): Promise<unknown> =>
    t.client.createSubresource(Pod, { namespace, name }, 'binding', { target: { kind: 'Node', name: 'n' } });
  await bind('a');
  const { status } = await t.client.get(Pod, at);
  assert.equal(status.nominatedNodeName, undefined);
  assert.deepEqual(
    status.conditions?.map(({ type, status: is, reason }) => [type, is, reason]),
    [
      ['PodScheduled', 'True', undefined],
      ['Other', 'True', undefined],
    ],
  );
  await t.client.delete(Namespace, { name: namespace });
  await refused(
    bind('b'),
    'Forbidden',
    'pods "b" is forbidden: unable to create new content in namespace going because it is being terminated',
  );
});

test('a pod with scheduling gates is not bound', async () => {
  await using t = await startServer();
  await t.client.create(Pod, podDraft('a', { schedulingGates: [{ name: 'example.com/gate' }] }));
  await refused(
    t.client.createSubresource(Pod, AT, 'binding', { target: { name: 'n' } }),
    'Conflict',
    'Operation cannot be fulfilled on pods/binding "a": pod a has non-empty .spec.schedulingGates',
  );
});

test('an eviction deletes the pod with its grace period', async () => {
  await using t = await startServer();
  await t.client.create(Pod, podDraft('a'));
  await t.client.createSubresource(Pod, AT, 'binding', { target: { name: 'n' } });
  const evict = (body: object): Promise<unknown> => t.client.createSubresource(Pod, AT, 'eviction', body);
  await refused(evict({ metadata: { name: 'b' } }), 'BadRequest', 'name in URL does not match name in Eviction object');
  const answer = (await evict({ metadata: { name: 'a' }, deleteOptions: { gracePeriodSeconds: 7 } })) as Status;
  assert.deepEqual([answer.status, answer.code], ['Success', 201]);
  assert.equal((await t.client.get(Pod, AT)).metadata.deletionGracePeriodSeconds, 7);
  await refused(
    t.client.createSubresource(Pod, { ...AT, name: 'gone' }, 'eviction', {}),
    'NotFound',
    'pods "gone" not found',
  );
});

test('what is not there as a subresource is not found, and verbs it has not are not allowed', async () => {
  await using t = await startServer();
  await t.client.create(Pod, podDraft('a'));
  const ask = (verb: 'get' | 'create' | 'delete', subresource: string): Promise<unknown> =>
    transport(t).request({ verb, kind: Pod, ...AT, subresource });
  await refused(ask('get', 'nothing'), 'NotFound', 'the server could not find the requested resource');
  await refused(
    ask('get', 'binding'),
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  );
  await refused(ask('delete', 'status'), 'MethodNotAllowed');
});

test('events of both groups are the same events', async () => {
  await using t = await startServer();
  const involved = { kind: 'Pod', namespace: 'default', name: 'a' };
  await t.client.create(Event, {
    metadata: { name: 'old', namespace: 'default' },
    involvedObject: involved,
    reason: 'Started',
    message: 'Container started',
    type: 'Normal',
    source: { component: 'kubelet', host: 'n' },
    count: 3,
    firstTimestamp: '2030-01-01T00:00:00Z',
    lastTimestamp: '2030-01-01T00:01:00Z',
  });
  const seen = await t.client.get(EventsEvent, { namespace: 'default', name: 'old' });
  assert.deepEqual(
    [seen.apiVersion, seen.regarding?.name, seen.note, seen.deprecatedCount, seen.deprecatedSource?.component],
    ['events.k8s.io/v1', 'a', 'Container started', 3, 'kubelet'],
  );
  await t.client.create(EventsEvent, {
    metadata: { name: 'new', namespace: 'default' },
    eventTime: '2030-01-01T00:00:00.000000Z',
    reportingController: 'example.com/scheduler',
    reportingInstance: 'me',
    action: 'Binding',
    reason: 'Scheduled',
    regarding: involved,
    note: 'Assigned',
    type: 'Normal',
  });
  const core = await t.client.get(Event, { namespace: 'default', name: 'new' });
  assert.deepEqual(
    [core.apiVersion, core.involvedObject.name, core.message, core.reportingComponent],
    ['v1', 'a', 'Assigned', 'example.com/scheduler'],
  );
  const both = await t.client.list(Event, { namespace: 'default', fieldSelector: 'involvedObject.name=a' });
  assert.equal(both.items.length, 2);
  await t.client.delete(EventsEvent, { namespace: 'default', name: 'old' });
  await refused(t.client.get(Event, { namespace: 'default', name: 'old' }), 'NotFound');
});

test('the status of a node is patched without its spec', async () => {
  await using t = await startServer();
  await t.client.create(Node, { metadata: { name: 'n' }, spec: { podCIDR: '10.0.0.0/24' } });
  const patch = { spec: { unschedulable: true }, status: { capacity: { cpu: '4' } } };
  const node = await t.client.patch(Node, { name: 'n' }, patch, { subresource: 'status' });
  assert.deepEqual([node.spec.unschedulable, node.status.capacity], [undefined, { cpu: '4' }]);
});
