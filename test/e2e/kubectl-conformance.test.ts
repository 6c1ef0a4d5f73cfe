/** What the conformance suite of Kubernetes v1.36 asks of kubectl (test/e2e/kubectl/kubectl.go), where pods need only be said to run. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Pod } from '#api';
import { startTestControlPlane } from '#testing';
import type { Result, RunningCommand } from './support/command.ts';
import { Kubectl } from './support/kubectl.ts';

const HTTPD = 'example.test/httpd:2.4';
const BUSYBOX = 'example.test/busybox:1';

const directory = await mkdtemp(join(tmpdir(), 'kubectl-conformance-'));
const plane = await startTestControlPlane({ directory, nodes: ['node-1'] });
after(async () => {
  await plane[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
const kubectl = new Kubectl({ ...process.env, KUBECONFIG: plane.kubeconfig, HOME: directory });

const piped = (input: string, ...args: string[]): Promise<Result> => kubectl.tryWith({ input }, ...args, '-f', '-');

async function ok(input: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await piped(input, ...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function runPod(name: string, ...more: string[]): Promise<Pod> {
  await kubectl.run('run', name, `--image=${HTTPD}`, `--labels=run=${name}`, ...more);
  await kubectl.waitReady(`pod/${name}`);
  return await kubectl.get<Pod>('pod', name);
}

const deployment = (name: string, image = HTTPD): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'httpd', image }] } },
    },
  });

test('api-versions has v1, cluster-info the control plane, and version both versions', async () => {
  assert.match(await kubectl.run('api-versions'), /^v1$/m);
  const info = await kubectl.run('cluster-info');
  assert.match(info, /Kubernetes control plane/);
  assert.match(info, /is running at/);
  const version = await kubectl.run('version');
  assert.match(version, /^Client Version: .*v1\.\d+\.\d+/m);
  assert.match(version, /^Server Version: .*v1\.36\.\d+/m);
});

test('diff tells the images of a deployment apart', async () => {
  await ok(deployment('diff'), 'create');
  const { code, stdout, stderr } = await piped(deployment('diff', BUSYBOX), 'diff');
  assert.equal(code, 1, stderr);
  assert.ok(stdout.includes(`-      - image: ${HTTPD}`), stdout);
  assert.ok(stdout.includes(`+      - image: ${BUSYBOX}`), stdout);
  await kubectl.run('delete', 'deployment', 'diff');
});

test('a dry run on the server leaves the image of a pod as it is', async () => {
  await runPod('dry');
  const patch = { spec: { containers: [{ name: 'dry', image: BUSYBOX }] } };
  const patched = await kubectl.run('patch', 'pod', 'dry', '-p', JSON.stringify(patch), '--dry-run=server');
  assert.match(patched, /^pod\/dry patched/m);
  const changed = (await kubectl.run('get', 'pod', 'dry', '-o', 'json')).replace(HTTPD, BUSYBOX);
  await ok(changed, 'replace', '--dry-run=server');
  const { spec } = await kubectl.get<Pod>('pod', 'dry');
  assert.equal(spec.containers[0]?.image, HTTPD);
  await kubectl.run('delete', 'pod', 'dry');
});

test('a label of a pod is set, shown and taken away', async () => {
  await runPod('pause');
  const shown = (): Promise<string> => kubectl.run('get', 'pod', 'pause', '-L', 'testing-label');
  await kubectl.run('label', 'pods', 'pause', 'testing-label=testing-label-value');
  assert.match(await shown(), /TESTING-LABEL\n.*testing-label-value$/m);
  await kubectl.run('label', 'pods', 'pause', 'testing-label-');
  assert.doesNotMatch(await shown(), /testing-label-value/);
  await kubectl.run('delete', 'pod', 'pause', '--grace-period=0', '--force');
});

test('replace changes the image of a pod', async () => {
  await runPod('replaced');
  assert.match(await kubectl.run('get', 'pods', '-l', 'run=replaced', '-o', 'name'), /^pod\/replaced$/m);
  const changed = (await kubectl.run('get', 'pod', 'replaced', '-o', 'json')).replace(HTTPD, BUSYBOX);
  await ok(changed, 'replace');
  assert.equal((await kubectl.get<Pod>('pod', 'replaced')).spec.containers[0]?.image, BUSYBOX);
  await kubectl.run('delete', 'pod', 'replaced');
});

test('run makes a pod that is not restarted when told so', async () => {
  const { spec } = await runPod('never', '--restart=Never', '--pod-running-timeout=2m0s');
  assert.deepEqual([spec.restartPolicy, spec.containers[0]?.image], ['Never', HTTPD]);
  await kubectl.run('delete', 'pod', 'never');
});

interface Address {
  readonly host?: string;
  readonly port?: number;
  readonly socketPath?: string;
}

/** The versions of the API, by way of a proxy. */
async function versions(address: Address): Promise<readonly string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const outgoing = request({ ...address, path: '/api/' }, (incoming) => {
    let text = '';
    incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    incoming.on('end', () => resolve(text));
    incoming.on('error', reject);
  });
  outgoing.on('error', reject);
  outgoing.end();
  return (JSON.parse(await promise) as { versions: string[] }).versions;
}

