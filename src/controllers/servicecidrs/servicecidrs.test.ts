import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Service, ServiceCIDR, StatusError } from '#api';
import { startCluster, type TestCluster } from '../testdata/cluster.ts';

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
const BLOCKED =
  'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';

interface Ranges extends TestCluster {
  range(name: string, cidr: string): Promise<unknown>;
  service(name: string, clusterIP: string): Promise<Service>;
  /** Of the condition Ready; undefined when the range is gone. */
  ready(name: string): Promise<string | undefined>;
  /** Deletes it and waits until nobody can be given an address of it. */
  remove(name: string): Promise<void>;
}

async function start(t: Parameters<typeof startCluster>[0]): Promise<Ranges> {
  const cluster = await startCluster(t, (name) => name === 'service-cidr');
  const { client, clock, settled } = cluster;
  return {
    ...cluster,
    async range(name, cidr) {
      await client.create(ServiceCIDR, { metadata: { name }, spec: { cidrs: [cidr] } });
      await settled();
    },
    service: (name, clusterIP) =>
      client.create(Service, { metadata: { namespace: 'default', name }, spec: { clusterIP, ports: [{ port: 80 }] } }),
    async ready(name) {
      try {
        const { status } = await client.get(ServiceCIDR, { name });
        const { status: ready, reason, message } = status.conditions![0]!;
        return [ready, reason, message].filter((text) => text !== '').join(' ');
      } catch (error) {
        if (!StatusError.is(error, 'NotFound')) throw error;
        return undefined;
      }
    },
    async remove(name) {
      await client.delete(ServiceCIDR, { name });
      await settled();
      clock.advance(10_000);
      await settled();
    },
  };
}

test('ranges are told to be ready and cannot go unseen', async (t) => {
  const { client, settled, ready, range, writes } = await start(t);
  await settled();
  await range('more', '192.168.9.0/28');
  for (const name of ['kubernetes', 'more']) {
    assert.equal(await ready(name), 'True Kubernetes Service CIDR is ready');
    assert.deepEqual((await client.get(ServiceCIDR, { name })).metadata.finalizers, [FINALIZER]);
  }
  assert.equal(writes.length, 4, 'a finalizer and a condition for each');
});

test('a range that is deleted gives out nothing more, and goes with the last of its addresses', async (t) => {
  const { client, clock, range, service, ready, remove, settled } = await start(t);
  await range('more', '192.168.9.0/28');
  await service('a', '192.168.9.5');
  await remove('more');
  assert.equal(await ready('more'), `False Terminating ${BLOCKED}`);
  await assert.rejects(service('b', '192.168.9.6'), /the provided network does not match the current range/);
  await client.delete(Service, { namespace: 'default', name: 'a' });
  await settled();
  assert.equal(await ready('more'), undefined);
  await range('unused', '192.168.9.0/28');
  await client.delete(ServiceCIDR, { name: 'unused' });
  await settled();
  assert.notEqual(await ready('unused'), undefined, 'other servers may not have heard of it yet');
  clock.advance(10_000);
  await settled();
  assert.equal(await ready('unused'), undefined);
});

test('a range goes with addresses in use where another one has them', async (t) => {
  const { range, service, ready, remove, clock, settled } = await start(t);
  await range('inner', '192.168.9.0/28');
  await service('a', '192.168.9.5');
  await range('outer', '192.168.8.0/22');
  await remove('inner');
  assert.equal(await ready('inner'), undefined);
  await remove('outer');
  assert.equal(await ready('outer'), `False Terminating ${BLOCKED}`);
  await range('again', '192.168.9.0/28');
  clock.advance(10_000);
  await settled();
  assert.equal(await ready('outer'), undefined);
  assert.equal(await ready('again'), 'True Kubernetes Service CIDR is ready');
});
