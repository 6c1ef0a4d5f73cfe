import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { ConfigMap, type Kind, type KubeObject, Pod, StatusError, type WatchEvent } from '#api';
import { FakeClock } from '#util';
import type { TestApiServer } from '#testing';
import { configMapDraft, podDraft, refused, startServer } from '../testdata/objects.ts';

const AT = { namespace: 'default', name: 'a' };
const admin = (t: TestApiServer): ReturnType<TestApiServer['server']['transport']> =>
  t.server.transport({ name: 'admin', groups: ['system:masters'] });

interface Watch extends AsyncDisposable {
  readonly events: WatchEvent[];
  /** Resolves when so many events came; rejects when the watch ends before. */
  atLeast(count: number): Promise<void>;
  /** How the watch ended. */
  readonly over: Promise<StatusError | undefined>;
}

function startWatch(t: TestApiServer, kind: Kind, query: Record<string, string> = {}, namespace?: string): Watch {
  const stop = new AbortController();
  const events: WatchEvent[] = [];
  const waiting = new Set<() => void>();
  const over = admin(t)
    .watch(
      {
        kind,
        namespace,
        query,
        onEvents(some) {
          events.push(...some);
          for (const check of waiting) check();
        },
      },
      { signal: stop.signal },
    )
    .then(
      () => undefined,
      (error: unknown) => error as StatusError,
    );
  return {
    events,
    over,
    atLeast(count) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const check = (): void => void (events.length >= count && resolve());
      waiting.add(check);
      check();
      void over.then((error) => reject(error ?? new Error(`the watch ended after ${events.length} events`)));
      return promise.finally(() => waiting.delete(check));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await over;
    },
  };
}

const brief = (events: readonly WatchEvent[]): string[] =>
  events.map(({ type, object }) => `${type} ${object.metadata.name}`);

test('a watch from a revision tells what came after it, once and in order', async () => {
  await using t = await startServer();
  const first = await t.client.create(ConfigMap, configMapDraft('a'));
  await t.client.create(ConfigMap, configMapDraft('b'));
  await using watch = startWatch(t, ConfigMap, { resourceVersion: first.metadata.resourceVersion });
  await t.client.patch(ConfigMap, AT, { data: { x: 'y' } });
  await t.client.delete(ConfigMap, AT);
  await watch.atLeast(3);
  assert.deepEqual(brief(watch.events), ['ADDED b', 'MODIFIED a', 'DELETED a']);
  const [, changed, gone] = watch.events;
  assert.deepEqual((gone!.object as ConfigMap).data, { key: 'value', x: 'y' });
  assert.equal(Number(gone!.object.metadata.resourceVersion), Number(changed!.object.metadata.resourceVersion) + 1);
});

test('a watch from 0 or from nothing begins with what is there', async () => {
  await using t = await startServer();
  await t.client.create(ConfigMap, configMapDraft('a'));
  for (const query of [{}, { resourceVersion: '0' }] as Record<string, string>[]) {
    await using watch = startWatch(t, ConfigMap, query);
    await watch.atLeast(1);
    assert.deepEqual(brief(watch.events), ['ADDED a']);
  }
  await using later = startWatch(t, ConfigMap, {
    sendInitialEvents: 'false',
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: 'true',
  });
  await nextTurn();
  await t.client.create(ConfigMap, configMapDraft('b'));
  await later.atLeast(1);
  assert.deepEqual(brief(later.events), ['ADDED b']);
});

