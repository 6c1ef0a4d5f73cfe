import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { contentsOf, openEmbeddedStore, type Store } from '#store';
import { FakeClock, silentLogger } from '#util';
import { type ClusterState, readClusterState, type StatePaths, statePaths, writeClusterState } from '../state.ts';
import { openDatastoreFiles } from './connect.ts';
import { type Control, move, type Moved } from './move.ts';
import { checkUnchanged, embeddedSource, type MoveSource } from './move-source.ts';
import { embeddedTarget, etcdTarget, type MoveFiles, type MoveTarget, nodeFiles } from './move-target.ts';

const clock = new FakeClock(Date.parse('2026-11-29T10:15:00Z'));
const TO = { servers: ['http://etcd.test:2379'] };
const STATE = {
  version: 1,
  name: 'test',
  createdAt: '',
  apiPort: 1,
  etcdPort: 2,
  nodes: [],
} as unknown as ClusterState;

const openMemory = (): Promise<Store> =>
  openEmbeddedStore({ clock, log: silentLogger, onFatal: (error) => assert.fail(error) });

async function write(store: Store, ...keys: string[]): Promise<void> {
  for (const key of keys)
    await store.txn({ compare: [], success: [{ type: 'put', key, value: Buffer.from(`value of ${key}`) }] });
}

/** A cluster whose etcd is a store in memory: what a process that is killed leaves stays. */
class World {
  readonly paths: StatePaths;
  readonly etcd: Store;
  runs = true;

  private constructor(directory: string, etcd: Store) {
    this.paths = statePaths(directory);
    this.etcd = etcd;
  }

  static async make(t: TestContext, place: 'embedded' | 'etcd'): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), 'move-'));
    const world = new World(directory, await openMemory());
    t.after(async () => {
      await world.etcd.close();
      await rm(directory, { recursive: true });
    });
    const store = place === 'etcd' ? world.etcd : await world.files();
    const keys = Array.from({ length: 20 }, (_, i) => `/registry/pods/${i}`);
    await write(store, ...keys, '/registry/pods/3');
    if (place === 'embedded') await store.close();
    await writeClusterState(directory, place === 'etcd' ? { ...STATE, etcd: TO } : STATE);
    return world;
  }

  files(): Promise<Store> {
    return openDatastoreFiles(this.paths, { onFatal: (error) => assert.fail(error) });
  }

  async state(): Promise<ClusterState> {
    const state = await readClusterState(this.paths.directory);
    assert.ok(state);
    return state;
  }

  /** What the API server would find where the cluster's state says. */
  async keys(): Promise<string[]> {
    const { etcd } = await this.state();
    const store = etcd === undefined ? await this.files() : this.etcd;
    const { kvs } = contentsOf(await store.dump());
    if (etcd === undefined) await store.close();
    return kvs.map(({ key, value }) => `${key}=${String(value)}`);
  }

  /** One run of the command; `pass` is called at whatever it does. */
  async run(to: 'embedded' | 'etcd', pass: () => void): Promise<Moved> {
    const state = await this.state();
    const files = passing(nodeFiles(this.paths), pass, ['exists', 'remove', 'rename', 'writeState']);
    const control: Control = passing(
      {
        runs: async () => this.runs,
        stop: async () => void (this.runs = false),
        start: async () => (this.runs = true),
      },
      pass,
      ['stop', 'start'],
    );
    const common = { state, files, clock, signal: undefined };
    const connect = async (): Promise<Store> =>
      passing({ ...facade(this.etcd), close: async () => {} }, pass, ['compact']);
    const target: MoveTarget =
      to === 'etcd' ? etcdTarget({ ...common, to: TO, force: false, owner: 'test', connect }) : embeddedTarget(common);
    return await move({
      source: to === 'etcd' ? embedded(state, this.paths) : etcd(this.etcd),
      target,
      control,
      clock,
      progress: () => {},
      signal: undefined,
    });
  }
}

const embedded = (state: ClusterState, paths: StatePaths): MoveSource => ({
  ...embeddedSource({ state, paths }),
  revision: () => Promise.resolve(0), // nobody listens
});

const etcd = (store: Store): MoveSource => ({
  revision: async () => store.revision,
  read: async () => contentsOf(await store.dump()),
  checkUnchanged: (contents) => checkUnchanged(store, contents),
});

/** A store's methods as properties. */
const facade = (store: Store): Store => ({
  get revision() {
    return store.revision;
  },
  compactRevision: 0,
  sync: () => store.sync(),
  range: (request) => store.range(request),
  txn: (request) => store.txn(request),
  watch: (...args) => store.watch(...args),
  compact: (revision) => store.compact(revision),
  grantLease: (...args) => store.grantLease(...args),
  keepLeaseAlive: (id) => store.keepLeaseAlive(id),
  revokeLease: (id) => store.revokeLease(id),
  leases: () => store.leases(),
  leaseStatus: (id) => store.leaseStatus(id),
  status: () => store.status(),
  dump: () => store.dump(),
  defragment: () => store.defragment(),
  close: () => store.close(),
});

