import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ConfigMap, keyOf, type KubeObject, StatusError } from '#api';
import { FakeClock, silentLogger } from '#util';
import { newInformers } from './informer.ts';
import { newClient } from './rest.ts';
import { MemoryApi, settle } from './testdata/memory-api.ts';
import type { Informer, InformerOptions } from './types.ts';

async function started(t: { after(fn: () => void): void }, api: MemoryApi, options?: InformerOptions) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const clock = new FakeClock();
  const informers = newInformers({ client: newClient(api), clock, random: () => 0, log: silentLogger });
  const informer = informers.informer(ConfigMap, options);
  const told: string[] = [];
  informer.addHandler(({ type, object }) => told.push(`${type} ${object.metadata.name}`));
  const synced = informers.start({ signal: stop.signal });
  await settle();
  return { informer, informers, told, clock, stop, synced };
}

const names = (informer: Informer<ConfigMap>): string[] =>
  informer
    .list()
    .map((o) => o.metadata.name)
    .toSorted();
const lost = (): StatusError => new StatusError('ServiceUnavailable', 'gone');

suite('informer', () => {
  test('shows what is there, then every change', async (t) => {
    const api = new MemoryApi();
    api.put('a', '1');
    const { informer, told, synced } = await started(t, api);
    await synced;
    assert.equal(informer.synced, true);
    assert.deepEqual(told, ['add a']);
    api.put('a', '2');
    api.put('b', '1');
    api.remove('a');
    assert.deepEqual(told, ['add a', 'update a', 'add b', 'delete a']);
    assert.deepEqual(names(informer), ['b']);
    assert.equal(api.requests.length, 0);
  });

  test('resumes a lost watch where it ended, without a new list', async (t) => {
    const api = new MemoryApi();
    api.put('a', '1');
    const { told, clock } = await started(t, api);
    api.put('b', '1');
    api.dropWatches(lost());
    api.put('c', '1');
    await settle();
    assert.deepEqual(told, ['add a', 'add b']);
    clock.advance(800);
    await settle();
    assert.deepEqual(told, ['add a', 'add b', 'add c']);
    assert.equal(api.watches.at(-1)?.query?.['resourceVersion'], '3');
  });

  test('reads everything again when its place is no longer known, and tells of deletions it missed', async (t) => {
    const api = new MemoryApi();
    api.put('a', '1');
    api.put('b', '1');
    const { informer, told, clock } = await started(t, api);
    api.dropWatches(lost());
    api.remove('a');
    api.put('b', '2');
    api.compact();
    for (let i = 0; i < 3; i++) {
      clock.advance(30_000);
      await settle();
    }
    assert.deepEqual(told, ['add a', 'add b', 'update b', 'delete a']);
    assert.deepEqual(names(informer), ['b']);
  });

  test('falls back to pages and a watch when the server refuses watch lists', async (t) => {
    const api = new MemoryApi();
    api.refuseWatchList = true;
    for (let i = 0; i < 501; i++) api.put(`o${i}`, '1');
    const { informer } = await started(t, api);
    assert.equal(informer.list().length, 501);
    assert.equal(informer.list()[0]?.kind, 'ConfigMap');
    assert.equal(api.requests.length, 2);
    api.remove('o7');
    assert.equal(informer.get('ns/o7'), undefined);
  });

  test('waits longer and longer between failures', async (t) => {
    const api = new MemoryApi();
    api.failures.push(lost(), lost(), lost());
    const { clock, informer } = await started(t, api);
    for (const [delay, attempts] of [
      [800, 2],
      [1600, 3],
      [3200, 4],
    ] as const) {
      clock.advance(delay - 1);
      await settle();
      assert.equal(api.watches.length, attempts - 1);
      clock.advance(1);
      await settle();
      assert.equal(api.watches.length, attempts);
    }
    assert.equal(informer.synced, true);
  });

  test('an object made again under its name is a deletion and an addition', async (t) => {
    const api = new MemoryApi();
    api.put('a', '1');
    const { told, clock } = await started(t, api);
    api.dropWatches(lost());
    api.remove('a');
    api.put('a', '1', 'another-uid');
    api.compact();
    for (let i = 0; i < 3; i++) {
      clock.advance(30_000);
      await settle();
    }
    assert.deepEqual(told, ['add a', 'delete a', 'add a']);
  });

  test('a handler that throws does not keep others from hearing', async (t) => {
    const api = new MemoryApi();
    const { informer } = await started(t, api);
    const heard: string[] = [];
    informer.addHandler(() => {
      throw new Error('broken handler');
    });
    informer.addHandler(({ object }) => heard.push(object.metadata.name));
    api.put('a', '1');
    api.put('b', '1');
    assert.deepEqual(heard, ['a', 'b']);
  });

  test('keeps only metadata when asked to, unless whole objects are there anyway', async (t) => {
    const api = new MemoryApi();
    api.put('a', '1');
    const { informer, informers } = await started(t, api, { metadataOnly: true });
    assert.equal(informer.get('ns/a')?.data, undefined);
    const whole = informers.informer(ConfigMap);
    assert.notEqual(whole, informer);
    assert.equal(informers.informer(ConfigMap, { metadataOnly: true }), whole);
  });

  test('files objects under indexes and takes them out again', async (t) => {
    const api = new MemoryApi();
    const stop = new AbortController();
    t.after(() => stop.abort());
    const informers = newInformers({
      client: newClient(api),
      clock: new FakeClock(),
      random: () => 0,
      log: silentLogger,
    });
    const informer = informers.informer(ConfigMap);
    const valueOf = (object: ConfigMap): string[] => [object.data?.['value'] ?? ''];
    informer.addIndex('value', valueOf);
    informer.addIndex('value', valueOf);
    assert.throws(() => informer.addIndex('value', () => []), /already an index "value"/);
    await informers.start({ signal: stop.signal });
    api.put('a', 'x');
    api.put('b', 'x');
    api.put('a', 'y');
    assert.deepEqual(informer.byIndex('value', 'x').map(keyOf), ['ns/b']);
    assert.deepEqual(informer.byIndex('value', 'y').map(keyOf), ['ns/a']);
    assert.deepEqual(informer.list('ns').length, 2);
    api.remove('a');
    assert.deepEqual(informer.byIndex('value', 'y'), []);
    assert.throws(() => informer.addIndex('late', () => []), /after the start/);
  });

  test('whatever happens to watches, cache and handlers end up with what the server has', async () => {
    const op = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant('put' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('remove' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constantFrom('drop' as const, 'end' as const, 'compact' as const, 'recreate' as const),
          name: fc.constant('a'),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(op, { maxLength: 40 }), fc.boolean(), async (ops, refuse) => {
        const api = new MemoryApi();
        api.refuseWatchList = refuse;
        const stop = new AbortController();
        const clock = new FakeClock();
        const informers = newInformers({ client: newClient(api), clock, random: () => 0, log: silentLogger });
        const informer = informers.informer(ConfigMap);
        const mirror = new Map<string, string>();
        const wrong: string[] = [];
        informer.addHandler(({ type, object }) => {
          const { name, resourceVersion } = object.metadata;
          if (mirror.has(name) !== (type !== 'add')) wrong.push(`${type} ${name}`);
          if (type === 'delete') mirror.delete(name);
          else mirror.set(name, resourceVersion);
        });
        void informers.start({ signal: stop.signal });
        let n = 0;
        for (const step of ops) {
          if (step.do === 'put') api.put(step.name, String(n++));
          else if (step.do === 'remove') api.remove(step.name);
          else if (step.do === 'compact') api.compact();
          else if (step.do === 'recreate') {
            api.remove('a');
            api.put('a', 'again', `uid-${n++}`);
          } else {
            await settle();
            api.dropWatches(step.do === 'drop' ? lost() : undefined);
          }
        }
        for (let i = 0; i < 4; i++) {
          await settle();
          clock.advance(60_000);
        }
        await settle();
        const versions = (objects: Iterable<KubeObject>) =>
          new Map([...objects].map((o) => [o.metadata.name, o.metadata.resourceVersion]));
        const expected = versions(api.objects.values());
        assert.deepEqual(mirror, expected);
        assert.deepEqual(versions(informer.list()), expected);
        assert.deepEqual(wrong, []);
        stop.abort();
        await settle();
        assert.equal(clock.pending, 0);
      }),
      { numRuns: 60 },
    );
  });
});
