import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Namespace, Pod, PodDisruptionBudget, PriorityClass, ServiceAccount, type Status, StatusError } from '#api';
import { startTestApiServer, type TestApiServer } from '#testing';

const REF = { namespace: 'default', name: 'web' };
const EVICTION = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web' } };
const evict = ({ client }: TestApiServer): Promise<unknown> => client.createSubresource(Pod, REF, 'eviction', EVICTION);

async function startWithPod(priorityClassName?: string): Promise<TestApiServer> {
  const api = await startTestApiServer();
  await api.client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'default' } });
  if (priorityClassName !== undefined)
    await api.client.create(PriorityClass, {
      metadata: { name: priorityClassName },
      value: 1000,
      preemptionPolicy: 'Never',
    });
  const pod = await api.client.create(Pod, {
    metadata: { ...REF, labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image: 'i' }], priorityClassName, terminationGracePeriodSeconds: 0 },
  });
  const conditions = [{ type: 'Ready', status: 'True' }];
  await api.client.updateStatus(Pod, { ...pod, status: { ...pod.status, phase: 'Running', conditions } });
  return api;
}

async function addBudget(
  { client }: TestApiServer,
  name: string,
  disruptionsAllowed?: number,
  more: Partial<PodDisruptionBudget['status']> = {},
): Promise<void> {
  const budget = await client.create(PodDisruptionBudget, {
    metadata: { name, namespace: 'default' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
  });
  if (disruptionsAllowed === undefined) return;
  const counts = {
    disruptionsAllowed,
    currentHealthy: 1,
    desiredHealthy: 1,
    expectedPods: 1,
    observedGeneration: 1,
    ...more,
  };
  await client.updateStatus(PodDisruptionBudget, { ...budget, status: counts });
}

const violates = (cause: string) => (error: unknown) =>
  StatusError.is(error, 'TooManyRequests') &&
  error.message === "Cannot evict pod as it would violate the pod's disruption budget." &&
  error.details?.causes?.[0]?.message === cause;

test('a pod without a budget is evicted', async () => {
  await using api = await startWithPod();
  await evict(api);
  await assert.rejects(api.client.get(Pod, REF), (error) => StatusError.is(error, 'NotFound'));
});

test('a budget nobody has looked at yet holds its pods', async () => {
  await using api = await startWithPod();
  await addBudget(api, 'b');
  await assert.rejects(evict(api), violates('The disruption budget b is still being processed by the server.'));
});

test('a budget that allows no disruption says what it needs', async () => {
  await using api = await startWithPod();
  await addBudget(api, 'b', 0);
  await assert.rejects(evict(api), violates('The disruption budget b needs 1 healthy pods and has 1 currently'));
  assert.ok(await api.client.get(Pod, REF));
});

test('a budget that allows no disruption says why', async () => {
  const why = (reason: string, message: string): object => ({
    conditions: [
      { type: 'DisruptionAllowed', status: 'False', reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' },
    ],
  });
  const not = 'The disruption budget b does not allow evicting pods currently';
  const CASES: readonly (readonly [status: object, cause: string])[] = [
    [why('SyncFailed', 'no scale'), `${not} because it failed sync: no scale`],
    [why('Busy', 'later'), 'The disruption budget b needs 1 healthy pods and has 1 currently'],
    [{ currentHealthy: 2, ...why('Busy', 'later') }, `${not} (Busy): later`],
    [{ currentHealthy: 2 }, not],
  ];
  for (const [status, cause] of CASES) {
    await using api = await startWithPod();
    await addBudget(api, 'b', 0, status);
    await assert.rejects(evict(api), violates(cause), cause);
  }
});

test('an eviction that is allowed is counted', async () => {
  await using api = await startWithPod();
  await addBudget(api, 'b', 1);
  await evict(api);
  const { status } = await api.client.get(PodDisruptionBudget, { namespace: 'default', name: 'b' });
  assert.equal(status.disruptionsAllowed ?? 0, 0);
  assert.deepEqual(Object.keys(status.disruptedPods ?? {}), ['web']);
});

test('two budgets over one pod are more than can be answered for', async () => {
  await using api = await startWithPod();
  await addBudget(api, 'a', 1);
  await addBudget(api, 'b', 1);
  // Upstream answers 201 with a failure in it, which clients look at.
  const { status, message, code } = (await evict(api)) as Status;
  assert.deepEqual(
    [status, code, message],
    [
      'Failure',
      500,
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    ],
  );
  assert.ok(await api.client.get(Pod, REF));
});

test('a pod that has to end first says that it was evicted', async () => {
  await using api = await startWithPod();
  const pod = await api.client.get(Pod, REF);
  await api.client.update(Pod, { ...pod, metadata: { ...pod.metadata, finalizers: ['example.com/hold'] } });
  await addBudget(api, 'b', 1);
  await api.client.createSubresource(Pod, REF, 'eviction', EVICTION, { query: { dryRun: 'All' } });
  assert.equal((await api.client.get(Pod, REF)).status.conditions?.length, 1);
  await evict(api);
  const { metadata, status } = await api.client.get(Pod, REF);
  assert.ok(metadata.deletionTimestamp);
  const { lastTransitionTime, ...condition } = status.conditions!.at(-1)!;
  assert.ok(lastTransitionTime);
  assert.deepEqual(condition, {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  });
  const budget = await api.client.get(PodDisruptionBudget, { namespace: 'default', name: 'b' });
  assert.deepEqual(
    budget.status.conditions?.map(({ type, status: is, reason, message }) => [type, is, reason, message]),
    [['DisruptionAllowed', 'False', 'InsufficientPods', '']],
  );
  // On its way out it needs no budget.
  await evict(api);
});

test('an eviction meant for another pod of that name does nothing', async () => {
  await using api = await startWithPod();
  const { metadata } = await api.client.get(Pod, REF);
  const withOptions = (deleteOptions: object): Promise<unknown> =>
    api.client.createSubresource(Pod, REF, 'eviction', { ...EVICTION, deleteOptions });
  await assert.rejects(
    withOptions({ preconditions: { uid: 'other' } }),
    new RegExp(
      `^StatusError: Operation cannot be fulfilled on Pod "web": the UID in the precondition \\(other\\) does not match the UID in record \\(${metadata.uid}\\)`,
    ),
  );
  await assert.rejects(
    withOptions({ preconditions: { resourceVersion: '1' } }),
    /the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record/,
  );
  await assert.rejects(
    withOptions({ ignoreStoreReadErrorWithClusterBreakingPotential: true }),
    /can not be set for pod eviction, try after removing the option/,
  );
  assert.deepEqual((await api.client.get(Pod, REF)).status.conditions?.length, 1);
  await withOptions({ preconditions: { resourceVersion: metadata.resourceVersion, uid: metadata.uid } });
  await assert.rejects(api.client.get(Pod, REF), (error) => StatusError.is(error, 'NotFound'));
});

test('a pod that is not ready goes without its budget if that is met, or does not care', async () => {
  const cases = [
    { policy: undefined, counts: { currentHealthy: 1, desiredHealthy: 1 }, goes: true },
    { policy: undefined, counts: { currentHealthy: 0, desiredHealthy: 1 }, goes: false },
    { policy: 'AlwaysAllow', counts: { currentHealthy: 0, desiredHealthy: 1 }, goes: true },
  ];
  for (const { policy, counts, goes } of cases) {
    await using api = await startWithPod();
    const pod = await api.client.get(Pod, REF);
    const conditions = [{ type: 'Ready', status: 'False' }];
    await api.client.updateStatus(Pod, { ...pod, status: { ...pod.status, conditions } });
    await addBudget(api, 'b', 0, counts);
    const at = { namespace: 'default', name: 'b' };
    const budget = await api.client.get(PodDisruptionBudget, at);
    if (policy !== undefined) {
      const spec = { ...budget.spec, unhealthyPodEvictionPolicy: policy };
      const { metadata } = await api.client.update(PodDisruptionBudget, { ...budget, spec });
      const status = { ...budget.status, observedGeneration: metadata.generation };
      await api.client.updateStatus(PodDisruptionBudget, { ...budget, metadata, status });
    }
    if (goes) await evict(api);
    else await assert.rejects(evict(api), /violate the pod's disruption budget/);
    assert.deepEqual((await api.client.get(PodDisruptionBudget, at)).status.disruptedPods ?? {}, {});
  }
});

test('nothing is evicted by hand from a namespace that is going', async () => {
  await using api = await startWithPod();
  await api.client.create(Namespace, { metadata: { name: 'old' }, spec: {} });
  await api.client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'old' } });
  const ref = { namespace: 'old', name: 'web' };
  await api.client.create(Pod, { metadata: ref, spec: { containers: [{ name: 'c', image: 'i' }] } });
  await api.client.delete(Namespace, { name: 'old' });
  await assert.rejects(
    api.client.createSubresource(Pod, ref, 'eviction', EVICTION),
    /pods "web" is forbidden: unable to create new content in namespace old because it is being terminated/,
  );
});

test('a pod gets the priority of its class', async () => {
  await using api = await startWithPod('high');
  const { spec } = await api.client.get(Pod, REF);
  assert.deepEqual([spec.priority, spec.preemptionPolicy], [1000, 'Never']);
});

test('a class that is not there is refused, and the default class is taken where none is named', async () => {
  await using api = await startWithPod();
  const draft = (name: string, priorityClassName?: string): Parameters<typeof api.client.create<Pod>>[1] => ({
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }], priorityClassName },
  });
  await assert.rejects(api.client.create(Pod, draft('a', 'none')), /no PriorityClass with name none was found/);
  for (const value of [7, 5])
    await api.client.create(PriorityClass, { metadata: { name: `d${value}` }, value, globalDefault: true });
  assert.equal((await api.client.create(Pod, draft('b'))).spec.priority, 5);
});
