/** Where packets go: services, DNS and routes between namespaces that stand for nodes and pods, by real agents and a real API server. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Draft, type Endpoint, EndpointSlice, Node, Service } from '#api';
import { newEventRecorder, newInformers } from '#client';
import { newDnsServiceController } from '#dns';
import { run } from '#linux';
import { runControllers } from '#runtime';
import { silentLogger, systemClock } from '#util';
import { Lab, type LabNode, type LabPod, type Question, type Told } from './service-network/lab.ts';

const PORT = 8080;
const NAMESPACE = 'default';
let directory: string;
let lab: Lab;
let n1: LabNode;
let n2: LabNode;
let a: LabPod;
let b: LabPod;
let c: LabPod;
const stop = new AbortController();

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'service-network-'));
  lab = await Lab.start(directory);
  [n1, n2] = await Promise.all([lab.addNode(1), lab.addNode(2)]);
  [a, b, c] = await Promise.all([lab.addPod(n1, 'a', PORT), lab.addPod(n1, 'b', PORT), lab.addPod(n2, 'c', PORT)]);
});

after(async () => {
  stop.abort(new Error('the tests are over'));
  await lab?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const endpoint = (pod: LabPod, extra: Partial<Endpoint> = {}): Endpoint => ({
  addresses: [pod.ip],
  nodeName: pod.node.name,
  conditions: { ready: true, serving: true, terminating: false },
  ...extra,
});

async function serve(
  name: string,
  pods: readonly (LabPod | Endpoint)[],
  spec: Partial<Service['spec']> = {},
  protocol = 'TCP',
): Promise<Service> {
  const { client } = lab.api;
  const draft: Draft<Service> = {
    metadata: { name, namespace: NAMESPACE },
    spec: { ports: [{ name: 'web', port: 80, protocol, targetPort: PORT }], ...spec },
  };
  const service = await client.create(Service, draft);
  await client.create(EndpointSlice, {
    metadata: { name, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: pods.map((pod) => ('addresses' in pod ? pod : endpoint(pod))),
    ports: [{ name: 'web', port: PORT, protocol }],
  });
  return service;
}

async function setEndpoints(name: string, pods: readonly (LabPod | Endpoint)[]): Promise<void> {
  const { client } = lab.api;
  const slice = await client.get(EndpointSlice, { namespace: NAMESPACE, name });
  const endpoints = pods.map((pod) => ('addresses' in pod ? pod : endpoint(pod)));
  await client.update(EndpointSlice, { ...slice, endpoints });
}

const url = (service: Service, port = 80): string => `http://${service.spec.clusterIP}:${port}/`;
const nodePortOf = (service: Service): number => service.spec.ports?.[0]?.nodePort ?? 0;

interface Who {
  readonly name: string;
  readonly from: string;
}

/** The answers to the same question asked `times` times; an error's code where there was none. */
async function askOften(where: Parameters<Lab['ask']>[0], question: Question, times = 12): Promise<(Who | string)[]> {
  const answers: (Who | string)[] = [];
  for (let i = 0; i < times; i++) {
    const { value, error } = await lab.ask(where, question);
    answers.push(error ?? (value as Who));
  }
  return answers;
}

const names = (answers: readonly (Who | string)[]): string[] =>
  [...new Set(answers.map((answer) => (typeof answer === 'string' ? answer : answer.name)))].toSorted();
const sources = (answers: readonly (Who | string)[]): string[] =>
  [...new Set(answers.map((answer) => (typeof answer === 'string' ? answer : answer.from)))].toSorted();

