import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { processIdentity } from '#linux';
import { systemClock as clock } from '#util';
import { removeTemporaries } from './files.ts';
import { notReady } from './ready.ts';
import { type ClusterState, listClusters, lockState, readClusterState, writeClusterState } from './state.ts';

const scratch = await mkdtemp(join(tmpdir(), 'pirogue-state-'));
after(() => rm(scratch, { recursive: true }));

test('a lock is held once, and free again after its holder let go', async () => {
  {
    await using held = await lockState(scratch, 'one', { clock });
    void held;
    await assert.rejects(
      lockState(scratch, 'one', { clock }),
      /another pirogue command \(process \d+\) is working on cluster one/,
    );
    await using other = await lockState(scratch, 'two', { clock });
    void other;
  }
  await using again = await lockState(scratch, 'one', { clock });
  void again;
});

test('the lock of a process that died is taken over, also a torn one', async () => {
  const own = await processIdentity(process.pid);
  assert.ok(own);
  for (const content of [JSON.stringify({ ...own, startTime: own.startTime - 1 }), '{"pi', '']) {
    await writeFile(join(scratch, '.dead.lock'), content);
    await using lock = await lockState(scratch, 'dead', { clock });
    void lock;
  }
  assert.deepEqual(
    (await readdir(scratch)).filter((name) => name.startsWith('.dead')),
    [],
  );
});

test('of many who want a lock at once, each gets it in turn', async () => {
  let inside = 0;
  const turn = async (): Promise<void> => {
    await using lock = await lockState(scratch, 'busy', { clock, waitMs: 10_000 });
    void lock;
    assert.equal(++inside, 1);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
  };
  await Promise.all(Array.from({ length: 5 }, turn));
});

test('state is read as it was written; a missing one is absent, a damaged one an error that says what to do', async () => {
  const directory = join(scratch, 'dev');
  assert.equal(await readClusterState(directory), undefined);
  const state: ClusterState = {
    version: 1,
    name: 'dev',
    createdAt: '2026-01-01T00:00:00.000Z',
    bridge: 'pir-dev',
    nodeSubnet: '172.18.0.0/24',
    gateway: '172.18.0.1',
    podCIDR: '10.244.0.0/16',
    serviceCIDR: '10.96.0.0/12',
    clusterDNS: '10.96.0.10',
    clusterDomain: 'cluster.local',
    apiPort: 6443,
    etcdPort: 2379,
    nodes: [],
  };
  await writeClusterState(directory, state);
  assert.deepEqual(await readClusterState(directory), state);
  assert.deepEqual(await listClusters(scratch), ['dev']);
  assert.deepEqual(await listClusters(join(scratch, 'absent')), []);
  await writeFile(join(directory, 'cluster.json'), '{');
  await assert.rejects(readClusterState(directory), /is damaged; `pirogue down` removes the cluster/);
});

test('nodes are waited for by name, with what they say', () => {
  const node = (name: string, status: string): object => ({
    metadata: { name },
    status: { conditions: [{ type: 'Ready', status, message: 'no network' }] },
  });
  const list = { items: [node('a', 'True'), node('b', 'False')] };
  assert.deepEqual(notReady(list, ['a']), []);
  assert.deepEqual(notReady(list, ['a', 'b', 'c']), ['b is not Ready (no network)', 'c is not registered']);
});

test('half-written files of processes that were killed are removed, those of living ones are not', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'state-'));
  after(() => rm(directory, { recursive: true }));
  const id = '123e4567-e89b-42d3-a456-426614174000';
  const dead = 2 ** 22 + 1; // above the largest pid there can be
  for (const name of [`.machine.json.${dead}.${id}`, `.machine.json.${process.pid}.${id}`, '.machine.json'])
    await writeFile(join(directory, name), '');
  await removeTemporaries(directory);
  assert.deepEqual((await readdir(directory)).toSorted(), ['.machine.json', `.machine.json.${process.pid}.${id}`]);
});