/** Calls `pass`, which may throw, before and after each of these methods. */
function passing<T extends object>(inner: T, pass: () => void, methods: readonly (keyof T)[]): T {
  const outer = { ...inner };
  for (const name of methods) {
    const own = inner[name] as (...args: unknown[]) => Promise<unknown>;
    outer[name] = (async (...args: unknown[]) => {
      pass();
      const result = await own.call(inner, ...args);
      pass();
      return result;
    }) as T[keyof T];
  }
  return outer;
}

class Killed extends Error {}

/** Kills the process at the nth thing it does: nothing it does then happens any more. */
function killer(at: number): { pass: () => void; killed: () => boolean } {
  let count = 0;
  return {
    pass() {
      if (++count >= at) throw new Killed('killed');
    },
    killed: () => count >= at,
  };
}

for (const to of ['etcd', 'embedded'] as const)
  test(`a move to ${to} that is killed anywhere leaves a cluster with all its data, and can be repeated`, async (t) => {
    const expected = await (await World.make(t, to === 'etcd' ? 'embedded' : 'etcd')).keys();
    assert.equal(expected.length, 20);
    let points = 0;
    for (let at = 1; ; at++) {
      const world = await World.make(t, to === 'etcd' ? 'embedded' : 'etcd');
      const { pass, killed } = killer(at);
      const outcome = await world.run(to, pass).catch((error: unknown) => error);
      if (!killed()) {
        assert.ok('contents' in (outcome as object), String(outcome));
        break;
      }
      points++;
      assert.match(String(outcome), /killed/);
      assert.deepEqual(await world.keys(), expected, `after point ${at}`);
      if (((await world.state()).etcd === undefined) === (to === 'etcd')) {
        const { contents } = await world.run(to, () => {});
        assert.equal(contents?.keys, 20);
      }
      assert.equal((await world.state()).etcd === undefined, to === 'embedded');
      assert.deepEqual(await world.keys(), expected, `repeated after point ${at}`);
    }
    assert.ok(points > 10, `${points} points`);
  });

test('the embedded datastore that is left is kept, and there is nothing half done', async (t) => {
  const world = await World.make(t, 'embedded');
  const there = await world.run('etcd', () => {});
  assert.equal(there.kept, `${world.paths.data}.moved-20261129T101500Z`);
  assert.ok(world.runs);
  assert.equal((await world.etcd.range({ key: 'pirogue/move' })).count, 0);
  const before = (await world.etcd.range({ key: '/registry/pods/3' })).kvs[0]!;
  const back = await world.run('embedded', () => {});
  assert.deepEqual(back.contents?.sha256, there.contents?.sha256);
  assert.equal(back.kept, undefined);
  const store = await world.files();
  assert.deepEqual((await store.range({ key: '/registry/pods/3' })).kvs[0]?.modRevision, before.modRevision);
  await store.close();
  assert.deepEqual((await readdir(world.paths.directory)).toSorted(), [
    'cluster.json',
    'data',
    'data.moved-20261129T101500Z',
  ]);
  // The etcd cluster still has everything: it is not taken again without a word.
  await assert.rejects(
    world.run('etcd', () => {}),
    /is not empty: it holds 20 keys under \/registry\//,
  );
  assert.ok(world.runs);
  assert.equal((await world.state()).etcd, undefined);
});

test('who writes to an etcd cluster that is left is noticed, and the cluster stays there', async (t) => {
  const world = await World.make(t, 'etcd');
  const target = embeddedTarget({
    state: await world.state(),
    files: nodeFiles(world.paths),
    clock,
    signal: undefined,
  });
  const busy: MoveTarget = {
    ...target,
    take: async (contents) => {
      await target.take(contents);
      await write(world.etcd, '/registry/pods/3');
    },
  };
  let started = 0;
  const control: Control = {
    runs: async () => true,
    stop: async () => {},
    start: async () => ++started > 0,
  };
  await assert.rejects(
    move({ source: etcd(world.etcd), target: busy, control, clock, progress: () => {}, signal: undefined }),
    /another control plane writes to this etcd cluster \(\/registry\/pods\/3 has changed\)/,
  );
  assert.equal(started, 1);
  assert.deepEqual((await world.state()).etcd, TO);
});

test('a control plane that does not start again is told of beside what went wrong', async (t) => {
  const world = await World.make(t, 'etcd');
  const control: Control = {
    runs: async () => true,
    stop: async () => {},
    start: () => Promise.reject(new Error('no port')),
  };
  const files: MoveFiles = { ...nodeFiles(world.paths), rename: () => Promise.reject(new Error('no room')) };
  await mkdir(world.paths.data);
  const target = embeddedTarget({ state: await world.state(), files, clock, signal: undefined });
  await assert.rejects(
    move({ source: etcd(world.etcd), target, control, clock, progress: () => {}, signal: undefined }),
    /no room\nand the control plane did not start again: no port/,
  );
});
