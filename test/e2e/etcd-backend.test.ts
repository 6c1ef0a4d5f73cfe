/** A real etcd as the datastore, of one member and of three, with two control planes on it; members and control planes are killed and stopped. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigMap, Deployment, Endpoints, IPAddress, Lease, ReplicaSet, Service, StatusError } from '#api';
import { type Client, type Informer, newClient, newHttpTransport, newInformers } from '#client';
import { apiServerNames, ensurePki } from '#cluster';
import { openEtcdStore } from '#store';
import { silentLogger, systemClock } from '#util';
import { type ClusterState, writeClusterState } from '../../src/cluster/state.ts';
import { testStore } from '../../src/store/suite/suite.ts';
import { MACHINE, PROJECT } from './support/cluster.ts';
import { expectSuccess, type RunningCommand, startCommand, WAIT_MS } from './support/command.ts';
import { EtcdCluster } from './support/etcd.ts';
import { deployment, container } from './support/manifests.ts';

const common = { clock: systemClock, log: silentLogger, random: Math.random };

const single = new EtcdCluster({ directory: join(MACHINE, 'single'), members: 1, firstPort: 22379 });
before(() => single.start());
after(() => single[Symbol.asyncDispose]());

testStore('a real etcd', async (t) => {
  const store = await openEtcdStore({ ...common, endpoints: single.endpoints });
  t.after(() => store.close());
  for (const id of await store.leases()) await store.revokeLease(id);
  await store.txn({ compare: [], success: [{ type: 'delete', key: '\0', rangeEnd: '\0' }] });
  await store.sync();
  return { store, pass: (seconds) => pause(seconds * 1000) };
});

test('after a sync watchers of a real etcd have been told what others wrote, also who has just begun', async (t) => {
  const [one, other] = await Promise.all([1, 2].map(() => openEtcdStore({ ...common, endpoints: single.endpoints })));
  assert.ok(one !== undefined && other !== undefined);
  t.after(() => Promise.all([one.close(), other.close()]));
  for (let round = 0; round < 5; round++) {
    let told = 0;
    await one.sync();
    const startRevision = one.revision + 1;
    const put = (i: number): Promise<unknown> =>
      other.txn({ compare: [], success: [{ type: 'put', key: `s/${round}/${i}`, value: Buffer.from('x') }] });
    await Promise.all(Array.from({ length: 20 }, (_, i) => put(i)));
    using watch = one.watch(
      { key: `s/${round}/`, rangeEnd: `s/${round}0`, startRevision },
      { onEvents: (events) => void (told += events.length), onError: (error) => assert.fail(error) },
    );
    void watch; // until the end of the round
    await one.sync();
    assert.equal(told, 20);
    await Promise.all(Array.from({ length: 200 }, (_, i) => put(20 + i)));
    await one.sync();
    assert.equal(told, 220);
  }
});

/** One of several control planes of a cluster; all have its keys. */
class ControlPlane implements AsyncDisposable {
  readonly client: Client;
  readonly #directory: string;
  readonly #transport: ReturnType<typeof newHttpTransport>;
  #process: RunningCommand;

  private constructor(directory: string, transport: ReturnType<typeof newHttpTransport>, process: RunningCommand) {
    this.#directory = directory;
    this.#transport = transport;
    this.client = newClient(transport);
    this.#process = process;
  }

  static async start(index: number, pki: string, etcd: EtcdCluster): Promise<ControlPlane> {
    const directory = join(MACHINE, `control-plane${index}`);
    await mkdir(directory, { recursive: true });
    await cp(pki, join(directory, 'pki'), { recursive: true });
    const apiPort = 16443 + index;
    const state: ClusterState = {
      version: 1,
      name: `ha${index}`,
      createdAt: new Date().toISOString(),
      bridge: 'none',
      nodeSubnet: '198.51.100.0/24',
      gateway: address(index),
      podCIDR: '10.200.0.0/16',
      serviceCIDR: '10.96.0.0/12',
      clusterDNS: '10.96.0.10',
      clusterDomain: 'cluster.local',
      apiPort,
      etcdPort: 12379 + index,
      etcd: {
        servers: etcd.endpoints,
        caFile: join(pki, 'etcd/ca.crt'),
        certFile: join(pki, 'apiserver-etcd-client.crt'),
        keyFile: join(pki, 'apiserver-etcd-client.key'),
      },
      nodes: [],
    };
    await writeClusterState(directory, state);
    const read = (file: string): Promise<string> => readFile(join(pki, file), 'utf8');
    const transport = newHttpTransport({
      ...common,
      timeoutMs: 20_000,
      config: {
        server: `https://127.0.0.1:${apiPort}`,
        ca: await read('ca.crt'),
        cert: await read('super-admin.crt'),
        key: await read('super-admin.key'),
      },
    });
    return new ControlPlane(directory, transport, run(directory));
  }

