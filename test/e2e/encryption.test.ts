/** Encryption at rest as its administrators see it: what kubectl writes, as the real etcdctl finds it, through rotations and old backups. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Secret } from '#api';
import { buildRootfs } from '#testing';
import { MACHINE, useCluster } from './support/cluster.ts';
import { runCommand } from './support/command.ts';
import { secret } from './support/manifests.ts';

const cluster = useCluster({ nodes: 0, images: [] });
const { kubectl } = cluster;
const PKI = '/var/lib/pirogue/pirogue/pki/etcd';
const bin = join(await buildRootfs(['etcd']), 'usr/bin');
const FILE = join(MACHINE, 'encryption.yaml');
const KEY = randomBytes(32).toString('base64');
const HIDDEN = Buffer.from('hunter2-is-hidden').toString('base64');

/** What the datastore holds of a Secret. */
async function raw(name: string): Promise<string> {
  const access = ['--endpoints=https://127.0.0.1:2379', `--cacert=${PKI}/ca.crt`];
  const own = [`--cert=${PKI}/healthcheck-client.crt`, `--key=${PKI}/healthcheck-client.key`];
  const get = ['get', `/registry/secrets/default/${name}`, '--print-value-only'];
  const { code, stdout, stderr } = await runCommand([join(bin, 'etcdctl'), ...access, ...own, ...get], {
    env: { ...process.env, ETCDCTL_API: '3' },
  });
  assert.equal(code, 0, stderr);
  return stdout;
}

const read = async (name: string): Promise<string | undefined> =>
  (await kubectl.get<Secret>('secret', name)).data?.['password'];

test('a Secret is in the clear until the cluster is told to encrypt, and then no more', async () => {
  await kubectl.apply(secret('early', { password: 'hunter2-is-hidden' }));
  assert.ok((await raw('early')).includes(HIDDEN));
  const none = await cluster.tryPirogue(['secrets', 'encrypt', 'status']);
  assert.match(none.stderr, /nothing is encrypted in cluster pirogue; `pirogue up --encryption-provider-config FILE`/);
  await writeFile(
    FILE,
    `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - aescbc: { keys: [{ name: key1, secret: ${KEY} }] }
      - identity: {}
`,
    { mode: 0o600 },
  );
  const up = ['up', '--encryption-provider-config', FILE, '--encryption-provider-config-automatic-reload'];
  const wrong = await cluster.tryPirogue(['up', '--encryption-provider-config', join(MACHINE, 'none.yaml')]);
  assert.match(wrong.stderr, /cannot read the encryption configuration/);
  await cluster.pirogue(...up);
  assert.equal(await read('early'), HIDDEN);
  await kubectl.apply(secret('late', { password: 'hunter2-is-hidden' }));
  const stored = await raw('late');
  assert.ok(stored.startsWith('k8s:enc:aescbc:v1:key1:') && !stored.includes(HIDDEN));
  const pid = (await cluster.status()).controlPlane.process?.pid;
  await cluster.pirogue(...up);
  assert.equal((await cluster.status()).controlPlane.process?.pid, pid, 'a second up changes nothing');
  const status = await cluster.pirogue('secrets', 'encrypt', 'status');
  assert.match(status, /^secrets +aescbc +key1 +\d+ +as written now$/m);
  assert.match(status, /^secrets +identity +- +\d+ +to be written anew$/m);
});

let snapshot = '';

