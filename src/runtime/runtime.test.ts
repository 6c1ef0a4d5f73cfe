import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ConfigMap, type KubeObject, Pod, ReplicaSet } from '#api';
import type { Informer, InformerEvent, Informers } from '#client';
import { FakeClock, silentLogger } from '#util';
import { Expectations } from './expectations.ts';
import { runControllers } from './manager.ts';
import { slowStartBatch } from './slow-start.ts';
import { controllerKey, mapped, owned, primary } from './sources.ts';
import type { Controller, Source } from './types.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const object = (name: string, metadata: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace: 'ns',
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...metadata,
  },
});
const ownedBy = (owner: string): Partial<KubeObject['metadata']> => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: `uid-${owner}`, controller: true }],
});

suite('sources', () => {
  test('a change of the primary object wakes its key', () => {
    assert.deepEqual(primary(Pod).keys({ type: 'add', object: object('a') }), ['ns/a']);
  });

  test('a change of an owned object wakes its owner, and after a change of hands both', () => {
    const { keys } = owned(Pod, ReplicaSet);
    assert.deepEqual(keys({ type: 'add', object: object('a') }), []);
    assert.deepEqual(keys({ type: 'add', object: object('a', ownedBy('x')) }), ['ns/x']);
    const event = { type: 'update', object: object('a', ownedBy('x')), old: object('a', ownedBy('y')) } as const;
    assert.deepEqual(keys(event), ['ns/x', 'ns/y']);
  });

  test('an owner of another group or kind is not ours', () => {
    const of = (apiVersion: string, kind: string): KubeObject =>
      object('a', { ownerReferences: [{ apiVersion, kind, name: 'x', uid: 'u', controller: true }] });
    assert.equal(controllerKey(of('apps/v1', 'ReplicaSet'), ReplicaSet), 'ns/x');
    assert.equal(controllerKey(of('apps/v1beta2', 'ReplicaSet'), ReplicaSet), 'ns/x');
    assert.equal(controllerKey(of('example.com/v1', 'ReplicaSet'), ReplicaSet), undefined);
    assert.equal(controllerKey(of('apps/v1', 'StatefulSet'), ReplicaSet), undefined);
  });

  test('a mapped source asks about both sides of an update', () => {
    const { keys } = mapped(Pod, (pod) => [pod.metadata.uid]);
    assert.deepEqual(keys({ type: 'update', object: object('a'), old: object('b') }), ['uid-a', 'uid-b']);
  });
});

suite('expectations', () => {
  test('hold until every creation was seen', () => {
    const expectations = new Expectations(new FakeClock());
    const { keys } = owned(Pod, ReplicaSet, expectations);
    assert.equal(expectations.satisfied('ns/x'), true);
    expectations.expectCreations('ns/x', 2);
    keys({ type: 'add', object: object('a', ownedBy('x')) });
    keys({ type: 'update', object: object('a', ownedBy('x')), old: object('a', ownedBy('x')) });
    assert.equal(expectations.satisfied('ns/x'), false);
    expectations.creationObserved('ns/x');
    assert.equal(expectations.satisfied('ns/x'), true);
  });

  test('a deletion seen twice, terminating and gone, counts once', () => {
    const expectations = new Expectations(new FakeClock());
    const { keys } = owned(Pod, ReplicaSet, expectations);
    expectations.expectDeletions('ns/x', ['ns/a', 'ns/b']);
    const leaving = object('a', { ...ownedBy('x'), deletionTimestamp: '2026-01-01T00:00:00Z' });
    keys({ type: 'update', object: leaving, old: object('a', ownedBy('x')) });
    keys({ type: 'delete', object: leaving });
    assert.equal(expectations.satisfied('ns/x'), false);
    keys({ type: 'delete', object: object('b', ownedBy('x')) });
    assert.equal(expectations.satisfied('ns/x'), true);
  });

  test('are not believed for ever', () => {
    const clock = new FakeClock();
    const expectations = new Expectations(clock);
    expectations.expectCreations('k', 1);
    clock.advance(300_000);
    assert.equal(expectations.satisfied('k'), false);
    clock.advance(1);
    assert.equal(expectations.satisfied('k'), true);
  });
});

