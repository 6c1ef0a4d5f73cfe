import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { suite, test, type TestContext } from 'node:test';
import { EndpointSlice, Service } from '#api';
import { newInformers } from '#client';
import { startTestApiServer } from '#testing';
import { FakeClock, silentLogger, systemClock } from '#util';
import { staleFlows } from './flows.ts';
import { type DynamicElement, type Kernel, parseDynamicMap, removalText, restoreText } from './kernel.ts';
import { runProxy } from './run.ts';
import { OPTIONS } from './testdata/objects.ts';
import { Table } from './testdata/table.ts';

/** A kernel that understands our texts, and fails when it is told to. */
class FakeKernel implements Kernel {
  readonly table = new Table();
  readonly applied: string[] = [];
  readonly events = new EventEmitter();
  readonly maps = new Map<string, readonly DynamicElement[]>();
  failures = 0;
  flows = '';

  async apply(text: string): Promise<void> {
    this.events.emit('try');
    if (this.failures > 0) {
      this.failures--;
      throw new Error('no memory');
    }
    this.applied.push(text);
    this.table.apply(text.replaceAll(/^.* element ip pirogue (affinity|moved-flows) .*$/gm, ''));
    this.events.emit('applied');
  }

  /** Resolves when so many texts have been applied since the start. */
  async hasApplied(count: number): Promise<void> {
    while (this.applied.length < count) await once(this.events, 'applied');
  }

  async dynamicMap(name: string): Promise<readonly DynamicElement[]> {
    return this.maps.get(name) ?? [];
  }

  async connections(): Promise<string> {
    return this.flows;
  }
}

async function started(t: TestContext, prepare: (kernel: FakeKernel) => void = () => {}) {
  const api = await startTestApiServer();
  const kernel = new FakeKernel();
  prepare(kernel);
  const clock = new FakeClock();
  const stop = new AbortController();
  const informers = newInformers({ client: api.client, clock: systemClock, random: () => 0, log: silentLogger });
  const first = once(kernel.events, 'try');
  const done = runProxy({ ...OPTIONS, informers, clock, log: silentLogger, kernel }, stop);
  t.after(async () => {
    stop.abort(new Error('the test is over'));
    await done;
    await api[Symbol.asyncDispose]();
    assert.equal(clock.pending, 0);
  });
  await informers.start(stop);
  await first;
  return { client: api.client, kernel, clock };
}

const draft = (name: string, clusterIP: string, protocol = 'TCP') => ({
  metadata: { name, namespace: 'default' },
  spec: { clusterIP, ports: [{ name: 'web', port: 80, protocol }] },
});
const sliceDraft = (name: string, ips: readonly string[], protocol = 'TCP') => ({
  metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
  ports: [{ name: 'web', port: 8080, protocol }],
});

