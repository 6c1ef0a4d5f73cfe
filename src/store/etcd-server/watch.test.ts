import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { FakeClock, silentLogger } from '#util';
import { openEmbeddedStore } from '../embedded/embedded.ts';
import { EtcdChannel } from '../etcd-client/channel.ts';
import { WATCH } from '../etcd-client/methods.ts';
import type { Draft } from '../etcd/codec.ts';
import { FILTER, type WatchRequest, type WatchResponse } from '../etcd/messages.ts';
import { put, write } from '../suite/helpers.ts';
import type { Store } from '../types.ts';
import { newEtcdServer } from './server.ts';

interface Stream {
  send(request: Draft<WatchRequest>): void;
  /** The next response; they come in order. */
  next(): Promise<WatchResponse>;
}

async function open(t: TestContext): Promise<{ store: Store; clock: FakeClock; stream: Stream }> {
  const clock = new FakeClock();
  const store = await openEmbeddedStore({ clock, log: silentLogger, onFatal: (error) => assert.fail(error) });
  const server = newEtcdServer({
    store,
    clock,
    log: silentLogger,
    name: 'test',
    clientURLs: [],
    identity: 'test',
    progressIntervalMs: 60_000,
  });
  const port = await server.listen('127.0.0.1', 0);
  const channel = new EtcdChannel({ endpoints: [`http://127.0.0.1:${port}`] });
  const { stream: call } = await channel.duplex(WATCH);
  const emitter = new EventEmitter();
  const responses: WatchResponse[] = [];
  call.on('data', (response: WatchResponse) => {
    responses.push(response);
    emitter.emit('change');
  });
  call.on('error', () => {}); // ends with the channel
  t.after(async () => {
    call.cancel();
    channel.close();
    await server.close();
    await store.close();
  });
  return {
    store,
    clock,
    stream: {
      send: (request) => void call.write(request),
      async next() {
        while (responses.length === 0) await once(emitter, 'change');
        return responses.shift()!;
      },
    },
  };
}

const told = ({ watchId, events }: WatchResponse): unknown[] => [
  watchId,
  ...events.map(({ type, kv, prevKv }) => `${type} ${kv?.key}=${String(kv?.value)} was ${String(prevKv?.value)}`),
];

test('many watches share a stream, each with its filters and its wish for what was before', async (t) => {
  const { store, stream } = await open(t);
  stream.send({ create: { key: 'a', rangeEnd: 'b', prevKv: true } });
  stream.send({ create: { key: 'a', rangeEnd: 'b', filters: [FILTER.noPut] } });
  stream.send({ create: { key: 'a', rangeEnd: 'b', filters: [FILTER.noDelete], watchId: 7 } });
  for (const id of [0, 1, 7]) {
    const { watchId, created, canceled } = await stream.next();
    assert.deepEqual([watchId, created, canceled], [id, true, false]);
  }
  await write(store, put('a1', 'x'));
  await write(store, { type: 'delete', key: 'a1' });
  const all: unknown[] = [];
  for (let i = 0; i < 4; i++) all.push(told(await stream.next()));
  assert.deepEqual(all, [
    [0, '0 a1=x was undefined'],
    [7, '0 a1=x was undefined'],
    [0, '1 a1= was x'],
    [1, '1 a1= was undefined'],
  ]);
  stream.send({ cancel: { watchId: 0 } });
  const { watchId, canceled } = await stream.next();
  assert.deepEqual([watchId, canceled], [0, true]);
  await write(store, put('a2', 'y'));
  assert.deepEqual(told(await stream.next()), [7, '0 a2=y was undefined']);
});

test('an id that is taken is refused, and so is history that is gone', async (t) => {
  const { store, stream } = await open(t);
  for (let i = 0; i < 10; i++) await write(store, put('a', `${i}`));
  await store.compact(8);
  stream.send({ create: { key: 'a', watchId: 3 } });
  stream.send({ create: { key: 'a', watchId: 3 } });
  stream.send({ create: { key: 'a', startRevision: 4 } });
  assert.equal((await stream.next()).watchId, 3);
  const taken = await stream.next();
  assert.deepEqual([taken.watchId, taken.created, taken.canceled], [-1, true, true]);
  assert.match(taken.cancelReason, /duplicate watch ID/);
  const created = await stream.next();
  assert.deepEqual([created.watchId, created.created, created.canceled], [0, true, false]);
  const gone = await stream.next();
  assert.deepEqual([gone.watchId, gone.canceled, gone.compactRevision], [0, true, 8]);
  assert.match(gone.cancelReason, /required revision has been compacted/);
});

test('quiet watches are told how far the store is, at intervals and when asked', async (t) => {
  const { store, clock, stream } = await open(t);
  stream.send({ create: { key: 'a', progressNotify: true } });
  stream.send({ create: { key: 'b' } });
  await stream.next();
  await stream.next();
  const { revision } = await write(store, put('z', '1'));
  clock.advance(60_000);
  const first = await stream.next();
  assert.deepEqual([first.watchId, first.events.length, first.header?.revision], [0, 0, revision]);
  await write(store, put('a', '1'));
  assert.equal((await stream.next()).events.length, 1);
  clock.advance(60_000); // told something meanwhile: nothing to say
  stream.send({ progress: {} });
  const asked = await stream.next();
  assert.deepEqual([asked.watchId, asked.events.length, asked.header?.revision], [-1, 0, revision + 1]);
});

test('a response that is too large is cut into fragments where the watch asks for it', async (t) => {
  const { store, stream } = await open(t);
  stream.send({ create: { key: 'a', rangeEnd: 'b', fragment: true } });
  await stream.next();
  const value = Buffer.alloc(400_000, 1);
  await store.txn({
    compare: [],
    success: Array.from({ length: 8 }, (_, i) => ({ type: 'put' as const, key: `a${i}`, value })),
  });
  const parts: WatchResponse[] = [];
  do parts.push(await stream.next());
  while (parts.at(-1)!.fragment);
  assert.ok(parts.length > 1);
  assert.deepEqual(
    parts.flatMap(({ events }) => events.map(({ kv }) => kv?.key)),
    Array.from({ length: 8 }, (_, i) => `a${i}`),
  );
});