test('slow start doubles its batches and stops after the first bad one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(70), fc.nat(80), async (count, failing) => {
      const started: number[] = [];
      let open = 0;
      let widest = 0;
      const { succeeded, error } = await slowStartBatch(count, async (i) => {
        started.push(i);
        widest = Math.max(widest, ++open);
        await tick();
        open--;
        if (i === failing) throw new Error('failed');
      });
      assert.deepEqual(
        started,
        Array.from({ length: started.length }, (_, i) => i),
      );
      if (failing >= count) {
        assert.deepEqual([succeeded, error, started.length], [count, undefined, count]);
        return;
      }
      // Batches end after 1, 3, 7, 15 … calls.
      const end = Math.min(count, 2 ** Math.ceil(Math.log2(failing + 2)) - 1);
      assert.deepEqual([succeeded, started.length], [end - 1, end]);
      assert.ok(error instanceof Error);
      assert.ok(widest <= end / 2 + 1);
    }),
    { numRuns: 40 },
  );
});

/** Informers that tell what the test says. */
function scripted() {
  const handlers = new Set<(event: InformerEvent<KubeObject>) => void>();
  const ready = Promise.withResolvers<void>();
  const informer = {
    whenSynced: () => ready.promise,
    addHandler(handler: (event: InformerEvent<KubeObject>) => void) {
      handlers.add(handler);
      return { [Symbol.dispose]: () => void handlers.delete(handler) };
    },
  } as unknown as Informer<KubeObject>;
  const informers = { informer: () => informer, start: () => ready.promise } as unknown as Informers;
  return {
    informers,
    ready,
    handlers,
    tell: (event: InformerEvent<KubeObject>) => handlers.forEach((handler) => handler(event)),
  };
}

const controller = (reconcile: Controller['reconcile'], source: Source = primary(ConfigMap)): Controller => ({
  name: 'test',
  concurrency: 2,
  sources: [source],
  reconcile,
});

suite('manager', () => {
  test('works only when the caches are complete, and stops when told', async () => {
    const { informers, ready, tell, handlers } = scripted();
    const clock = new FakeClock();
    const seen: string[] = [];
    const stop = new AbortController();
    const manager = runControllers(
      [controller(async (key) => void seen.push(key))],
      { informers, clock, log: silentLogger },
      { signal: stop.signal },
    );
    tell({ type: 'add', object: object('a') });
    await tick();
    assert.deepEqual(seen, []);
    ready.resolve();
    await manager.synced;
    await tick();
    assert.deepEqual(seen, ['ns/a']);
    stop.abort();
    await manager.done;
    assert.equal(handlers.size, 0);
    assert.equal(clock.pending, 0);
  });

  test('a reconcile that throws is logged and comes again later; one that asks to be called again is', async () => {
    const { informers, ready, tell } = scripted();
    ready.resolve();
    const clock = new FakeClock();
    const stop = new AbortController();
    const lines: string[] = [];
    const log = { ...silentLogger, warn: (message: string) => void lines.push(message), with: () => log };
    let calls = 0;
    const reconcile = async (): Promise<{ requeueAfterMs: number } | void> => {
      calls++;
      if (calls === 1) throw new Error('first try');
      if (calls === 2) return { requeueAfterMs: 60_000 };
    };
    const manager = runControllers([controller(reconcile)], { informers, clock, log }, { signal: stop.signal });
    tell({ type: 'add', object: object('a') });
    await tick();
    assert.deepEqual(lines, ['reconcile failed']);
    assert.equal(manager.status()[0]?.lastError, 'first try');
    clock.advance(5);
    await tick();
    assert.equal(calls, 2);
    assert.equal(manager.status()[0]?.delayed, 1);
    clock.advance(60_000);
    await tick();
    const { lastDurationMs, ...status } = manager.status()[0]!;
    assert.equal(lastDurationMs, 0);
    assert.deepEqual(status, {
      name: 'test',
      queueDepth: 0,
      processing: 0,
      delayed: 0,
      reconciles: 3,
      failures: 1,
      lastKey: 'ns/a',
      lastError: 'first try',
    });
    stop.abort();
    await manager.done;
  });

  test('the abort reaches a reconcile under way, which is waited for and not retried', async () => {
    const { informers, ready, tell } = scripted();
    ready.resolve();
    const clock = new FakeClock();
    const stop = new AbortController();
    let ended = false;
    const reconcile: Controller['reconcile'] = async (_key, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await tick();
      ended = true;
      throw signal.reason;
    };
    const manager = runControllers(
      [controller(reconcile)],
      { informers, clock, log: silentLogger },
      { signal: stop.signal },
    );
    tell({ type: 'add', object: object('a') });
    await tick();
    stop.abort();
    await manager.done;
    assert.equal(ended, true);
    assert.deepEqual([manager.status()[0]?.failures, clock.pending], [0, 0]);
  });
});
