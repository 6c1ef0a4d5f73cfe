import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap, Event, EventsEvent, StatusError } from '#api';
import { openEmbeddedStore } from '#store';
import { FakeClock, silentLogger } from '#util';
import { startServer } from '../testdata/objects.ts';

const HOUR_MS = 3_600_000;

async function start(): Promise<{ t: Awaited<ReturnType<typeof startServer>>; clock: FakeClock }> {
  const clock = new FakeClock(Date.now());
  const store = await openEmbeddedStore({ clock, log: silentLogger, onFatal: (error) => assert.fail(error) });
  return { t: await startServer({ store, clock }), clock };
}

const event = (name: string): Parameters<typeof Event.row>[0] =>
  ({
    metadata: { name, namespace: 'default' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'web' },
    reason: 'Tested',
    message: 'x',
    type: 'Normal',
  }) as Event;

test('events go after an hour, counted from their last write; other things stay', async () => {
  const { t, clock } = await start();
  await using server = t;
  const { client, store } = server;
  await client.create(ConfigMap, { metadata: { name: 'stays', namespace: 'default' } });
  await client.create(Event, event('old'));
  await client.create(Event, event('renewed'));
  clock.advance(HOUR_MS / 2);
  await client.patch(Event, { namespace: 'default', name: 'renewed' }, { count: 2 });
  await client.create(EventsEvent, {
    metadata: { name: 'new', namespace: 'default' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'test.example.com/test',
    reportingInstance: 'test-0',
    action: 'Testing',
    reason: 'Tested',
    type: 'Normal',
    regarding: { kind: 'Pod', namespace: 'default', name: 'web' },
  });
  assert.equal((await store.leases()).length, 2, 'writes of about the same time share a lease');
  clock.advance(HOUR_MS / 2 + 120_000);
  await new Promise(setImmediate);
  const names = (await client.list(Event, { namespace: 'default' })).items.map(({ metadata }) => metadata.name);
  assert.deepEqual(
    names.toSorted((a, b) => a.localeCompare(b)),
    ['new', 'renewed'],
  );
  await assert.rejects(client.get(Event, { namespace: 'default', name: 'old' }), (error) =>
    StatusError.is(error, 'NotFound'),
  );
  clock.advance(HOUR_MS);
  await new Promise(setImmediate);
  assert.equal((await client.list(Event, { namespace: 'default' })).items.length, 0);
  assert.equal((await client.get(ConfigMap, { namespace: 'default', name: 'stays' })).metadata.name, 'stays');
});

test('a lease that somebody revoked is replaced', async () => {
  const { t } = await start();
  await using server = t;
  const { client, store } = server;
  await client.create(Event, event('one'));
  for (const id of await store.leases()) await store.revokeLease(id);
  await client.create(Event, event('two'));
  assert.equal((await client.list(Event, { namespace: 'default' })).items.length, 1);
});
