/** The operator of examples/operator on a control plane, two of it, with kubectl as the user. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { startTestControlPlane } from '#testing';

const EXAMPLE = join(import.meta.dirname, '../../examples/operator');
const directory = await mkdtemp(join(tmpdir(), 'operator-'));
const plane = await startTestControlPlane({ directory, nodes: ['node-1'] });
const env = { ...process.env, KUBECONFIG: plane.kubeconfig, HOME: directory };

// Operators go by a wire that the test can cut.
const text = await readFile(plane.kubeconfig, 'utf8');
const port = /https:\/\/127\.0\.0\.1:(\d+)/.exec(text)![1]!;
const sockets = new Set<Socket>();
const wire = createServer((near) => {
  const far = connect(Number(port), '127.0.0.1');
  for (const socket of [near, far]) {
    sockets.add(socket);
    socket.on('error', () => undefined); // the wire is cut
    socket.on('close', () => [near, far].forEach((end) => end.destroy()));
    socket.on('close', () => sockets.delete(socket));
  }
  near.pipe(far).pipe(near);
}).listen(0, '127.0.0.1');
await once(wire, 'listening');
const wired = join(directory, 'wired');
await writeFile(wired, text.replaceAll(`:${port}`, `:${(wire.address() as AddressInfo).port}`));
const cut = (): void => sockets.forEach((socket) => socket.destroy());

const operators = new Map<string, ChildProcess>();
after(async () => {
  for (const child of operators.values()) child.kill('SIGKILL');
  wire.close();
  cut();
  await plane[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function kubectl(words: string, input?: string): Promise<string> {
  const running = promisify(execFile)('kubectl', words.split(' '), { env, timeout: 60_000 });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

/** Starts an operator; resolves with its name when it leads. */
async function operator(identity: string): Promise<string> {
  const child = spawn(process.execPath, [join(EXAMPLE, 'operator.ts')], {
    env: { ...env, KUBECONFIG: wired, IDENTITY: identity },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  operators.set(identity, child);
  for await (const line of createInterface(child.stdout)) if (line === `${identity} leads`) return identity;
  throw new Error(`${identity} ended before it led`);
}

const site = (name: string, replicas = 1): string =>
  JSON.stringify({
    apiVersion: 'example.com/v1',
    kind: 'Website',
    metadata: { name },
    spec: { host: `${name}.example.com`, replicas },
  });
const ready = (name: string, replicas: number): Promise<string> =>
  kubectl(`wait website/${name} --for=jsonpath={.status.readyReplicas}=${replicas} --timeout=30s`);
const hosts = async (): Promise<unknown> => JSON.parse(await kubectl('get configmap hosts -o jsonpath={.data}'));

await kubectl(`apply -f ${join(EXAMPLE, 'crd.yaml')}`);
await kubectl('wait crd/websites.example.com --for=condition=Established --timeout=10s');
const waiting = new Map(['one', 'two'].map((identity) => [identity, operator(identity)]));
let leader = await Promise.race(waiting.values());

test('a website becomes a deployment with its owner, a host and a status', async () => {
  await Promise.all(['home', 'blog', 'shop'].map((name) => kubectl('apply -f -', site(name, 2))));
  await Promise.all(['home', 'blog', 'shop'].map((name) => ready(name, 2)));
  await kubectl('wait website --all --for=condition=Ready --timeout=30s');
  assert.match(await kubectl('get ws home'), /^NAME +HOST +WANTED +READY\nhome +home\.example\.com +2 +2$/m);
  assert.deepEqual(await hosts(), { home: 'home.example.com', blog: 'blog.example.com', shop: 'shop.example.com' });
  const owner = await kubectl('get deployment home -o jsonpath={.metadata.ownerReferences[0].uid}');
  assert.equal(owner, await kubectl('get website home -o jsonpath={.metadata.uid}'));
  await assert.rejects(kubectl('apply -f -', site('large', 11)), /should be less than or equal to 10/);
});

test('what an owner has is made again, scaled, and follows it', async () => {
  await kubectl('delete deployment home');
  await kubectl('wait deployment/home --for=create --timeout=30s');
  await kubectl('scale website home --replicas=3');
  await ready('home', 3);
  assert.equal(await kubectl('get deployment home -o jsonpath={.spec.replicas}'), '3');
});

test('watches go on after their connections broke', async () => {
  cut();
  await kubectl('scale website home --replicas=1');
  await ready('home', 1);
});

test('another takes over from a leader that is killed', async () => {
  const killed = leader;
  operators.get(killed)!.kill('SIGKILL');
  await kubectl('scale website blog --replicas=4');
  waiting.delete(killed);
  leader = await Promise.race(waiting.values());
  assert.notEqual(leader, killed);
  await ready('blog', 4);
  const lease = await kubectl('get lease website-operator -o jsonpath={.spec.holderIdentity}/{.spec.leaseTransitions}');
  assert.equal(lease, `${leader}/1`);
});

test('a website that goes waits for its finalizer and takes along what it owned', async () => {
  await kubectl('delete website shop --timeout=30s');
  await kubectl('wait deployment/shop --for=delete --timeout=30s');
  await kubectl('delete website blog --cascade=foreground --timeout=30s');
  assert.match(await kubectl('get deployment blog --ignore-not-found'), /^$/);
  assert.deepEqual(await hosts(), { home: 'home.example.com' });
  const gone = once(operators.get(leader)!, 'exit');
  operators.get(leader)!.kill('SIGKILL');
  await gone;
  await kubectl('delete website home --wait=false');
  assert.notEqual(await kubectl('get website home -o jsonpath={.metadata.deletionTimestamp}'), '');
  void operator('three');
  await kubectl('wait website/home --for=delete --timeout=30s');
  await kubectl('wait deployment/home --for=delete --timeout=30s');
  // Writing over another's change is refused and tried again: how controllers work.
  assert.deepEqual(
    plane.complaints.filter((complaint) => !complaint.includes('"reason":"Conflict"')),
    [],
  );
});