test('initial events end with a marked bookmark, and the changes made meanwhile follow it', async () => {
  await using t = await startServer();
  await Promise.all(Array.from({ length: 250 }, (_, i) => t.client.create(ConfigMap, configMapDraft(`c${i}`))));
  const { revision } = t.store;
  await using watch = startWatch(t, ConfigMap, {
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: 'true',
    resourceVersion: String(revision),
  });
  await t.client.create(ConfigMap, configMapDraft('late'));
  await watch.atLeast(252);
  const types = watch.events.map((e) => e.type);
  assert.ok(types.slice(0, 250).every((type) => type === 'ADDED'));
  const { metadata } = watch.events[250]!.object;
  assert.equal(types[250], 'BOOKMARK');
  assert.deepEqual(metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
  assert.equal(metadata.resourceVersion, String(revision));
  assert.deepEqual(brief(watch.events.slice(251)), ['ADDED late']);
});

test('objects that come into a selection or leave it are added and deleted', async () => {
  await using t = await startServer();
  await t.client.create(Pod, podDraft('a', {}, { labels: { on: 'yes' } }));
  await t.client.create(Pod, podDraft('b'));
  await using byLabel = startWatch(t, Pod, { labelSelector: 'on=yes' });
  await using byField = startWatch(t, Pod, { fieldSelector: 'spec.nodeName=n' });
  await byLabel.atLeast(1);
  await t.client.patch(Pod, AT, { metadata: { labels: { on: 'no' } } });
  await t.client.patch(Pod, { ...AT, name: 'b' }, { metadata: { labels: { on: 'yes' } } });
  await t.client.patch(Pod, { ...AT, name: 'b' }, { metadata: { labels: { more: 'x' } } });
  await t.client.createSubresource(Pod, { ...AT, name: 'b' }, 'binding', { target: { name: 'n' } });
  await t.client.delete(Pod, { ...AT, name: 'b' }, { body: { gracePeriodSeconds: 0 } });
  await byLabel.atLeast(6);
  assert.deepEqual(brief(byLabel.events), ['ADDED a', 'DELETED a', 'ADDED b', 'MODIFIED b', 'MODIFIED b', 'DELETED b']);
  assert.deepEqual(brief(byField.events), ['ADDED b', 'DELETED b']);
  // What left is shown as it last was within the selection, at the revision of the change that took it out.
  assert.deepEqual(byLabel.events[1]!.object.metadata.labels, { on: 'yes' });
});

test('a watch of a revision too far back is told so', async () => {
  await using t = await startServer();
  const first = await t.client.create(ConfigMap, configMapDraft('a'));
  const value = 'x'.repeat(100_000);
  for (let i = 0; i < 200; i++) await t.client.patch(ConfigMap, AT, { data: { key: `${value}${i}` } });
  await using watch = startWatch(t, ConfigMap, { resourceVersion: first.metadata.resourceVersion });
  const error = await watch.over;
  assert.ok(StatusError.is(error, 'Expired'), String(error));
  assert.equal(error.code, 410);
  assert.match(error.message, new RegExp(`^too old resource version: ${first.metadata.resourceVersion} \\(\\d+\\)$`));
});

test('a watch from a revision to come leaves out what is before it', async () => {
  await using t = await startServer();
  const from = t.store.revision + 1;
  await using watch = startWatch(t, ConfigMap, { resourceVersion: String(from) });
  await t.client.create(ConfigMap, configMapDraft('skipped'));
  await t.client.create(ConfigMap, configMapDraft('told'));
  await watch.atLeast(1);
  assert.deepEqual(brief(watch.events), ['ADDED told']);
});

test('a watch ends when its time is up, with a bookmark for those who want one', async () => {
  const clock = new FakeClock(Date.now());
  await using t = await startServer({ clock });
  const idle = clock.pending;
  await using watch = startWatch(t, ConfigMap, { timeoutSeconds: '90', allowWatchBookmarks: 'true' });
  await nextTurn();
  clock.advance(60_000);
  await watch.atLeast(1);
  clock.advance(30_000);
  assert.equal(await watch.over, undefined);
  assert.deepEqual(
    watch.events.map((e) => e.type),
    ['BOOKMARK', 'BOOKMARK'],
  );
  assert.equal(watch.events[1]!.object.metadata.resourceVersion, String(t.store.revision));
  assert.equal(clock.pending, idle, 'no timer is left behind');
});

test('a watch without a time of its own ends within an hour', async () => {
  const clock = new FakeClock(Date.now());
  await using t = await startServer({ clock });
  await using watch = startWatch(t, ConfigMap);
  await nextTurn();
  clock.advance(3_600_000);
  assert.equal(await watch.over, undefined);
});

test('options of a watch are checked with the texts of upstream', async () => {
  await using t = await startServer();
  const text = 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: ';
  const watch = async (query: Record<string, string>): Promise<void> => {
    await using started = startWatch(t, ConfigMap, query);
    const error = await started.over;
    if (error !== undefined) throw error;
  };
  await refused(
    watch({ sendInitialEvents: 'true' }),
    'Invalid',
    `${text}sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
  );
  await refused(
    watch({ resourceVersionMatch: 'NotOlderThan' }),
    'Invalid',
    `${text}resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided`,
  );
  await refused(watch({ timeoutSeconds: 'long' }), 'BadRequest', 'strconv.ParseInt: parsing "long": invalid syntax');
  await refused(watch({ fieldSelector: 'spec.x=y' }), 'BadRequest');
});

test('a server that goes down ends its watches and takes no new ones', async () => {
  const t = await startServer();
  const watch = startWatch(t, ConfigMap);
  await nextTurn();
  await t[Symbol.asyncDispose]();
  assert.equal(await watch.over, undefined);
  assert.ok(StatusError.is(await startWatch(t, ConfigMap).over, 'ServiceUnavailable'));
});

/** What a cache holds that applies events as an informer does; fails on what no server may say. */
class Mirror {
  readonly objects = new Map<string, KubeObject>();
  #last = 0;

  apply({ type, object }: WatchEvent): void {
    const { name, resourceVersion } = object.metadata;
    const revision = Number(resourceVersion);
    if (type === 'BOOKMARK') return;
    assert.ok(revision > this.#last, `${type} ${name} at ${revision} after ${this.#last}`);
    this.#last = revision;
    const known = this.objects.has(name);
    assert.equal(known, type !== 'ADDED', `${type} ${name} while ${known ? 'known' : 'unknown'}`);
    if (type === 'DELETED') this.objects.delete(name);
    else this.objects.set(name, object);
  }
}

test('whenever a watch begins and whoever writes, it tells each change once, in order', async () => {
  const write = fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    verb: fc.constantFrom('create', 'patch', 'delete', 'label'),
    turns: fc.nat(3),
  });
  const property = fc.asyncProperty(
    fc.array(fc.array(write, { maxLength: 12 }), { minLength: 1, maxLength: 4 }),
    fc.nat(20),
    fc.boolean(),
    async (writers, delayTurns, selective) => {
      await using t = await startServer();
      const from = String(t.store.revision);
      const query = { resourceVersion: from, ...(selective ? { labelSelector: 'on' } : {}) };
      const running = Promise.all(writers.map((own) => runWriter(t, own)));
      for (let i = 0; i < delayTurns; i++) await nextTurn();
      await using watch = startWatch(t, ConfigMap, query, 'default');
      await running;
      await t.client.create(ConfigMap, configMapDraft('end', { labels: { on: '' } }));
      while (!watch.events.some((e) => e.object.metadata.name === 'end')) await watch.atLeast(watch.events.length + 1);
      const mirror = new Mirror();
      for (const event of watch.events) mirror.apply(event);
      const { items } = await t.client.list(ConfigMap, selective ? { labelSelector: 'on' } : {});
      assert.deepEqual([...mirror.objects.keys()].toSorted(), items.map((i) => i.metadata.name).toSorted());
      for (const item of items) assert.deepEqual(mirror.objects.get(item.metadata.name), item);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

async function runWriter(
  t: TestApiServer,
  writes: readonly { name: string; verb: string; turns: number }[],
): Promise<void> {
  for (const { name, verb, turns } of writes) {
    for (let i = 0; i < turns; i++) await nextTurn();
    const at = { namespace: 'default', name };
    const done = {
      create: () => t.client.create(ConfigMap, configMapDraft(name)),
      patch: () => t.client.patch(ConfigMap, at, { data: { [`k${turns}`]: 'v' } }),
      delete: () => t.client.delete(ConfigMap, at),
      label: () => t.client.patch(ConfigMap, at, { metadata: { labels: { on: turns % 2 === 0 ? 'x' : null } } }),
    }[verb]!;
    try {
      await done();
    } catch (error) {
      if (!StatusError.is(error, 'NotFound', 'AlreadyExists')) throw error;
    }
  }
}
