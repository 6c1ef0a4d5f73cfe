import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { suite, test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { Node } from '#api';
import { newInformers } from '#client';
import { startTestApiServer } from '#testing';
import { FakeClock, silentLogger, systemClock } from '#util';
import type { Kernel } from './kernel.ts';
import { masqueradeRules } from './masquerade.ts';
import { routeChanges, type RouteToPods, wantedRoutes } from './routes.ts';
import { runNodeNetwork } from './run.ts';

const own = { podCIDR: '10.244.1.0/24', via: undefined };

class FakeKernel implements Kernel {
  readonly events = new EventEmitter();
  readonly sysctls = new Map<string, string>();
  held = new Map<string, string | undefined>();
  rules = 0;
  /** Commands that contain it fail. */
  refused = '\0';

  async routes(): Promise<readonly RouteToPods[]> {
    return [...this.held].map(([podCIDR, via]) => ({ podCIDR, via }));
  }

  async ip(commands: readonly string[]): Promise<void> {
    try {
      for (const command of commands) {
        if (command.includes(this.refused)) throw new Error('Nexthop has invalid gateway');
        const [, verb, unreachable, first = '', via] =
          /^route (del|replace) (unreachable )?(\S+)(?: via (\S+)| metric 4096) proto 80$/.exec(command) ??
          assert.fail(command);
        assert.equal(unreachable === undefined, via !== undefined);
        if (verb === 'del') assert.ok(this.held.delete(first));
        else this.held.set(first, via);
      }
    } finally {
      this.events.emit('ip');
    }
  }

  async nft(rules: string): Promise<void> {
    assert.match(rules, /masquerade/);
    this.rules++;
  }

  async sysctl(name: string, value: string): Promise<void> {
    this.sysctls.set(name, value);
  }
}

async function started(t: TestContext) {
  const api = await startTestApiServer();
  const kernel = new FakeKernel();
  const clock = new FakeClock();
  const stop = new AbortController();
  const informers = newInformers({ client: api.client, clock: systemClock, random: () => 0, log: silentLogger });
  const options = { nodeName: 'n1', podCIDR: own.podCIDR, clusterCIDR: '10.244.0.0/16', nodeSubnet: '172.18.0.0/16' };
  const done = runNodeNetwork({ ...options, informers, clock, log: silentLogger, kernel }, stop);
  t.after(async () => {
    stop.abort(new Error('the test is over'));
    await done;
    await api[Symbol.asyncDispose]();
    assert.equal(clock.pending, 0);
  });
  const first = once(kernel.events, 'ip');
  await informers.start(stop);
  await first;
  await settle();
  const addNode = async (name: string, podCIDR: string, address: string): Promise<void> => {
    const node = await api.client.create(Node, { metadata: { name }, spec: { podCIDR } });
    await api.client.updateStatus(Node, { ...node, status: { addresses: [{ type: 'InternalIP', address }] } });
  };
  const has = async (routes: readonly RouteToPods[]): Promise<void> => {
    const wanted = new Map(routes.map(({ podCIDR, via }) => [podCIDR, via]));
    const same = (): boolean =>
      JSON.stringify([...kernel.held].toSorted(byKey)) === JSON.stringify([...wanted].toSorted(byKey));
    while (!same()) await once(kernel.events, 'ip');
    await settle();
  };
  return { client: api.client, kernel, clock, addNode, has };
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

suite('the network of a node', () => {
  test('follows the nodes, and lets packets pass', async (t) => {
    const { client, kernel, clock, addNode, has } = await started(t);
    await has([own]);
    assert.equal(kernel.sysctls.get('net.ipv4.ip_forward'), '1');
    assert.equal(kernel.rules, 1);
    await addNode('n1', '10.244.1.0/24', '172.18.0.2');
    await addNode('n2', '10.244.2.0/24', '172.18.0.3');
    await has([own, { podCIDR: '10.244.2.0/24', via: '172.18.0.3' }]);
    await client.delete(Node, { name: 'n2' });
    await has([own]);
    clock.advance(60_000);
    await settle();
    assert.equal(kernel.rules, 2);
  });

  test('puts back within a minute what somebody else took away', async (t) => {
    const { kernel, clock, has } = await started(t);
    await has([own]);
    kernel.held.clear();
    kernel.held.set('10.244.7.0/24', '172.18.0.8');
    clock.advance(60_000);
    await has([own]);
  });

  test('one route that cannot be does not keep the others away, and is tried again', async (t) => {
    const { kernel, clock, addNode, has } = await started(t);
    kernel.refused = '10.9.9.9';
    await addNode('n2', '10.244.2.0/24', '10.9.9.9');
    await addNode('n3', '10.244.3.0/24', '172.18.0.4');
    await has([own, { podCIDR: '10.244.3.0/24', via: '172.18.0.4' }]);
    kernel.refused = '\0';
    clock.advance(60_000);
    await has([own, { podCIDR: '10.244.2.0/24', via: '10.9.9.9' }, { podCIDR: '10.244.3.0/24', via: '172.18.0.4' }]);
  });
});

test('what a Node says becomes a command only when it is an address', () => {
  const node = (podCIDR: string, address: string): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n2', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { podCIDR },
    status: { addresses: [{ type: 'InternalIP', address }] },
  });
  const options = { nodeName: 'n1', podCIDR: own.podCIDR };
  for (const [cidr, address] of [
    ['10.244.2.0/24\nlink del eth0', '172.18.0.3'],
    ['10.244.2.0/24', '172.18.0.3 dev lo'],
    ['', '172.18.0.3'],
    ['fd00::/64', '172.18.0.3'],
    ['10.244.1.0/24', '172.18.0.3'], // ours
  ] as const)
    assert.deepEqual(wantedRoutes([node(cidr, address)], options), [own]);
});

test('changes lead from any routes to any others, and from the same to nothing', () => {
  const route = fc.record({
    podCIDR: fc.constantFrom('10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24'),
    via: fc.constantFrom(undefined, '172.18.0.2', '172.18.0.3'),
  });
  const routes = fc.uniqueArray(route, { selector: ({ podCIDR }) => podCIDR });
  return fc.assert(
    fc.asyncProperty(routes, routes, async (before, after) => {
      const kernel = new FakeKernel();
      kernel.held = new Map(before.map(({ podCIDR, via }) => [podCIDR, via]));
      await kernel.ip(routeChanges(before, after));
      assert.deepEqual(
        [...kernel.held].toSorted(byKey),
        after.map(({ podCIDR, via }) => [podCIDR, via] as const).toSorted(byKey),
      );
      assert.deepEqual(routeChanges(after, after), []);
    }),
  );
});

test('pods that leave the cluster go by the address of the node', () => {
  const rules = masqueradeRules({
    podCIDR: '10.244.1.0/24',
    clusterCIDR: '10.244.0.0/16',
    nodeSubnet: '172.18.0.0/24',
  });
  assert.match(
    rules,
    /\n {4}ip saddr 10\.244\.1\.0\/24 ip daddr != 10\.244\.0\.0\/16 ip daddr != 172\.18\.0\.0\/24 ip daddr != 224\.0\.0\.0\/4 masquerade fully-random\n/,
  );
});
