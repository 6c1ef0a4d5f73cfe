/** What dies, comes back; what runs, runs on; what was acknowledged, is kept. Each test starts from the whole cluster the one before left. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConfigMap, Pod } from '#api';
import { run } from '#linux';
import { type Status, useCluster } from './support/cluster.ts';
import { runCommand } from './support/command.ts';
import { container, deployment, pod, service, shell } from './support/manifests.ts';
import { Prober } from './support/prober.ts';

const NODE_PORT = 30080;
const STORE = '/var/lib/pirogue/pirogue/data';
/** Small enough to be filled in a moment, large enough for all that a cluster writes by itself. */
const STORE_MIB = 64;
const WRITERS = 8;
const DEADLINE_MS = 30_000;

const SERVE = 'mkdir /www; hostname > /www/index.html; trap exit TERM; httpd -p 8080 -h /www; sleep 100000 & wait';

const cluster = useCluster({
  async beforeUp() {
    await run('mkdir', ['-p', STORE]);
    await run('mount', ['-t', 'tmpfs', '-o', `mode=700,size=${STORE_MIB}m`, 'store', STORE]);
  },
  async prepare() {
    const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1, failureThreshold: 1 };
    await kubectl.apply(
      deployment('web', 4, { containers: [container({ readinessProbe, ...shell(SERVE) })] }),
      service('web', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }] }),
    );
    await kubectl.rolledOut('deployment/web');
    for (const url of urls) await eventually(`an answer from ${url}`, async () => (await fetch(url)).ok);
  },
});
const { kubectl } = cluster;
const urls = ['172.18.0.2', '172.18.0.3', '172.18.0.4'].map((address) => `http://${address}:${NODE_PORT}/`);

/** For what has no event to wait for: a dead API server sends none. */
async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    const error = await check().then(
      (done) => (done ? undefined : 'not yet'),
      (thrown: unknown) => String(thrown),
    );
    if (error === undefined) return;
    if (performance.now() > end) assert.fail(`not within ${DEADLINE_MS} ms: ${what}: ${error}`);
    await delay(50);
  }
}

function kill(process_: { readonly pid: number } | undefined): void {
  assert.ok(process_, 'the process to kill runs');
  process.kill(process_.pid, 'SIGKILL');
}

/** Waits until a process of the cluster runs again under another pid. */
async function another(
  what: string,
  of: (status: Status) => { readonly pid: number } | undefined,
  old: Status,
): Promise<void> {
  await eventually(`${what} runs again`, async () => {
    const now = of(await cluster.status());
    return now !== undefined && now.pid !== of(old)?.pid;
  });
}

const node =
  (name: string) =>
  ({ nodes }: Status): Status['nodes'][number] => {
    const found = nodes.find((each) => each.name === name);
    assert.ok(found);
    return found;
  };

/** Which containers the application consists of. */
async function containers(): Promise<readonly string[]> {
  const pods = await kubectl.list<Pod>('pods', '-l', 'app=web');
  return pods
    .map(({ metadata, status }) => {
      const [main] = status.containerStatuses ?? [];
      return `${metadata.name} ${main?.containerID} restarted ${main?.restartCount}`;
    })
    .toSorted();
}

/** New work is done everywhere: pods start on each node, answer, and go. */
async function stillWorks(t: TestContext): Promise<void> {
  await eventually('the API server is ready', async () => (await kubectl.try('get', '--raw=/readyz')).code === 0);
  const began = performance.now();
  const own = await cluster.namespace(t);
  await own.apply(
    ...['node1', 'node2'].map((name) =>
      pod(`on-${name}`, {
        nodeSelector: { 'kubernetes.io/hostname': name },
        containers: [container(shell('echo up; sleep 1000'))],
        terminationGracePeriodSeconds: 0,
      }),
    ),
    deployment('new', 2, { containers: [container()] }),
  );
  await own.waitReady('pod/on-node1', 'pod/on-node2');
  await own.rolledOut('deployment/new');
  t.diagnostic(`new pods were ready after ${Math.round(performance.now() - began)} ms`);
  for (const name of ['on-node1', 'on-node2']) {
    assert.equal(await own.run('exec', name, '--', 'hostname'), `${name}\n`);
    assert.equal(await own.run('logs', name), 'up\n');
  }
  await own.run('delete', 'pod', 'on-node1', 'on-node2');
}

