/** What transactions within transactions and the rarer forms of comparisons and writes must do. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Compare, Op } from '../types.ts';
import { all, lines, type OpenStore, put, rejects, under, write } from './helpers.ts';

export function testNestedTransactions(open: OpenStore): void {
  void it('decides transactions within a transaction by what was before all of them', async (t) => {
    const { store } = await open(t);
    await write(store, put('a', '1'));
    const isOne = { key: 'a', target: 'value', result: '=', value: Buffer.from('1') } as const;
    const isMissing = { key: 'b', target: 'version', result: '=', number: 0 } as const;
    const { results, revision } = await write(
      store,
      put('a', '2'),
      { type: 'txn', compare: [isOne], success: [put('b', 'yes')], failure: [put('b', 'no')] },
      { type: 'txn', compare: [isMissing], success: [put('c', 'yes'), { type: 'range', ...all }] },
    );
    assert.deepEqual(await lines(store), [
      `a=2 ${revision - 1}/${revision}/2`,
      `b=yes ${revision}/${revision}/1`,
      `c=yes ${revision}/${revision}/1`,
    ]);
    const [, second, third] = results;
    assert.ok(second?.type === 'txn' && second.succeeded && third?.type === 'txn' && third.succeeded);
    const [, range] = third.results;
    assert.ok(range?.type === 'range');
    assert.deepEqual([range.count, range.revision], [3, revision]);
  });

  void it('refuses a key written twice, wherever it stands, but not in branches of which one is done', async (t) => {
    const { store } = await open(t);
    const within = (...success: readonly Op[]): Op => ({ type: 'txn', compare: [], success });
    await rejects(write(store, put('a', '1'), within(put('a', '2'))), 'duplicate-key');
    await rejects(write(store, within(put('a', '1')), within(put('a', '2'))), 'duplicate-key');
    await rejects(write(store, within(put('a', '1')), { type: 'delete', key: 'a' }), 'duplicate-key');
    await rejects(write(store, put('a', '1'), within({ type: 'delete', key: 'a' })), 'duplicate-key');
    await write(store, { type: 'txn', compare: [], success: [put('a', '1')], failure: [put('a', '2')] });
    assert.equal((await store.range({ key: 'a' })).count, 1);
  });

  void it('compares with all keys of a range, or with none there', async (t) => {
    const { store } = await open(t);
    await write(store, put('x1', 'v'), put('x2', 'v'));
    const holds = async (compare: Compare): Promise<boolean> =>
      (await store.txn({ compare: [compare], success: [] })).succeeded;
    assert.ok(await holds({ ...under('x'), target: 'value', result: '=', value: Buffer.from('v') }));
    assert.ok(await holds({ ...under('x'), target: 'version', result: '>', number: 0 }));
    await write(store, put('x2', 'w'));
    assert.ok(!(await holds({ ...under('x'), target: 'value', result: '=', value: Buffer.from('v') })));
    assert.ok(!(await holds({ ...under('x'), target: 'version', result: '=', number: 1 })));
    assert.ok(await holds({ ...under('none'), target: 'version', result: '=', number: 0 }));
    assert.ok(!(await holds({ ...under('none'), target: 'value', result: '=', value: Buffer.alloc(0) })));
  });

  void it('keeps the value or the lease of a key when told to, if there is the key', async (t) => {
    const { store } = await open(t);
    const { id } = await store.grantLease(3600);
    await rejects(write(store, put('a', '', { ignoreValue: true })), 'key-not-found');
    await rejects(write(store, put('a', '', { ignoreLease: true })), 'key-not-found');
    await write(store, put('a', '1'));
    await write(store, put('a', '', { ignoreValue: true, lease: id }));
    await write(store, put('a', '2', { ignoreLease: true }));
    const [kv] = (await store.range({ key: 'a' })).kvs;
    assert.deepEqual([kv?.value.toString(), kv?.lease, kv?.version], ['2', id, 3]);
  });
}