test('proxy listens on a port of its choice, or on a socket', async () => {
  {
    await using proxy: RunningCommand = kubectl.start('proxy', '-p', '0', '--disable-filter');
    const said = await proxy.until(/127\.0\.0\.1:\d+\n/);
    const port = Number(/:(\d+)\n/.exec(said)?.[1]);
    assert.deepEqual(await versions({ host: '127.0.0.1', port }), ['v1']);
  }
  const socketPath = join(directory, 'proxy.sock');
  await using proxy: RunningCommand = kubectl.start('proxy', `--unix-socket=${socketPath}`);
  await proxy.until(/Starting to serve on .*proxy\.sock\n/);
  assert.deepEqual(await versions({ socketPath }), ['v1']);
});

// test/e2e/apps/deployment.go and replica_set.go
test('deployments and replica sets are scaled by their own path', async () => {
  await ok(deployment('scaled'), 'create');
  await kubectl.run('rollout', 'status', 'deployment/scaled', '--timeout=30s');
  const set = { ...(JSON.parse(deployment('set')) as object), kind: 'ReplicaSet' };
  await ok(JSON.stringify(set), 'create');
  for (const [type, name] of [
    ['deployments', 'scaled'],
    ['replicasets', 'set'],
  ] as const) {
    const path = `/apis/apps/v1/namespaces/default/${type}/${name}/scale`;
    const scale = JSON.parse(await kubectl.run('get', '--raw', path)) as { spec: { replicas: number } };
    assert.equal(scale.spec.replicas, 1);
    await ok(JSON.stringify({ ...scale, spec: { replicas: 2 } }), 'replace', '--raw', path);
    await kubectl.waitFor('{.status.readyReplicas}=2', `${type}/${name}`);
    await kubectl.run('patch', type, name, '--subresource=scale', '--type=merge', '-p', '{"spec":{"replicas":4}}');
    await kubectl.waitFor('{.status.readyReplicas}=4', `${type}/${name}`);
    await kubectl.run('delete', type, name);
  }
});

const replicationController = (name: string, replicas = 1): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name },
    spec: {
      replicas,
      selector: { app: name },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'httpd', image: HTTPD, ports: [{ name: 'http', containerPort: 6379 }] }] },
      },
    },
  });

async function runController(name: string, replicas: number): Promise<readonly Pod[]> {
  await ok(replicationController(name, replicas), 'create');
  await kubectl.waitFor(`{.status.readyReplicas}=${replicas}`, `rc/${name}`);
  const list = JSON.parse(await kubectl.run('get', 'pods', '-l', `app=${name}`, '-o', 'json')) as { items: Pod[] };
  return list.items;
}