/** The application answers all the time that `work` takes, from the same containers. */
async function undisturbed(t: TestContext, work: () => Promise<void>): Promise<void> {
  const earlier = await containers();
  const prober = new Prober(urls);
  try {
    await work();
  } finally {
    const { asked, failures } = await prober.stop();
    t.diagnostic(`the application was asked ${asked} times meanwhile`);
    assert.deepEqual(failures, []);
    assert.ok(asked > 10);
  }
  assert.deepEqual(await containers(), earlier);
}

test('a control plane that is killed while clients write loses nothing that it acknowledged', async (t) => {
  await using proxy = kubectl.start('proxy', '--port=18001');
  await proxy.until(/Starting to serve/);
  const base = 'http://127.0.0.1:18001/api/v1/namespaces/default/configmaps';
  const send = async (method: string, url: string, name: string, n: number): Promise<boolean> => {
    const body = JSON.stringify({ metadata: { name }, data: { n: String(n) } });
    const answer = await fetch(url, { method, body, headers: { 'content-type': 'application/json' } }).catch(
      () => undefined,
    );
    await answer?.text().catch(() => '');
    return answer?.ok === true;
  };
  const created = new Set<string>();
  const counters = new Map<string, number>();
  const stop = new AbortController();
  const writer = async (id: number): Promise<void> => {
    const counter = `counter-${id}`;
    for (let n = 0; !stop.signal.aborted; n++) {
      const name = `write-${id}-${n}`;
      if (await send('POST', base, name, n)) created.add(name);
      else await delay(10);
      if (!counters.has(counter) && (await send('POST', base, counter, n))) counters.set(counter, n);
      else if (await send('PUT', `${base}/${counter}`, counter, n)) counters.set(counter, n);
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, id) => writer(id));
  await undisturbed(t, async () => {
    for (let kills = 0; kills < 2; kills++) {
      const soFar = created.size;
      await eventually('writes are acknowledged', () => Promise.resolve(created.size > soFar + 100));
      const before = await cluster.status();
      kill(before.controlPlane.process);
      const began = performance.now();
      const acknowledged = created.size;
      await eventually('writes are acknowledged again', () => Promise.resolve(created.size > acknowledged + WRITERS));
      t.diagnostic(
        `killed after ${acknowledged} writes; acknowledges again after ${Math.round(performance.now() - began)} ms`,
      );
      await another('the control plane', ({ controlPlane }) => controlPlane.process, before);
    }
    stop.abort();
    await Promise.all(writers);
  });
  const kept = new Map(
    (await kubectl.list<ConfigMap>('configmaps')).map(({ metadata, data }) => [metadata.name, Number(data?.['n'])]),
  );
  assert.deepEqual(
    [...created].filter((name) => !kept.has(name)),
    [],
    'lost',
  );
  for (const [name, n] of counters)
    assert.ok((kept.get(name) ?? -1) >= n, `${name}: ${kept.get(name)} after ${n} was acknowledged`);
  await stillWorks(t);
});

test('an agent that is killed takes up what it finds', async (t) => {
  await kubectl.apply(
    pod('doomed', {
      nodeSelector: { 'kubernetes.io/hostname': 'node1' },
      containers: [container()],
      terminationGracePeriodSeconds: 1,
    }),
  );
  await kubectl.waitReady('pod/doomed');
  await undisturbed(t, async () => {
    const before = await cluster.status();
    kill(node('node1')(before).agent);
    const began = performance.now();
    await kubectl.run('delete', 'pod', 'doomed');
    t.diagnostic(`a pod deleted while its agent was dead was gone after ${Math.round(performance.now() - began)} ms`);
    await another('the agent', (status) => node('node1')(status).agent, before);
    await kubectl.waitReady('node/node1');
  });
  await stillWorks(t);
});

