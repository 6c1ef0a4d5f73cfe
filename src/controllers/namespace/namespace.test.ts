import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ConfigMap, Namespace, Pod, Secret, ServiceAccount, StatusError } from '#api';
import { podSpec, startCluster, type TestCluster } from '../testdata/cluster.ts';

const only = (name: string): boolean => ['namespace', 'serviceaccount', 'root-ca-certificate-publisher'].includes(name);

async function exists({ client }: TestCluster, name: string): Promise<boolean> {
  try {
    await client.get(Namespace, { name });
    return true;
  } catch (error) {
    if (StatusError.is(error, 'NotFound')) return false;
    throw error;
  }
}

const condition = async ({ client }: TestCluster, type: string) =>
  (await client.get(Namespace, { name: 'dev' })).status.conditions?.find((c) => c.type === type);

async function started(t: Parameters<typeof startCluster>[0]): Promise<TestCluster> {
  const cluster = await startCluster(t, only);
  await cluster.client.create(Namespace, { metadata: { name: 'dev' }, spec: {} });
  await cluster.until(
    'service account',
    async () => (await cluster.client.list(ServiceAccount, { namespace: 'dev' })).items.length === 1,
  );
  return cluster;
}

suite('namespace controllers', () => {
  test('every namespace gets its service account and the CA, also after they were deleted or changed', async (t) => {
    const cluster = await started(t);
    const ca = { namespace: 'dev', name: 'kube-root-ca.crt' };
    await cluster.until(
      'CA',
      async () => (await cluster.client.list(ConfigMap, { namespace: 'dev' })).items.length === 1,
    );
    assert.deepEqual((await cluster.client.get(ConfigMap, ca)).data, { 'ca.crt': 'CA' });
    await cluster.client.patch(ConfigMap, ca, { data: { 'ca.crt': 'forged' } });
    await cluster.client.delete(ServiceAccount, { namespace: 'dev', name: 'default' });
    await cluster.until('both back', async () => {
      const accounts = await cluster.client.list(ServiceAccount, { namespace: 'dev' });
      return accounts.items.length === 1 && (await cluster.client.get(ConfigMap, ca)).data?.['ca.crt'] === 'CA';
    });
  });

  test('a deleted namespace goes when all in it is gone', async (t) => {
    const cluster = await started(t);
    await cluster.client.create(Secret, { metadata: { namespace: 'dev', name: 's' } });
    await cluster.client.delete(Namespace, { name: 'dev' });
    await cluster.until('namespace gone', async () => !(await exists(cluster, 'dev')));
    assert.equal((await cluster.client.list(Secret, { namespace: 'dev' })).items.length, 0);
    assert.equal((await cluster.client.list(ServiceAccount, { namespace: 'dev' })).items.length, 0);
  });

  test('waits for pods to end before it deletes what they use, and says so', async (t) => {
    const cluster = await started(t);
    await cluster.client.create(Secret, { metadata: { namespace: 'dev', name: 's' } });
    await cluster.client.create(Pod, { metadata: { namespace: 'dev', name: 'p' }, spec: podSpec });
    await cluster.runPods();
    await cluster.client.delete(Namespace, { name: 'dev' });
    await cluster.until(
      'condition',
      async () => (await condition(cluster, 'NamespaceContentRemaining'))?.status === 'True',
    );
    assert.equal(
      (await condition(cluster, 'NamespaceContentRemaining'))?.message,
      'Some resources are remaining: pods. has 1 resource instances',
    );
    assert.equal((await cluster.client.list(Secret, { namespace: 'dev' })).items.length, 1);
    await cluster.client.delete(Pod, { namespace: 'dev', name: 'p' }, { body: { gracePeriodSeconds: 0 } });
    await cluster.settled();
    assert.equal(await exists(cluster, 'dev'), false);
  });

  test('says which finalizers hold it up', async (t) => {
    const cluster = await started(t);
    const held = { namespace: 'dev', name: 's' };
    await cluster.client.create(Secret, { metadata: { ...held, finalizers: ['example.com/hold'] } });
    await cluster.client.delete(Namespace, { name: 'dev' });
    await cluster.until(
      'condition',
      async () => (await condition(cluster, 'NamespaceFinalizersRemaining'))?.status === 'True',
    );
    const { reason, message } = (await condition(cluster, 'NamespaceFinalizersRemaining')) ?? {};
    assert.deepEqual(
      [reason, message],
      ['SomeFinalizersRemain', 'Some finalizers are remaining: example.com/hold in 1 resource instances'],
    );
    await cluster.client.patch(
      Secret,
      held,
      { metadata: { finalizers: [] } },
      { type: 'application/merge-patch+json' },
    );
    cluster.clock.advance(10_000);
    await cluster.until('namespace gone', async () => !(await exists(cluster, 'dev')));
  });
});