suite('the proxy', () => {
  test('replaces the table when it starts, then tells each change alone', async (t) => {
    const { client, kernel, clock } = await started(t);
    assert.match(kernel.applied[0] ?? '', /^table ip pirogue\ndelete table ip pirogue\n/);
    await rested(clock);
    await client.create(Service, draft('a', '10.96.0.11'));
    await kernel.hasApplied(2);
    assert.equal(
      kernel.applied[1],
      'add element ip pirogue no-endpoints { 10.96.0.11 . tcp . 80 : goto reject-traffic }\n' +
        'add element ip pirogue cluster-ips { 10.96.0.11 }\n',
    );
  });

  test('tries again when the kernel refuses, and then all of it', async (t) => {
    const { client, kernel, clock } = await started(t);
    await rested(clock);
    kernel.failures = 2;
    const refused = once(kernel.events, 'try');
    await client.create(Service, draft('a', '10.96.0.11'));
    await refused;
    for (const delayMs of [100, 200]) {
      await settle();
      const again = once(kernel.events, 'try');
      clock.advance(delayMs);
      await again;
    }
    await settle();
    assert.equal(kernel.applied.length, 2);
    assert.match(kernel.applied[1] ?? '', /^table ip pirogue\ndelete table[^]*10\.96\.0\.11/);
  });

  test('keeps clients bound over a start, but for those whose endpoint is gone', async (t) => {
    const bound = { key: '10.1.1.1 . 10.96.0.11 . tcp . 80', value: 2 ** 31, timeoutSeconds: 60, expiresSeconds: 50 };
    const moved = { key: '10.1.1.1 . 4000 . 10.96.0.12 . 53', value: 3, timeoutSeconds: 180, expiresSeconds: 9 };
    const { kernel } = await started(t, ({ maps }) => maps.set('affinity', [bound]).set('moved-flows', [moved]));
    assert.doesNotMatch(kernel.applied[0] ?? '', /affinity \{ 10/);
    assert.match(kernel.applied[0] ?? '', /add element ip pirogue moved-flows \{ .* timeout 180s expires 9s : 3 \}\n$/);
  });

  test('leads UDP flows away from endpoints that are gone', async (t) => {
    const { client, kernel, clock } = await started(t);
    await rested(clock);
    kernel.flows =
      'ipv4     2 udp      17 29 src=10.244.1.9 dst=10.96.0.11 sport=4000 dport=80 src=10.244.1.7 dst=10.244.1.9 sport=8080 dport=4000 mark=0 use=1\n' +
      'ipv4     2 udp      17 29 src=10.244.1.9 dst=10.96.0.11 sport=4001 dport=80 src=10.244.1.2 dst=10.244.1.9 sport=8080 dport=4001 mark=0 use=1\n';
    await client.create(EndpointSlice, sliceDraft('a', ['10.244.1.2'], 'UDP'));
    await client.create(Service, draft('a', '10.96.0.11', 'UDP'));
    await kernel.hasApplied(3);
    assert.equal(
      kernel.applied.at(-1),
      'add element ip pirogue moved-flows { 10.244.1.9 . 4000 . 10.96.0.11 . 80 timeout 180s expires 180s : 1 }\n',
    );
  });
});

test('a flow is stale in the zone it is in, whichever others remember it', () => {
  const line = (zone: string, answerer: string): string =>
    `ipv4     2 udp      17 29 src=10.1.1.1 dst=10.96.0.1 sport=4000 dport=53 [UNREPLIED] src=${answerer} dst=10.1.1.1 sport=53 dport=4000 mark=0 ${zone}use=2`;
  const rules = {
    servingIPs: (ip: string, port: number) => (ip === '10.96.0.1' && port === 53 ? ['10.244.1.2'] : undefined),
  };
  const key = '10.1.1.1 . 4000 . 10.96.0.1 . 53';
  assert.deepEqual(staleFlows(line('', '10.244.1.3'), rules), [{ key, zone: 0 }]);
  assert.deepEqual(staleFlows(line('zone-orig=7 ', '10.244.1.3'), rules), [{ key, zone: 7 }]);
  assert.deepEqual(staleFlows(line('', '10.244.1.2'), rules), []);
  assert.deepEqual(staleFlows('ipv4 2 tcp 6 src=1.1.1.1\nipv6 10 udp 17\nrubbish', rules), []);
});

test('elements of maps that the kernel fills are read and written back', () => {
  const json =
    '{"nftables": [{"metainfo": {}}, {"map": {"name": "affinity", "elem": [[{"elem": {"val": {"concat": ["1.1.1.1", "2.2.2.2", "tcp", 80]}, "timeout": 100, "expires": 49}}, 2147483649]]}}]}';
  const [element] = parseDynamicMap(json);
  assert.deepEqual(element, {
    key: '1.1.1.1 . 2.2.2.2 . tcp . 80',
    value: 2147483649,
    timeoutSeconds: 100,
    expiresSeconds: 49,
  });
  const written = 'affinity { 1.1.1.1 . 2.2.2.2 . tcp . 80 timeout 100s expires 49s : 2147483649 }\n';
  assert.equal(restoreText('affinity', [element]), `add element ip pirogue ${written}`);
  assert.equal(
    removalText('affinity', [element]),
    `add element ip pirogue ${written}delete element ip pirogue affinity { 1.1.1.1 . 2.2.2.2 . tcp . 80 }\n`,
  );
  assert.deepEqual(parseDynamicMap('{"nftables": [{"map": {"name": "affinity"}}]}'), []);
});

/** The proxy has done what there was to do, and may do more at once. */
async function rested(clock: FakeClock): Promise<void> {
  await settle();
  clock.advance(1000);
  await settle();
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}