test('a containerd that is killed leaves its containers alone', async (t) => {
  await undisturbed(t, async () => {
    const before = await cluster.status();
    kill(node('node2')(before).containerd);
    await another('containerd', (status) => node('node2')(status).containerd, before);
    await stillWorks(t);
  });
});

test('all that manages containers can be killed at once', async (t) => {
  await undisturbed(t, async () => {
    const before = await cluster.status();
    for (const each of before.nodes) {
      kill(each.agent);
      kill(each.containerd);
    }
    kill(before.controlPlane.process);
    await another('the control plane', ({ controlPlane }) => controlPlane.process, before);
    await another('the agent', (status) => node('node2')(status).agent, before);
    await stillWorks(t);
  });
});

test('a container whose process is killed is started again', async (t) => {
  const own = await cluster.namespace(t);
  await own.apply(pod('victim', { containers: [container(shell('exec sleep 31415'))] }));
  await own.waitReady('pod/victim');
  const began = performance.now();
  const pid = (await run('pgrep', ['-xf', 'sleep 31415'])).trim();
  process.kill(Number(pid), 'SIGKILL');
  await own.waitFor('{.status.containerStatuses[0].restartCount}=1', 'pod/victim');
  await own.waitReady('pod/victim');
  t.diagnostic(`it ran again after ${Math.round(performance.now() - began)} ms`);
  const { status } = await own.get<Pod>('pod', 'victim');
  assert.equal(status.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
});

test('a node that dies is started again by up, with its pods', async (t) => {
  const before = await cluster.status();
  const earlier = await kubectl.list<Pod>('pods', '-l', 'app=web');
  const lost = earlier.filter(({ spec }) => spec.nodeName === 'node2').map(({ metadata }) => `pod/${metadata.name}`);
  assert.ok(lost.length > 0);
  kill(node('node2')(before).init);
  await eventually('status tells', async () => (await cluster.tryPirogue(['status'])).code === 1);
  assert.match((await cluster.tryPirogue(['status'])).stdout, /^node2 .*stopped/m);
  const began = performance.now();
  await cluster.pirogue('up');
  await kubectl.waitFor('{.status.containerStatuses[0].restartCount}=1', ...lost);
  await kubectl.rolledOut('deployment/web');
  t.diagnostic(`up started the node again, and its pods were ready after ${Math.round(performance.now() - began)} ms`);
  for (const url of urls) await eventually(`an answer from ${url}`, async () => (await fetch(url)).ok);
  await stillWorks(t);
});

test('a store whose disk is full says so, can be read, loses nothing, and goes on when there is room', async (t) => {
  await undisturbed(t, async () => {
    const ballast = `${STORE}/ballast`;
    const { stdout } = await runCommand(['df', '--output=avail', '-k', STORE]);
    const freeKib = Number(stdout.split('\n')[1]);
    await run('fallocate', ['-l', `${freeKib - 2048}KiB`, ballast]);
    const data = 'x'.repeat(500_000);
    let refused: string | undefined;
    let written = 0;
    for (; refused === undefined && written < 100; written++) {
      const manifest = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `fill-${written}` }, data: { data } };
      const { code, stderr } = await kubectl.tryWith({ input: JSON.stringify(manifest) }, 'create', '-f', '-');
      if (code !== 0) refused = stderr;
    }
    t.diagnostic(`refused after ${written - 1} writes of 500 kB: ${refused}`);
    assert.match(refused ?? '', /no space|full/i);
    const names = (await kubectl.list<ConfigMap>('configmaps')).map(({ metadata }) => metadata.name);
    for (let i = 0; i < written - 1; i++) assert.ok(names.includes(`fill-${i}`), `fill-${i} was acknowledged`);
    await rm(ballast);
    await eventually('there is room again', async () => {
      const { code, stderr } = await kubectl.try('create', 'configmap', 'after');
      if (code !== 0 && !stderr.includes('AlreadyExists')) throw new Error(stderr);
      return true;
    });
  });
  await stillWorks(t);
});