  /** What it said to its log. */
  get log(): string {
    return this.#process.stderr;
  }

  async ready(): Promise<void> {
    const answers = async (): Promise<boolean> => {
      await this.client.list(ConfigMap, { namespace: 'kube-system' });
      return true;
    };
    await soon('a control plane answers', answers, 20_000).catch((error: unknown) => {
      throw new Error(this.log, { cause: error });
    });
  }

  async kill(): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }

  restart(): void {
    this.#process = run(this.#directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#transport[Symbol.dispose]();
    await this.kill();
  }
}

const address = (index: number): string => `198.51.100.${index + 1}`;
const run = (directory: string): RunningCommand =>
  startCommand([process.execPath, join(PROJECT, 'bin/pirogue.mjs'), 'control-plane', directory]);

/** Tries until it is so; what fails meanwhile is no failure. */
async function soon(what: string, look: () => Promise<boolean>, timeoutMs = WAIT_MS): Promise<void> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      if (await look()) return;
    } catch (error) {
      last = error;
    }
    assert.ok(performance.now() < end, `not within ${timeoutMs} ms: ${what}: ${String(last)}`);
    await pause(50);
  }
}

/** There are no more node ports than 2768. */
const SERVICE_EVERY = 20;

/** Writes objects one after the other through one server, and remembers what was acknowledged. */
class Writer {
  readonly acknowledged: string[] = [];
  readonly name: string;
  counted = 0;
  readonly #client: Client;
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(name: string, client: Client) {
    this.name = name;
    this.#client = client;
    this.#done = this.#write();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #write(): Promise<void> {
    const counter = { namespace: 'default', name: `${this.name}-counter` };
    for (let i = 0; !this.#stopped; i++) {
      const name = `${this.name}-${i}`;
      try {
        if (i === 0) await this.#client.create(ConfigMap, { metadata: counter });
        await this.#client.create(ConfigMap, { metadata: { namespace: 'default', name } });
        this.acknowledged.push(name);
        await this.#client.patch(ConfigMap, counter, { data: { n: String(i) } });
        if (i % SERVICE_EVERY === 0) {
          const spec = { type: 'NodePort', ports: [{ port: 80 }] };
          await this.#client.create(Service, { metadata: { namespace: 'default', name }, spec });
        }
        this.counted = i;
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        await pause(20); // a server or a member is away
      }
    }
  }
}

const names = (informer: Informer<ConfigMap>): string[] =>
  informer
    .list('default')
    .map(({ metadata: { name, resourceVersion } }) => `${name} ${resourceVersion}`)
    .toSorted();

