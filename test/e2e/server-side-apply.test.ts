/** Server-side apply as kubectl does it: on the API server with its controllers, without nodes of their own. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Deployment } from '#api';
import { startTestControlPlane } from '#testing';
import type { Result } from './support/command.ts';
import { Kubectl } from './support/kubectl.ts';

const directory = await mkdtemp(join(tmpdir(), 'server-side-apply-'));
const plane = await startTestControlPlane({ directory, nodes: ['node-1'] });
after(async () => {
  await plane[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
const kubectl = new Kubectl({ ...process.env, KUBECONFIG: plane.kubeconfig, HOME: directory });

const manifest = (name: string, replicas: number, image = 'example.test/web:1'): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'web', image }] } },
    },
  });

const piped = (input: string, ...args: string[]): Promise<Result> => kubectl.tryWith({ input }, ...args, '-f', '-');

async function ok(input: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await piped(input, ...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Managers of a deployment: `name operation subresource`. */
async function managers(name: string): Promise<string[]> {
  const text = await kubectl.run('get', 'deployment', name, '-o', 'json', '--show-managed-fields');
  const { metadata } = JSON.parse(text) as Deployment;
  return (metadata.managedFields ?? [])
    .map(({ manager, operation, subresource = '' }) => `${manager} ${operation} ${subresource}`.trim())
    .toSorted();
}

test('creates, and leaves alone what is as it should be', async () => {
  assert.match(await ok(manifest('web', 2), 'apply', '--server-side'), /^deployment\.apps\/web serverside-applied$/m);
  await kubectl.run('rollout', 'status', 'deployment/web', '--timeout=60s');
  const version = (): Promise<string> =>
    kubectl.run('get', 'deployment', 'web', '-o', 'jsonpath={.metadata.generation} {.metadata.managedFields[0].time}');
  const before = await version();
  await ok(manifest('web', 2), 'apply', '--server-side');
  assert.equal(await version(), before);
  assert.deepEqual(await managers('web'), ['kube-controller-manager Update status', 'kubectl Apply']);
  const shown = await kubectl.run('get', 'deployment', 'web', '-o', 'yaml');
  assert.doesNotMatch(shown, /managedFields/);
  const pod = await kubectl.run('get', 'pods', '-l', 'app=web', '-o', 'yaml', '--show-managed-fields');
  assert.match(pod, /manager: kube-controller-manager\n/);
});

test('tells of conflicts, and takes by force', async () => {
  await kubectl.run('scale', 'deployment', 'web', '--replicas=3');
  const refused = await piped(manifest('web', 1), 'apply', '--server-side', '--field-manager=other');
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /^error: Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps\/v1: \.spec\.replicas\nPlease review the fields above--they currently have other managers\./,
  );
  await ok(manifest('web', 1), 'apply', '--server-side', '--field-manager=other', '--force-conflicts');
  assert.equal(await kubectl.run('get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}'), '1');
  assert.ok((await managers('web')).includes('other Apply'));
});

test('says what would change, and changes nothing', async () => {
  const next = manifest('web', 1, 'example.test/web:2');
  const { code, stdout, stderr } = await piped(
    next,
    'diff',
    '--server-side',
    '--field-manager=other',
    '--force-conflicts',
  );
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^-.*image: example\.test\/web:1\n\+.*image: example\.test\/web:2$/m);
  const same = await piped(manifest('web', 1), 'diff', '--server-side', '--field-manager=other', '--force-conflicts');
  assert.deepEqual([same.code, same.stdout], [0, ''], same.stderr);
  assert.match(
    await ok(next, 'apply', '--server-side', '--field-manager=other', '--force-conflicts', '--dry-run=server'),
    /serverside-applied \(server dry run\)/,
  );
  const image = 'jsonpath={.spec.template.spec.containers[0].image}';
  assert.equal(await kubectl.run('get', 'deployment', 'web', '-o', image), 'example.test/web:1');
});

test('goes over from client-side apply to server-side apply and keeps the annotation', async () => {
  await ok(manifest('moved', 1), 'apply');
  await kubectl.run('rollout', 'status', 'deployment/moved', '--timeout=60s');
  assert.ok((await managers('moved')).includes('kubectl-client-side-apply Update'));
  await ok(manifest('moved', 2), 'apply', '--server-side');
  const now = await managers('moved');
  assert.ok(now.includes('kubectl Apply') && !now.includes('kubectl-client-side-apply Update'), now.join());
  const annotation = await kubectl.run(
    'get',
    'deployment',
    'moved',
    '-o',
    String.raw`jsonpath={.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}`,
  );
  assert.match(annotation, /"replicas":2/);
  // And back: the client compares with the annotation.
  assert.match(await ok(manifest('moved', 2), 'apply'), /^deployment\.apps\/moved (?:unchanged|configured)$/m);
  await ok(manifest('moved', 3), 'apply', '--server-side', '--force-conflicts');
  assert.equal(await kubectl.run('get', 'deployment', 'moved', '-o', 'jsonpath={.spec.replicas}'), '3');
});

test('applies a status through its subresource', async () => {
  const condition = { type: 'Checked', status: 'True', reason: 'Test', message: 'by hand' };
  const status = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1' },
    status: { conditions: [condition] },
  });
  const { code, stderr } = await piped(
    status,
    'apply',
    '--server-side',
    '--subresource=status',
    '--field-manager=checker',
  );
  if (code !== 0 && /unknown flag: --subresource/.test(stderr)) return; // kubectl before 1.32
  assert.equal(code, 0, stderr);
  const path = 'jsonpath={.status.conditions[?(@.type=="Checked")].message}';
  assert.equal(await kubectl.run('get', 'node', 'node-1', '-o', path), 'by hand');
  const shown = await kubectl.run('get', 'node', 'node-1', '-o', 'yaml', '--show-managed-fields');
  assert.match(shown, /manager: checker\n +operation: Apply\n +subresource: status\n/);
});

test('refuses fields that nobody knows, and keys that stand twice', async () => {
  const odd = manifest('odd', 1).replace('"replicas"', '"replicass"');
  const unknown = await piped(odd, 'apply', '--server-side', '--validate=false');
  assert.match(
    unknown.stderr,
    /failed to create typed patch object \(default\/odd; apps\/v1, Kind=Deployment\): \.spec\.replicass: field not declared in schema/,
  );
  const strict = await piped(odd, 'apply', '--server-side');
  assert.notEqual(strict.code, 0);
});