test('describe tells what matters of a replication controller, its pod, service, node and namespace', async () => {
  const [pod] = await runController('described', 1);
  await kubectl.run('expose', 'rc', 'described', '--port=6379', '--target-port=http');
  const says = async (what: readonly string[], ...lines: readonly RegExp[]): Promise<void> => {
    const text = await kubectl.run('describe', ...what);
    for (const line of lines) assert.match(text, line);
  };
  await says(
    ['pod', pod!.metadata.name],
    /^Name: +described-/m,
    /^Namespace: +default$/m,
    /^Node: +node-1/m,
    /^Labels: +app=described$/m,
    /^Status: +Running$/m,
    /^IP: +\d/m,
    /^Controlled By: +ReplicationController\/described$/m,
    new RegExp(`^ +Image: +${HTTPD}$`, 'm'),
    /^ +State: +Running$/m,
  );
  await says(
    ['rc', 'described'],
    /^Selector: +app=described$/m,
    /^Replicas: +1 current \/ 1 desired$/m,
    /^Pods Status: +1 Running \/ 0 Waiting \/ 0 Succeeded \/ 0 Failed$/m,
    /^ +Normal +SuccessfulCreate +\S+ +replication-controller +Created pod: described-/m,
  );
  await says(
    ['service', 'described'],
    /^Selector: +app=described$/m,
    /^Type: +ClusterIP$/m,
    /^Port: +<unset> +6379\/TCP$/m,
    /^TargetPort: +http\/TCP$/m,
    /^Endpoints: +\d+\.\d+\.\d+\.\d+:6379$/m,
    /^Session Affinity: +None$/m,
  );
  await says(['node', 'node-1'], /^Conditions:$/m, /^Addresses:$/m, /^Capacity:$/m, /^Allocatable:$/m);
  await says(['namespace', 'default'], /^Name: +default$/m, /^Status: +Active$/m);
  await kubectl.run('delete', 'rc/described', 'service/described');
});

test('a replication controller is exposed, and its service exposed again', async () => {
  await runController('exposed', 1);
  await kubectl.run('expose', 'rc', 'exposed', '--name=rm2', '--port=1234', '--target-port=6379');
  await kubectl.run('expose', 'service', 'rm2', '--name=rm3', '--port=2345', '--target-port=6379');
  for (const [name, port] of [
    ['rm2', 1234],
    ['rm3', 2345],
  ] as const) {
    const path = '{.spec.ports[0].port} {.spec.ports[0].targetPort} {.spec.selector.app}';
    assert.equal(await kubectl.run('get', 'service', name, '-o', `jsonpath=${path}`), `${port} 6379 exposed`);
    await kubectl.waitFor('{.subsets[0].ports[0].port}=6379', `endpoints/${name}`);
  }
  await kubectl.run('delete', 'rc/exposed', 'service/rm2', 'service/rm3');
});

test('pods of a replication controller are annotated by a patch', async () => {
  const pods = await runController('patched', 2);
  for (const { metadata } of pods) {
    await kubectl.run('patch', 'pod', metadata.name, '-p', '{"metadata":{"annotations":{"x":"y"}}}');
    assert.equal((await kubectl.get<Pod>('pod', metadata.name)).metadata.annotations?.['x'], 'y');
  }
  await kubectl.run('delete', 'rc', 'patched');
});

test('a replication controller is created, scaled down and up, and stopped', async () => {
  await runController('update-demo', 2);
  for (const replicas of [1, 2]) {
    await kubectl.run('scale', 'rc', 'update-demo', `--replicas=${replicas}`, '--timeout=1m');
    const names = async (): Promise<string> =>
      await kubectl.run('get', 'pods', '-l', 'app=update-demo', '-o', 'name', '--field-selector=status.phase=Running');
    await kubectl.waitFor(`{.status.readyReplicas}=${replicas}`, 'rc/update-demo');
    if (replicas === 2) assert.equal((await names()).trim().split('\n').length, 2);
  }
  await kubectl.run('delete', 'rc', 'update-demo', '--grace-period=0', '--force');
  await kubectl.run('wait', '--for=delete', 'pods', '-l', 'app=update-demo', '--timeout=30s');
  assert.equal(await kubectl.run('get', 'rc', '-l', 'app=update-demo', '-o', 'name'), '');
});

test('nothing failed behind the scenes', () => {
  assert.deepEqual(
    plane.complaints.filter((text) => !text.includes('"reason":"Conflict"')),
    [],
  );
});
