/** What every backend must do, as tests: a backend's test file calls `testStore` with a way to open an empty store. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Key, type Store, StoreError } from '../types.ts';
import { all, lines, type OpenStore, put, Recorder, rejects, revisionOf, show, under, write } from './helpers.ts';
import { testNestedTransactions } from './nested.ts';

export function testStore(backend: string, open: OpenStore): void {
  void describe(`${backend} as a store`, () => {
    testTransactions(open);
    testNestedTransactions(open);
    testRanges(open);
    testWatches(open);
    testCompaction(open);
    testLeases(open);
  });
}

function testTransactions(open: OpenStore): void {
  void it('gives each write the next revision and counts the versions of a key from its creation', async (t) => {
    const { store } = await open(t);
    const start = await revisionOf(store);
    assert.equal((await write(store, put('a', '1'))).revision, start + 1);
    assert.equal((await write(store, put('a', '2'))).revision, start + 2);
    assert.deepEqual(await lines(store), [`a=2 ${start + 1}/${start + 2}/2`]);
    await write(store, { type: 'delete', key: 'a' });
    await write(store, put('a', '3'));
    assert.deepEqual(await lines(store), [`a=3 ${start + 4}/${start + 4}/1`]);
    assert.equal(await revisionOf(store), start + 4);
  });

  void it('writes all operations of a transaction in one revision', async (t) => {
    const { store } = await open(t);
    await write(store, put('old', 'x'));
    const { revision, results } = await write(
      store,
      put('a', '1'),
      { type: 'delete', key: 'old', prevKv: true },
      put('b', '2'),
      { type: 'range', ...all },
    );
    assert.deepEqual(await lines(store), [`a=1 ${revision}/${revision}/1`, `b=2 ${revision}/${revision}/1`]);
    const [, deletion, , range] = results;
    assert.ok(deletion?.type === 'delete' && range?.type === 'range');
    assert.equal(deletion.deleted, 1);
    assert.deepEqual(deletion.prevKvs.map(show), [`old=x ${revision - 1}/${revision - 1}/1`]);
    assert.deepEqual(
      range.kvs.map(({ key }) => key),
      ['a', 'b'],
    );
  });

  void it('spends no revision on a transaction that changes nothing', async (t) => {
    const { store } = await open(t);
    const { revision } = await write(store, put('a', '1'));
    const result = await write(store, { type: 'delete', key: 'b' }, { type: 'range', key: 'a' });
    assert.deepEqual(result.results[0], { type: 'delete', deleted: 0, prevKvs: [] });
    assert.equal(result.revision, revision);
    assert.equal(await revisionOf(store), revision);
  });

  void it('does success if all comparisons hold and failure if one does not', async (t) => {
    const { store } = await open(t);
    const { revision } = await write(store, put('a', 'm'));
    const holds = async (...compare: Parameters<Store['txn']>[0]['compare'][number][]): Promise<boolean> =>
      (await store.txn({ compare, success: [] })).succeeded;
    assert.equal(await holds({ key: 'a', target: 'modRevision', result: '=', number: revision }), true);
    assert.equal(await holds({ key: 'a', target: 'modRevision', result: '<', number: revision }), false);
    assert.equal(await holds({ key: 'a', target: 'createRevision', result: '>', number: revision - 1 }), true);
    assert.equal(await holds({ key: 'a', target: 'version', result: '!=', number: 1 }), false);
    assert.equal(await holds({ key: 'a', target: 'value', result: '>', value: Buffer.from('l') }), true);
    assert.equal(await holds({ key: 'a', target: 'value', result: '<', value: Buffer.from('l') }), false);
    assert.equal(await holds({ key: 'none', target: 'modRevision', result: '=', number: 0 }), true);
    assert.equal(await holds({ key: 'none', target: 'value', result: '=', value: Buffer.alloc(0) }), false);
    assert.equal(
      await holds(
        { key: 'a', target: 'version', result: '=', number: 1 },
        { key: 'a', target: 'version', result: '=', number: 2 },
      ),
      false,
    );
    const { succeeded, results } = await store.txn({
      compare: [{ key: 'a', target: 'version', result: '=', number: 7 }],
      success: [put('a', 'never')],
      failure: [{ type: 'range', key: 'a' }],
    });
    assert.equal(succeeded, false);
    assert.ok(results[0]?.type === 'range');
    assert.equal(results[0].kvs[0]?.value.toString(), 'm');
  });

  void it('lets one of many concurrent compare-and-swaps win', async (t) => {
    const { store } = await open(t);
    const attempts = Array.from({ length: 20 }, (_, i) =>
      store.txn({
        compare: [{ key: 'a', target: 'modRevision', result: '=', number: 0 }],
        success: [put('a', `${i}`)],
        failure: [{ type: 'range', key: 'a' }],
      }),
    );
    const results = await Promise.all(attempts);
    assert.equal(results.filter(({ succeeded }) => succeeded).length, 1);
    const [{ value } = { value: undefined }] = (await store.range({ key: 'a' })).kvs;
    for (const {
      succeeded,
      results: [result],
    } of results) {
      if (!succeeded) assert.deepEqual(result?.type === 'range' && result.kvs[0]?.value, value);
    }
  });

  void it('refuses a transaction that writes a key twice and changes nothing', async (t) => {
    const { store } = await open(t);
    const { revision } = await write(store, put('a', '1'));
    await rejects(write(store, put('b', '1'), put('b', '2')), 'duplicate-key');
    await rejects(write(store, put('b', '1'), { type: 'delete', ...under('b') }), 'duplicate-key');
    await rejects(store.txn({ compare: [], success: [], failure: [put('b', '1'), put('b', '2')] }), 'duplicate-key');
    assert.equal(await revisionOf(store), revision);
    const twice = await write(store, { type: 'delete', key: 'a' }, { type: 'delete', ...under('a') });
    assert.deepEqual(
      twice.results.map((r) => r.type === 'delete' && r.deleted),
      [1, 0],
    );
  });

  void it('returns the pair before a put or a delete when asked to', async (t) => {
    const { store } = await open(t);
    const first = await write(store, put('a', '1', { prevKv: true }));
    const second = await write(store, put('a', '2', { prevKv: true }));
    assert.deepEqual(first.results, [{ type: 'put' }]);
    assert.ok(second.results[0]?.type === 'put' && second.results[0].prevKv !== undefined);
    assert.equal(show(second.results[0].prevKv), `a=1 ${first.revision}/${first.revision}/1`);
  });

  void it('keeps any bytes in keys and values', async (t) => {
    const { store } = await open(t);
    const key = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const value = Buffer.from(key, 'latin1');
    await store.txn({ compare: [], success: [{ type: 'put', key, value }, put('empty', '')] });
    const { kvs } = await store.range(all);
    assert.deepEqual(
      kvs.map((kv) => [kv.key, kv.value.toString('latin1')]),
      [
        [key, key],
        ['empty', ''],
      ],
    );
  });

  void it('does nothing for a caller that has given up', async (t) => {
    const { store } = await open(t);
    const signal = AbortSignal.abort(new Error('too late'));
    await assert.rejects(store.txn({ compare: [], success: [put('a', '1')] }, { signal }), /too late/);
    await assert.rejects(store.range({ key: 'a' }, { signal }), /too late/);
    assert.deepEqual(await lines(store), []);
  });
}

function testRanges(open: OpenStore): void {
  void it('reads one key, a range, a prefix, or all, in the order of bytes', async (t) => {
    const { store } = await open(t);
    for (const key of ['b', 'a/2', 'a', 'a/1', 'a0', '\xff']) await write(store, put(key, ''));
    const keys = async (request: Parameters<Store['range']>[0]): Promise<readonly Key[]> =>
      (await store.range(request)).kvs.map(({ key }) => key);
    assert.deepEqual(await keys({ key: 'a' }), ['a']);
    assert.deepEqual(await keys({ key: 'nothing' }), []);
    assert.deepEqual(await keys(under('a/')), ['a/1', 'a/2']);
    assert.deepEqual(await keys({ key: 'a', rangeEnd: 'a/2' }), ['a', 'a/1']);
    assert.deepEqual(await keys({ key: 'b', rangeEnd: 'a' }), []);
    assert.deepEqual(await keys({ key: 'a0', rangeEnd: '\0' }), ['a0', 'b', '\xff']);
    assert.deepEqual(await keys(all), ['a', 'a/1', 'a/2', 'a0', 'b', '\xff']);
  });

  void it('counts all keys of a range whatever the limit', async (t) => {
    const { store } = await open(t);
    for (const key of ['p/1', 'p/2', 'p/3', 'q']) await write(store, put(key, 'value'));
    const first = await store.range({ ...under('p/'), limit: 2 });
    assert.deepEqual([first.kvs.map(({ key }) => key), first.count], [['p/1', 'p/2'], 3]);
    const counted = await store.range({ ...under('p/'), countOnly: true });
    assert.deepEqual([counted.kvs, counted.count, counted.revision], [[], 3, await revisionOf(store)]);
    const [bare] = (await store.range({ ...under('p/'), keysOnly: true })).kvs;
    assert.ok(bare !== undefined);
    assert.deepEqual([bare.key, bare.value.length, bare.version], ['p/1', 0, 1]);
  });

  void it('reads the past at a revision', async (t) => {
    const { store } = await open(t);
    const { revision: r } = await write(store, put('a', '1'), put('b', '1'));
    await write(store, put('a', '2'));
    await write(store, { type: 'delete', key: 'b' }, put('c', '1'));
    await write(store, put('b', '2'));
    assert.deepEqual(await lines(store, { ...all, revision: r }), [`a=1 ${r}/${r}/1`, `b=1 ${r}/${r}/1`]);
    assert.deepEqual(await lines(store, { ...all, revision: r + 1 }), [`a=2 ${r}/${r + 1}/2`, `b=1 ${r}/${r}/1`]);
    assert.deepEqual(await lines(store, { ...all, revision: r + 2 }), [
      `a=2 ${r}/${r + 1}/2`,
      `c=1 ${r + 2}/${r + 2}/1`,
    ]);
    const page = await store.range({ ...all, revision: r + 3, limit: 1 });
    assert.deepEqual([page.kvs.map(show), page.count, page.revision], [[`a=2 ${r}/${r + 1}/2`], 3, r + 3]);
    await rejects(store.range({ ...all, revision: r + 4 }), 'future-revision');
  });
}

function testWatches(open: OpenStore): void {
  void it('sends what happens in the range from now on, once and in order', async (t) => {
    const { store } = await open(t);
    await write(store, put('p/0', 'before'));
    using watch = new Recorder(store, under('p/'));
    const { revision: r } = await write(store, put('p/1', 'x'), put('q', 'not mine'), put('p/2', 'x'));
    await write(store, { type: 'delete', ...under('p/') });
    await watch.until(5);
    assert.deepEqual(watch.lines(), [
      `put p/1=x ${r}/${r}/1`,
      `put p/2=x ${r}/${r}/1`,
      ...['p/0', 'p/1', 'p/2'].map((key) => `delete ${key}= 0/${r + 1}/0`),
    ]);
    for (const revision of [r, r + 1]) {
      assert.equal(watch.calls.filter((call) => call.some(({ kv }) => kv.modRevision === revision)).length, 1);
    }
  });

  void it('sends the pair before the event only to those who asked for it', async (t) => {
    const { store } = await open(t);
    const { revision: r } = await write(store, put('a', '1'));
    using asked = new Recorder(store, { key: 'a', prevKv: true });
    using other = new Recorder(store, { key: 'a' });
    await write(store, put('a', '2'));
    await write(store, { type: 'delete', key: 'a' });
    await write(store, put('a', '3'));
    await asked.until(3);
    await other.until(3);
    const [update, deletion, creation] = [
      `put a=2 ${r}/${r + 1}/2`,
      `delete a= 0/${r + 2}/0`,
      `put a=3 ${r + 3}/${r + 3}/1`,
    ];
    assert.deepEqual(other.lines(), [update, deletion, creation]);
    assert.deepEqual(asked.lines(), [`${update} was a=1 ${r}/${r}/1`, `${deletion} was a=2 ${r}/${r + 1}/2`, creation]);
  });

  void it('replays from a revision of the past and goes on with what happens, without gap or repeat', async (t) => {
    const { store } = await open(t);
    const { revision: r } = await write(store, put('a', '0'));
    for (let i = 1; i <= 50; i++) await write(store, put('a', `${i}`));
    using watch = new Recorder(store, { key: 'a', startRevision: r + 10 });
    for (let i = 51; i <= 60; i++) await write(store, put('a', `${i}`));
    await watch.until(51);
    assert.deepEqual(
      watch.events.map(({ kv }) => kv.modRevision),
      Array.from({ length: 51 }, (_, i) => r + 10 + i),
    );
  });

  void it('waits for a revision that is yet to come', async (t) => {
    const { store } = await open(t);
    const { revision: r } = await write(store, put('a', '0'));
    using watch = new Recorder(store, { key: 'a', startRevision: r + 3 });
    for (let i = 1; i <= 4; i++) await write(store, put('a', `${i}`));
    await watch.until(2);
    assert.deepEqual(
      watch.events.map(({ kv }) => kv.modRevision),
      [r + 3, r + 4],
    );
  });

  void it('sends nothing more once disposed', async (t) => {
    const { store } = await open(t);
    const watch = new Recorder(store, { key: 'a' });
    using other = new Recorder(store, { key: 'a' });
    await write(store, put('a', '1'));
    await watch.until(1);
    watch[Symbol.dispose]();
    watch[Symbol.dispose]();
    await write(store, put('a', '2'));
    await other.until(2);
    assert.equal(watch.events.length, 1);
    assert.equal(watch.error, undefined);
  });

  void it('ends watches and refuses everything when closed', async (t) => {
    const { store } = await open(t);
    const watch = new Recorder(store, { key: 'a' });
    await store.close();
    assert.equal((await watch.ended()).code, 'closed');
    await rejects(store.range({ key: 'a' }), 'closed');
    await rejects(write(store, put('a', '1')), 'closed');
  });
}

function testCompaction(open: OpenStore): void {
  void it('forgets history below a revision and keeps it from there on', async (t) => {
    const { store } = await open(t);
    const { revision: r } = await write(store, put('a', '1'), put('gone', '1'));
    await write(store, put('a', '2'), { type: 'delete', key: 'gone' });
    await write(store, put('a', '3'), put('b', '1'));
    await store.compact(r + 2);
    assert.equal(store.compactRevision, r + 2);
    await rejects(store.range({ ...all, revision: r + 1 }), 'compacted');
    assert.deepEqual(await lines(store, { ...all, revision: r + 2 }), [
      `a=3 ${r}/${r + 2}/3`,
      `b=1 ${r + 2}/${r + 2}/1`,
    ]);
    await rejects(store.compact(r + 2), 'compacted');
    await rejects(store.compact(r + 4), 'future-revision');
    const late = new Recorder(store, { ...all, startRevision: r + 1 });
    assert.equal((await late.ended()).code, 'compacted');
    using watch = new Recorder(store, { ...all, startRevision: r + 3 });
    await write(store, put('gone', '2'));
    await watch.until(1);
    assert.deepEqual(watch.lines(), [`put gone=2 ${r + 3}/${r + 3}/1`]);
  });
}

function testLeases(open: OpenStore): void {
  void it('tells of leases what they have left and which keys they hold', async (t) => {
    const { store, pass } = await open(t);
    const { id } = await store.grantLease(100);
    const other = await store.grantLease(50);
    await write(store, put('b', '1', { lease: id }), put('a', '1', { lease: id }));
    await pass(10);
    const { remainingSeconds, ...status } = await store.leaseStatus(id);
    assert.deepEqual(status, { id, ttlSeconds: 100, keys: ['a', 'b'] });
    assert.ok(remainingSeconds >= 85 && remainingSeconds <= 90, `${remainingSeconds} s left`);
    assert.deepEqual(new Set(await store.leases()), new Set([id, other.id]));
    await store.revokeLease(id);
    await rejects(store.leaseStatus(id), 'lease-not-found');
    assert.deepEqual(await store.leases(), [other.id]);
  });

  void it('says how much it holds, and more when there is more', async (t) => {
    const { store } = await open(t);
    const before = await store.status();
    await write(store, put('large', 'x'.repeat(100_000)));
    const wanted = before.sizeInUseBytes + 100_000;
    let after = await store.status();
    // etcd counts what it has written to its file, which it does ten times a second.
    for (let i = 0; i < 2000 && after.sizeInUseBytes < wanted; i++) after = await store.status();
    assert.ok(after.sizeInUseBytes >= wanted);
    assert.ok(after.sizeBytes >= after.sizeInUseBytes);
    await store.defragment();
    assert.equal((await store.range({ key: 'large' })).count, 1);
  });

  void it('deletes the keys of a lease in one revision when it runs out', async (t) => {
    const { store, pass } = await open(t);
    const { id, ttlSeconds } = await store.grantLease(10);
    assert.equal(ttlSeconds, 10);
    const { revision: r } = await write(
      store,
      put('a', '1', { lease: id }),
      put('b', '1', { lease: id }),
      put('c', '1'),
    );
    assert.equal((await store.range({ key: 'a' })).kvs[0]?.lease, id);
    using watch = new Recorder(store, all);
    await pass(6);
    await store.keepLeaseAlive(id);
    await pass(6);
    assert.equal(await revisionOf(store), r);
    await pass(6);
    await watch.until(2);
    assert.deepEqual(watch.lines(), [`delete a= 0/${r + 1}/0`, `delete b= 0/${r + 1}/0`]);
    assert.equal(watch.calls.length, 1);
    await rejects(store.keepLeaseAlive(id), 'lease-not-found');
    await rejects(write(store, put('a', '1', { lease: id })), 'lease-not-found');
  });

  void it('deletes on revocation what is still bound to the lease, and nothing else', async (t) => {
    const { store } = await open(t);
    const { id } = await store.grantLease(3600, 77);
    assert.equal(id, 77);
    await rejects(store.grantLease(3600, 77), 'lease-exists');
    const other = await store.grantLease(3600);
    await write(
      store,
      put('mine', '1', { lease: id }),
      put('freed', '1', { lease: id }),
      put('moved', '1', { lease: id }),
    );
    await write(store, put('freed', '2'), put('moved', '2', { lease: other.id }));
    // Whichever is first: nothing of it stays.
    const last = write(store, put('last', '1', { lease: id })).catch((error: unknown) => {
      if (!(error instanceof StoreError) || error.code !== 'lease-not-found') throw error;
    });
    await Promise.all([last, store.revokeLease(id)]);
    const { kvs } = await store.range(all);
    assert.deepEqual(
      kvs.map(({ key, lease }) => [key, lease]),
      [
        ['freed', 0],
        ['moved', other.id],
      ],
    );
    await rejects(store.revokeLease(id), 'lease-not-found');
    await store.grantLease(3600, 77);
  });
}
