import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ConfigMap, CustomResourceDefinition, Deployment, type Kind, type OwnerReference, Pod, ReplicaSet } from '#api';
import { customKindOf } from '../common/custom-kinds.ts';
import { podSpec, startCluster, type TestCluster } from '../testdata/cluster.ts';

const only = (name: string): boolean => name === 'garbagecollector';

const ownedBy = (owner: ConfigMap, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  ...more,
});

const make = ({ client }: TestCluster, name: string, ...owners: OwnerReference[]): Promise<ConfigMap> =>
  client.create(ConfigMap, { metadata: { namespace: 'default', name, ownerReferences: owners } });
const names = async ({ client }: TestCluster): Promise<string[]> =>
  (await client.list(ConfigMap, { namespace: 'default' })).items.map(({ metadata }) => metadata.name).toSorted();
const ref = (name: string) => ({ namespace: 'default', name });

suite('garbage collector', () => {
  test('deletes what has lost its owner, and what that owned', async (t) => {
    const cluster = await startCluster(t, only);
    const a = await make(cluster, 'a');
    const b = await make(cluster, 'b', ownedBy(a));
    await make(cluster, 'c', ownedBy(b));
    await make(cluster, 'free');
    await cluster.client.delete(ConfigMap, ref('a'), { body: { propagationPolicy: 'Background' } });
    await cluster.until('only the free one', async () => (await names(cluster)).length === 1);
    assert.deepEqual(await names(cluster), ['free']);
  });

  test('deletes what names an owner that never was, or one with another uid', async (t) => {
    const cluster = await startCluster(t, only);
    const a = await make(cluster, 'a');
    await make(cluster, 'b', ownedBy(a, { uid: 'other' }));
    await make(cluster, 'c', ownedBy(a, { name: 'nobody' }));
    await make(cluster, 'd', ownedBy(a));
    await cluster.until('the two gone', async () => (await names(cluster)).length === 2);
    assert.deepEqual(await names(cluster), ['a', 'd']);
  });

  test('keeps what has another owner, without the reference to the lost one', async (t) => {
    const cluster = await startCluster(t, only);
    const [a, b] = [await make(cluster, 'a'), await make(cluster, 'b')];
    await make(cluster, 'c', ownedBy(a), ownedBy(b));
    await cluster.client.delete(ConfigMap, ref('a'));
    const refs = async () => (await cluster.client.get(ConfigMap, ref('c'))).metadata.ownerReferences;
    await cluster.until('one reference', async () => (await refs())?.length === 1);
    assert.equal((await refs())?.[0]?.name, 'b');
  });

  test('an owner deleted in the foreground stays until what blocks it is gone', async (t) => {
    const cluster = await startCluster(t, only);
    const a = await make(cluster, 'a');
    const b = await make(cluster, 'b', ownedBy(a, { blockOwnerDeletion: true }));
    await cluster.client.create(ConfigMap, {
      metadata: {
        ...ref('c'),
        ownerReferences: [ownedBy(b, { blockOwnerDeletion: true })],
        finalizers: ['example.com/hold'],
      },
    });
    await cluster.settled();
    await cluster.client.delete(ConfigMap, ref('a'), { body: { propagationPolicy: 'Foreground' } });
    await cluster.until(
      'c terminating',
      async () => (await cluster.client.get(ConfigMap, ref('c'))).metadata.deletionTimestamp !== undefined,
    );
    await cluster.settled();
    assert.deepEqual(await names(cluster), ['a', 'b', 'c']);
    await cluster.client.patch(
      ConfigMap,
      ref('c'),
      { metadata: { finalizers: [] } },
      { type: 'application/merge-patch+json' },
    );
    await cluster.until('all gone', async () => (await names(cluster)).length === 0);
  });

  test('orphans keep living without their reference', async (t) => {
    const cluster = await startCluster(t, only);
    const a = await make(cluster, 'a');
    await make(cluster, 'b', ownedBy(a));
    await cluster.settled();
    await cluster.client.delete(ConfigMap, ref('a'), { body: { propagationPolicy: 'Orphan' } });
    await cluster.until('a gone', async () => !(await names(cluster)).includes('a'));
    await cluster.settled();
    assert.deepEqual((await cluster.client.get(ConfigMap, ref('b'))).metadata.ownerReferences ?? [], []);
  });

  test('two that own each other in the foreground do not wait for ever', async (t) => {
    const cluster = await startCluster(t, only);
    const a = await make(cluster, 'a');
    const b = await make(cluster, 'b', ownedBy(a, { blockOwnerDeletion: true }));
    const refs = [ownedBy(b, { blockOwnerDeletion: true })];
    await cluster.client.patch(ConfigMap, ref('a'), { metadata: { ownerReferences: refs } });
    await cluster.settled();
    await cluster.client.delete(ConfigMap, ref('a'), { body: { propagationPolicy: 'Foreground' } });
    await cluster.until('both gone', async () => (await names(cluster)).length === 0);
  });

  test('an owner of a kind nobody serves is left alone', async (t) => {
    const cluster = await startCluster(t, only);
    await make(cluster, 'a', { apiVersion: 'example.com/v1', kind: 'Thing', name: 'x', uid: 'u' });
    await cluster.settled();
    assert.deepEqual(await names(cluster), ['a']);
  });

  test('takes a deployment down to its pods', async (t) => {
    const cluster = await startCluster(t, (name) => ['garbagecollector', 'deployment', 'replicaset'].includes(name));
    const template = { metadata: { labels: { app: 'web' } }, spec: podSpec };
    await cluster.client.create(Deployment, {
      metadata: ref('web'),
      spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
    });
    await cluster.until('pods', async () => (await cluster.pods()).length === 3);
    await cluster.client.delete(Deployment, ref('web'), { body: { propagationPolicy: 'Background' } });
    await cluster.until('nothing left', async () => {
      const left = [...(await cluster.client.list(ReplicaSet)).items, ...(await cluster.client.list(Pod)).items];
      return left.length === 0;
    });
  });

  test('collects what custom resources own, and custom resources, as long as they are defined', async (t) => {
    const cluster = await startCluster(t, only);
    const { client } = cluster;
    const schema = { openAPIV3Schema: { type: 'object' } };
    await client.create(CustomResourceDefinition, {
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'things', kind: 'Thing' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    const kindNow = async (): Promise<Kind | undefined> =>
      customKindOf(await client.get(CustomResourceDefinition, { name: 'things.example.com' }));
    await cluster.until('the definition in service', async () => (await kindNow()) !== undefined);
    const Thing = (await kindNow())!;
    const [a, b] = [await make(cluster, 'a'), await make(cluster, 'b')];
    const thing = await client.create(Thing, {
      metadata: { namespace: 'default', name: 'thing', ownerReferences: [ownedBy(a), ownedBy(b)] },
    });
    const { apiVersion, kind, metadata } = thing;
    await make(cluster, 'owned', { apiVersion, kind, name: metadata.name, uid: metadata.uid });

    await client.delete(ConfigMap, ref('a'));
    const owners = async () => (await client.get(Thing, ref('thing'))).metadata.ownerReferences ?? [];
    await cluster.until('one owner left', async () => (await owners()).length === 1);
    assert.deepEqual(await names(cluster), ['b', 'owned']);
    await client.delete(ConfigMap, ref('b'));
    await cluster.until('all gone', async () => (await names(cluster)).length === 0);
    assert.deepEqual((await client.list(Thing)).items, []);

    await client.delete(CustomResourceDefinition, { name: 'things.example.com' });
    await cluster.settled();
  });
});