/** What was done to the API takes a moment to reach the kernels. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const until = Date.now() + 8000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > until) throw error;
      await pause(20);
    }
  }
}

async function answeredBy(
  where: Parameters<Lab['ask']>[0],
  question: Question,
  expected: readonly string[],
): Promise<void> {
  await eventually(async () => assert.deepEqual(names(await askOften(where, question)), expected));
}

suite('cluster IPs', () => {
  test('lead pods and nodes to every endpoint, which sees the address of the pod', async () => {
    const http = url(await serve('plain', [b, c]));
    await answeredBy(a, { http }, ['b', 'c']);
    assert.deepEqual(sources(await askOften(a, { http })), [a.ip]);
    await answeredBy(c, { http }, ['b', 'c']);
    await answeredBy(n1, { http }, ['b', 'c']);
    await answeredBy(n2, { http }, ['b', 'c']);
  });

  test('lead a pod to itself', async () => {
    const http = url(await serve('hairpin', [a]));
    await answeredBy(a, { http }, ['a']);
  });

  test('refuse at once when there is no endpoint, at ports the service does not have, but not where there is no service', async () => {
    const service = await serve('empty', []);
    for (const where of [a, n1]) {
      await answeredBy(where, { http: url(service) }, ['ECONNREFUSED']);
      const startedAt = Date.now();
      assert.deepEqual(names(await askOften(where, { http: url(service, 81) }, 2)), ['ECONNREFUSED']);
      assert.ok(Date.now() - startedAt < 500, 'not after a timeout');
    }
    assert.deepEqual(names(await askOften(a, { http: 'http://10.111.111.111/' }, 1)), ['TIMEOUT']);
  });

  test('leave an endpoint that goes, take one that comes, and fall back to those that are going', async () => {
    const http = url(await serve('changing', [b, c]));
    await answeredBy(a, { http }, ['b', 'c']);
    await setEndpoints('changing', [c]);
    await answeredBy(a, { http }, ['c']);
    await setEndpoints('changing', [a, b, c]);
    await answeredBy(n2, { http }, ['a', 'b', 'c']);
    const going = { ready: false, serving: true, terminating: true };
    await setEndpoints('changing', [endpoint(b, { conditions: going }), endpoint(c, { conditions: { ready: false } })]);
    await answeredBy(a, { http }, ['b']);
  });

  test('with internal policy Local stay on the node, and are silent where there is none', async () => {
    const http = url(await serve('inside', [b, c], { internalTrafficPolicy: 'Local' }));
    await answeredBy(a, { http }, ['b']);
    await answeredBy(n2, { http }, ['c']);
    await setEndpoints('inside', [c]);
    await eventually(async () => assert.deepEqual(names(await askOften(a, { http }, 1)), ['TIMEOUT']));
  });

  test('are gone with the service', async () => {
    const service = await serve('short', [b]);
    await answeredBy(a, { http: url(service) }, ['b']);
    await lab.api.client.delete(Service, { namespace: NAMESPACE, name: 'short' });
    await eventually(async () => assert.deepEqual(names(await askOften(a, { http: url(service) }, 1)), ['TIMEOUT']));
  });
});

suite('session affinity', () => {
  const affinity: Partial<Service['spec']> = {
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 3600 } },
  };

  test('keeps a client at its endpoint while others come and go, and when the agent starts again', async () => {
    const http = url(await serve('sticky', [a, b, c], affinity));
    const bound = await boundTo(n2, http);
    const others = [a, b, c].filter(({ name }) => name !== bound);
    await setEndpoints(
      'sticky',
      [a, b, c].filter(({ name }) => name !== others[0]?.name),
    );
    await answeredBy(n2, { http }, [bound]);
    await lab.stopAgent(n2);
    assert.deepEqual(names(await askOften(n2, { http }, 2)), [bound]);
    await lab.startAgent(n2);
    for (let i = 0; i < 5; i++) assert.deepEqual(names(await askOften(n2, { http })), [bound]);
  });

  test('gives a client whose endpoint is gone another one, for good', async () => {
    const http = url(await serve('moving', [a, b, c], affinity));
    const bound = await boundTo(n1, http);
    await setEndpoints(
      'moving',
      [a, b, c].filter(({ name }) => name !== bound),
    );
    await eventually(async () => assert.notEqual(await boundTo(n1, http), bound));
    const next = await boundTo(n1, http);
    assert.deepEqual(names(await askOften(n1, { http }, 30)), [next]);
  });

  async function boundTo(where: LabNode, http: string): Promise<string> {
    let bound: string[] = [];
    await eventually(async () => {
      bound = names(await askOften(where, { http }));
      assert.equal(bound.length, 1);
      assert.match(bound[0] ?? '', /^[abc]$/);
    });
    return bound[0] ?? '';
  }
});

suite('from outside', () => {
  test('a node port answers at every node, for every endpoint', async () => {
    const service = await serve('ported', [b, c], { type: 'NodePort' });
    for (const node of [n1, n2]) {
      const http = `http://${node.ip}:${nodePortOf(service)}/`;
      await answeredBy(undefined, { http }, ['b', 'c']);
      await answeredBy(a, { http }, ['b', 'c']);
      await answeredBy(n1, { http }, ['b', 'c']);
    }
    await setEndpoints('ported', []);
    await answeredBy(undefined, { http: `http://${n1.ip}:${nodePortOf(service)}/` }, ['ECONNREFUSED']);
  });

  test('external policy Local keeps the address of the client, and is silent where there is no endpoint, but not to pods', async () => {
    const service = await serve('local', [c], { type: 'NodePort', externalTrafficPolicy: 'Local' });
    const at = (node: LabNode): Question => ({ http: `http://${node.ip}:${nodePortOf(service)}/` });
    await answeredBy(undefined, at(n2), ['c']);
    assert.deepEqual(sources(await askOften(undefined, at(n2))), ['172.18.0.1']);
    // Each node's agent writes its own rules: silence at n1 says something only once n1 has them.
    await answeredBy(a, at(n1), ['c']);
    await answeredBy(n1, at(n1), ['c']);
    assert.deepEqual(names(await askOften(undefined, at(n1), 1)), ['TIMEOUT']);
  });

  test('external IPs and those of load balancers answer, the latter only to whom they may', async () => {
    const { client } = lab.api;
    const outside = await serve('balanced', [b, c], {
      type: 'LoadBalancer',
      externalIPs: ['172.18.9.1'],
      loadBalancerSourceRanges: ['10.244.1.0/24', '10.244.1.0/26'],
    });
    await client.updateStatus(Service, { ...outside, status: { loadBalancer: { ingress: [{ ip: '172.18.9.2' }] } } });
    await answeredBy(a, { http: 'http://172.18.9.1/' }, ['b', 'c']);
    await answeredBy(a, { http: 'http://172.18.9.2/' }, ['b', 'c']);
    await answeredBy(c, { http: 'http://172.18.9.1/' }, ['b', 'c']);
    assert.deepEqual(names(await askOften(c, { http: 'http://172.18.9.2/' }, 1)), ['TIMEOUT']);
  });
});

suite('UDP', () => {
  test('a flow that never pauses leaves an endpoint that is gone, and again', async () => {
    const service = await serve('datagrams', [b, c], {}, 'UDP');
    const udp: Question = { udp: [service.spec.clusterIP ?? '', 80], from: 4000 };
    for (const where of [a, n1]) {
      await setEndpoints('datagrams', [b, c]);
      for (const left of [[b], [c], [b]]) {
        await setEndpoints('datagrams', left);
        await answeredBy(where, udp, [left[0]?.name ?? '']);
      }
    }
  });
});

suite('DNS', () => {
  const server = '10.96.0.10';
  const lookUp = (where: LabPod | LabNode, name: string, type: string): Promise<Told> =>
    lab.ask(where, { dns: [server, name, type] });

  before(async () => {
    const { client } = lab.api;
    const common = { client, clock: systemClock, random: Math.random, log: silentLogger };
    const informers = newInformers(common);
    const recorder = newEventRecorder({ ...common, component: 'test', signal: stop.signal });
    const controller = newDnsServiceController({ ...common, informers, recorder }, { clusterDNS: server });
    await runControllers([controller], { ...common, informers }, { signal: stop.signal }).synced;
  });

  test('answers pods and nodes at the address of kube-dns, each from its own node', async () => {
    const service = await serve('named', [b, c]);
    const full = `named.${NAMESPACE}.svc.cluster.local`;
    for (const where of [a, c, n1, n2]) {
      await eventually(async () => assert.deepEqual((await lookUp(where, full, 'A')).value, [service.spec.clusterIP]));
    }
    assert.deepEqual((await lookUp(a, service.spec.clusterIP ?? '', 'PTR')).value, [full]);
    assert.deepEqual((await lookUp(a, `_web._tcp.${full}`, 'SRV')).value, [
      { type: 'SRV', name: full, port: 80, priority: 0, weight: 100 },
    ]);
    assert.equal((await lookUp(a, `nobody.${NAMESPACE}.svc.cluster.local`, 'A')).error, 'ENOTFOUND');
    assert.equal((await lookUp(a, full, 'AAAA')).error, 'ENODATA');
    const slice = await lab.api.client.get(EndpointSlice, { namespace: 'kube-system', name: 'kube-dns-nodes-0' });
    assert.deepEqual(
      slice.endpoints?.map(({ addresses, nodeName }) => [nodeName, ...addresses]),
      [n1, n2].map(({ name, ip }) => [name, ip]),
    );
  });

  test('names the endpoints of a headless service', async () => {
    await serve('headless', [endpoint(b, { hostname: 'bee' }), c], { clusterIP: 'None' });
    const full = `headless.${NAMESPACE}.svc.cluster.local`;
    await eventually(async () => {
      const { value } = await lookUp(a, full, 'A');
      assert.deepEqual((value as string[] | undefined)?.toSorted(), [b.ip, c.ip].toSorted());
    });
    assert.deepEqual((await lookUp(a, `bee.${full}`, 'A')).value, [b.ip]);
    assert.deepEqual((await lookUp(a, `${c.ip.replaceAll('.', '-')}.${full}`, 'A')).value, [c.ip]);
  });

  test('says quickly that it cannot tell what only resolvers it does not reach know', async () => {
    const startedAt = Date.now();
    assert.equal((await lookUp(a, 'example.com', 'A')).error, 'ESERVFAIL');
    assert.ok(Date.now() - startedAt < 1000);
  });
});

suite('an agent', () => {
  test('that starts again does not interrupt traffic', async () => {
    const http = url(await serve('steady', [b, c]));
    await answeredBy(c, { http }, ['b', 'c']);
    const told = new AbortController();
    const asked = (async () => {
      const answers: (Who | string)[] = [];
      while (!told.signal.aborted) answers.push(...(await askOften(c, { http }, 5)));
      return answers;
    })();
    await lab.stopAgent(n2);
    await lab.startAgent(n2);
    await pause(300);
    told.abort();
    const answers = await asked;
    assert.ok(answers.length > 20);
    assert.deepEqual(names(answers), ['b', 'c']);
  });

  test('takes the routes to a node away with the node, and puts back what others break', async () => {
    const routes = (): Promise<string> => run('ip', ['-n', 'n1', 'route', 'show', 'proto', '80']);
    assert.match(await routes(), /^10\.244\.2\.0\/24 via 172\.18\.0\.3 dev eth0 *$/m);
    const { client } = lab.api;
    const extra = await client.create(Node, { metadata: { name: 'n9' }, spec: { podCIDR: '10.244.9.0/24' } });
    await client.updateStatus(Node, {
      ...extra,
      status: { addresses: [{ type: 'InternalIP', address: '172.18.0.10' }] },
    });
    await eventually(async () => assert.match(await routes(), /^10\.244\.9\.0\/24 via 172\.18\.0\.10 /m));
    await run('ip', ['-n', 'n1', 'route', 'del', '10.244.2.0/24', 'proto', '80']);
    await client.delete(Node, { name: 'n9' });
    await eventually(async () => {
      assert.doesNotMatch(await routes(), /10\.244\.9\.0/);
      assert.match(await routes(), /10\.244\.2\.0/);
    });
  });
});
