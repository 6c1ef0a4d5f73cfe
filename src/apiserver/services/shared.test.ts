import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Draft, IPAddress, Service, ServiceCIDR, StatusError } from '#api';
import type { Client } from '#client';
import type { TestApiServer } from '#testing';
import { startShared } from '../testdata/shared.ts';

const draft = (name: string, spec: Partial<Service['spec']> = {}): Draft<Service> => ({
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...spec },
});

const addressesOf = async (client: Client): Promise<string[]> =>
  (await client.list(IPAddress)).items.map(({ metadata }) => metadata.name).toSorted();

test('servers on one store never give out an address or a port twice', async (t) => {
  const { start } = await startShared(t);
  const clients = [(await start()).client, (await start()).client];
  const make = (i: number): Promise<Service> => clients[i % 2]!.create(Service, draft(`s${i}`, { type: 'NodePort' }));
  const made = await Promise.all(Array.from({ length: 200 }, (_, i) => make(i)));
  assert.equal(new Set(made.map(({ spec }) => spec.clusterIP)).size, 200);
  assert.equal(new Set(made.map(({ spec }) => spec.ports?.[0]?.nodePort)).size, 200);
  const used = made.map(({ spec }) => spec.clusterIP!).toSorted();
  for (const client of clients) assert.deepEqual(await addressesOf(client), used);

  // Whoever deletes it, what it had can be had again, of whichever server.
  const [first, other] = [made[0]!, made[1]!];
  await clients[1]!.delete(Service, { namespace: 'default', name: first.metadata.name });
  await clients[0]!.delete(Service, { namespace: 'default', name: other.metadata.name });
  await clients[0]!.create(
    Service,
    draft('again', { clusterIP: first.spec.clusterIP!, type: 'NodePort', ports: first.spec.ports! }),
  );
  await clients[1]!.create(
    Service,
    draft('too', { clusterIP: other.spec.clusterIP!, type: 'NodePort', ports: other.spec.ports! }),
  );
});

test('of servers asked for the same address or port at once, one gives it', async (t) => {
  const { start } = await startShared(t);
  const clients = [(await start()).client, (await start()).client, (await start()).client];
  for (let round = 0; round < 20; round++) {
    const spec: Partial<Service['spec']> =
      round % 2 === 0
        ? { clusterIP: `10.96.1.${round + 1}` }
        : { type: 'NodePort', ports: [{ port: 80, nodePort: 30000 + round }] };
    const made = await Promise.allSettled(
      clients.map((client, i) => client.create(Service, draft(`r${round}-${i}`, spec))),
    );
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const each of made)
      if (each.status === 'rejected') assert.match(String(each.reason), /provided (?:IP|port) is already allocated/);
  }
});

const small = (server: TestApiServer, name: string, cidr: string): Promise<ServiceCIDR> =>
  server.client.create(ServiceCIDR, { metadata: { name }, spec: { cidrs: [cidr] } });

test('a full range is told, and another ServiceCIDR widens it on all servers', async (t) => {
  const { start } = await startShared(t);
  // 14 addresses, of which none are kept for who chooses.
  const one = await start({ serviceCidr: '10.96.0.0/28' });
  const other = await start({ serviceCidr: '10.96.0.0/28' });
  for (let i = 0; i < 14; i++) await (i % 2 === 0 ? one : other).client.create(Service, draft(`s${i}`));
  await assert.rejects(
    other.client.create(Service, draft('full')),
    (error) =>
      StatusError.is(error, 'InternalError') &&
      error.message === 'Internal error occurred: failed to allocate a serviceIP for Service "full": range is full',
  );
  await small(one, 'more', '10.97.0.0/28');
  const made = [await one.client.create(Service, draft('a')), await other.client.create(Service, draft('b'))];
  for (const { spec } of made) assert.match(spec.clusterIP!, /^10\.97\.0\.(?:[1-9]|1[0-4])$/);
  const chosen = await other.client.create(Service, draft('c', { clusterIP: '10.97.0.14' })).catch(() => undefined);
  assert.ok(chosen !== undefined || made.some(({ spec }) => spec.clusterIP === '10.97.0.14'));
  await assert.rejects(
    other.client.create(Service, draft('d', { clusterIP: '10.97.0.15' })),
    /failed to allocate IP 10\.97\.0\.15: the provided network does not match the current range/,
  );
});

test('addresses come from the upper part of a range first', async (t) => {
  const { start } = await startShared(t);
  const { client } = await start({ serviceCidr: '10.96.0.0/27' });
  const last = (service: Service): number => Number(service.spec.clusterIP!.split('.')[3]);
  const numbers: number[] = [];
  for (let i = 0; i < 30; i++) numbers.push(last(await client.create(Service, draft(`s${i}`))));
  assert.deepEqual(
    numbers.slice(0, 14).toSorted((a, b) => a - b),
    Array.from({ length: 14 }, (_, i) => i + 17),
  );
  assert.equal(new Set(numbers).size, 30);
  await assert.rejects(client.create(Service, draft('full')), /range is full/);
});