test('a rotation writes everything by a new key, and a backup from before can be restored while the old one stays', async () => {
  const saved = await cluster.pirogue('snapshot', 'save');
  snapshot = /^(\S+\.db): /.exec(saved)?.[1] ?? '';
  assert.match(
    await cluster.pirogue('secrets', 'encrypt', 'rotate', '--dry-run'),
    /would be written by a new key, and then aescbc\/key1 taken away/,
  );
  const rotated = await cluster.pirogue('secrets', 'encrypt', 'rotate', '--keep-old-keys');
  const key = /written by (key-\d+)\. aescbc\/key1 can still read\./.exec(rotated)?.[1] ?? '';
  for (const name of ['early', 'late']) {
    assert.ok((await raw(name)).startsWith(`k8s:enc:aescbc:v1:${key}:`), rotated);
    assert.equal(await read(name), HIDDEN);
  }
  await cluster.pirogue('snapshot', 'restore', snapshot);
  assert.ok((await raw('late')).startsWith('k8s:enc:aescbc:v1:key1:'));
  assert.equal(await read('late'), HIDDEN);
  assert.ok((await raw('early')).includes(HIDDEN));
});

test('the next rotation takes its predecessor away, and the control plane starts with what is left', async () => {
  const before = await readFile(FILE, 'utf8');
  const rotated = await cluster.pirogue('secrets', 'encrypt', 'rotate');
  const old = /(key-\d+) is gone/.exec(rotated)?.[1] ?? '';
  assert.ok(before.includes(old), rotated);
  assert.ok(!(await readFile(FILE, 'utf8')).includes(`"${old}"`));
  assert.equal((await stat(FILE)).mode & 0o777, 0o600);
  const pid = (await cluster.status()).controlPlane.process?.pid;
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGKILL');
  await cluster.pirogue('up');
  for (const name of ['early', 'late']) {
    assert.equal(await read(name), HIDDEN);
    assert.ok(!(await raw(name)).includes(HIDDEN));
  }
  const status = await cluster.pirogue('secrets', 'encrypt', 'status');
  assert.doesNotMatch(status, /anew|interrupted/);
  const log = await readFile('/var/lib/pirogue/pirogue/log/control-plane.log', 'utf8');
  assert.ok(!log.includes(KEY.slice(0, 16)) && !log.includes(HIDDEN));
});

test('a backup whose key is gone is refused with what is missing, and restored only by force or with the key', async () => {
  const whole = await readFile(FILE, 'utf8');
  const configuration = JSON.parse(whole) as {
    resources: { providers: { aescbc?: { keys: { name: string }[] } }[] }[];
  };
  for (const { providers } of configuration.resources)
    for (const { aescbc } of providers)
      if (aescbc !== undefined) aescbc.keys = aescbc.keys.filter(({ name }) => name !== 'key1');
  await writeFile(FILE, JSON.stringify(configuration));
  const { controlPlane } = await cluster.status();
  const missing = /[1-9]\d* of secrets were encrypted by aescbc with the key key1\n.*has no provider that reads them/;
  const refused = await cluster.tryPirogue(['snapshot', 'restore', snapshot]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, missing);
  assert.match(refused.stderr, /--force brings it back as it is/);
  assert.equal((await cluster.status()).controlPlane.process?.pid, controlPlane.process?.pid, 'nothing stood still');
  assert.match((await cluster.tryPirogue(['snapshot', 'restore', snapshot, '--dry-run'])).stderr, missing);
  assert.equal(await read('late'), HIDDEN);
  await writeFile(FILE, whole);
  await cluster.pirogue('snapshot', 'restore', snapshot);
  assert.equal(await read('late'), HIDDEN);
  await cluster.pirogue('secrets', 'encrypt', 'rotate');
});

test('a file that is wrong is refused, says so in the log, and the cluster goes on', async () => {
  await writeFile(FILE, (await readFile(FILE, 'utf8')).replace('"aescbc"', '"aesxyz"'));
  const log = (): Promise<string> => readFile('/var/lib/pirogue/pirogue/log/control-plane.log', 'utf8');
  while (!(await log()).includes('Refused the changed encryption configuration')) assert.ok(true);
  await kubectl.apply(secret('later', { password: 'hunter2-is-hidden' }));
  assert.match(await raw('later'), /^k8s:enc:aescbc:v1:key-\d+:/);
});