test(
  'members of etcd and control planes may go, one at a time, and nothing is lost',
  { timeout: 180_000 },
  async (t) => {
    for (const index of [0, 1]) await expectSuccess(['ip', 'address', 'add', `${address(index)}/32`, 'dev', 'lo']);
    const pki = join(MACHINE, 'ha-pki');
    await ensurePki({
      directory: pki,
      apiServerNames: apiServerNames({ hostname: 'ha', addresses: [address(0), address(1)], serviceIP: '10.96.0.1' }),
      clock: systemClock,
    });
    await using etcd = new EtcdCluster({ directory: join(MACHINE, 'ha'), pki, members: 3, firstPort: 32379 });
    await etcd.start();
    await using first = await ControlPlane.start(0, pki, etcd);
    await using second = await ControlPlane.start(1, pki, etcd);
    const servers = [first, second];
    for (const server of servers) await server.ready();

    const stop = new AbortController();
    t.after(() => stop.abort());
    const factories = servers.map(({ client }) => newInformers({ ...common, client }));
    const informers = factories.map((factory) => factory.informer(ConfigMap));
    await Promise.all(factories.map((factory) => factory.start({ signal: stop.signal })));
    const writers = servers.flatMap(({ client }, i) => ['a', 'b'].map((own) => new Writer(`w${i}${own}`, client)));
    const goOn = async (what: string, of: readonly Writer[] = writers): Promise<void> => {
      const began = performance.now();
      const goals = of.map(({ acknowledged }) => acknowledged.length + 10);
      await soon(
        `writes go on ${what}`,
        async () => of.every((one, i) => one.acknowledged.length >= goals[i]!),
        30_000,
      );
      t.diagnostic(`${what}: writes went on after ${Math.round(performance.now() - began)} ms`);
    };
    await goOn('at first');

    const { leader, followers } = await etcd.roles();
    const [follower = 0] = followers;
    await etcd.kill(follower);
    await goOn('without a follower');
    await etcd.startMember(follower);
    await etcd.healthy();

    await etcd.kill(leader);
    await goOn('without the leader');
    await etcd.startMember(leader);
    await etcd.healthy();

    for (const pick of ['follower', 'leader'] as const) {
      const roles = await etcd.roles();
      const stopped = pick === 'leader' ? roles.leader : roles.followers[0]!;
      etcd.signal(stopped, 'SIGSTOP');
      await goOn(`with a ${pick} that hangs`);
      etcd.signal(stopped, 'SIGCONT');
      await etcd.healthy();
    }

    // Both learn who leads from what they share; the other one takes over from a leader that is killed.
    const holder = async (by: ControlPlane): Promise<string> =>
      (await by.client.get(Lease, { namespace: 'kube-system', name: 'kube-controller-manager' })).spec.holderIdentity ??
      '';
    const leading = await holder(first);
    const isFirst = first.log.includes(leading);
    const [killed, other] = isFirst ? [first, second] : [second, first];
    assert.ok(killed.log.includes(leading), 'one of them says that it leads');
    await killed.kill();
    await goOn(
      'without the control plane that leads',
      writers.filter(({ name }) => name.startsWith(isFirst ? 'w1' : 'w0')),
    );
    await soon('the other one leads', async () => (await holder(other)) !== leading && (await holder(other)) !== '');
    const made = deployment('after', 1, { containers: [container()] });
    await other.client.create(Deployment, { ...made, metadata: { ...made.metadata, namespace: 'default' } } as never);
    await soon('its controllers work', async () =>
      (await other.client.list(ReplicaSet, { namespace: 'default' })).items.some(({ metadata }) =>
        metadata.name.startsWith('after-'),
      ),
    );
    const behind = async (): Promise<string> => {
      const { subsets = [] } = await other.client.get(Endpoints, { namespace: 'default', name: 'kubernetes' });
      return subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)).join();
    };
    const alone = address(isFirst ? 1 : 0);
    await soon('it alone stands behind the Service', async () => (await behind()) === alone, 40_000);
    killed.restart();
    await killed.ready();
    await goOn('with all of them again');
    await soon('both stand behind the Service', async () => (await behind()) === `${address(0)},${address(1)}`, 40_000);

    for (const writer of writers) await writer.stop();
    const lists = await Promise.all(servers.map(({ client }) => client.list(ConfigMap, { namespace: 'default' })));
    const shown = lists.map(({ items }) =>
      items.map(({ metadata: { name, resourceVersion } }) => `${name} ${resourceVersion}`).toSorted(),
    );
    assert.deepEqual(shown[0], shown[1]);
    const kept = new Map(lists[0]!.items.map((item) => [item.metadata.name, item]));
    for (const { name, acknowledged, counted } of writers) {
      assert.deepEqual(
        acknowledged.filter((own) => !kept.has(own)),
        [],
      );
      assert.ok(Number(kept.get(`${name}-counter`)?.data?.['n']) >= counted);
    }
    const { items: services } = await first.client.list(Service, { namespace: 'default' });
    const addresses = services.map(({ spec }) => spec.clusterIP!);
    const ports = services.flatMap(({ spec }) => spec.ports?.map(({ nodePort }) => nodePort) ?? []);
    t.diagnostic(`${services.length} services`);
    assert.deepEqual([new Set(addresses).size, addresses.includes('')], [services.length, false]);
    const given = ports.filter((port) => port !== undefined);
    assert.equal(
      new Set(given).size,
      services.length - 1,
      'all but the Service of the servers have a port of their own',
    );
    const known = new Set((await second.client.list(IPAddress)).items.map(({ metadata }) => metadata.name));
    assert.deepEqual(
      addresses.filter((ip) => !known.has(ip)),
      [],
    );
    for (const informer of informers)
      await soon('watchers know all there is', async () => names(informer).join() === shown[0]!.join(), 10_000);
  },
);
