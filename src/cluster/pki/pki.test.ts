import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { run } from '#linux';
import { FakeClock } from '#util';
import { addressBytes } from './certificate.ts';
import * as der from './der.ts';
import { apiServerNames, ensurePki, type PkiOptions } from './pki.ts';

const scratch = await mkdtemp(join(tmpdir(), 'pirogue-pki-'));
after(() => rm(scratch, { recursive: true }));
const DAY_MS = 86_400_000;
const NAMES = apiServerNames({ hostname: 'laptop', serviceIP: '10.96.0.1', addresses: ['172.18.0.1'] });

let count = 0;
function options(clock = new FakeClock(Date.now())): PkiOptions {
  return { directory: join(scratch, `pki${count++}`), apiServerNames: NAMES, clock };
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => relative(directory, join(parentPath, name))).toSorted();
}

async function snapshot(directory: string): Promise<Record<string, string>> {
  const names = await filesIn(directory);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name), 'utf8')])),
  );
}

test('openssl accepts every certificate, for the use it was made for', async () => {
  const { directory, ...rest } = options();
  const pki = await ensurePki({ directory, ...rest });
  await pki.kubelet({ name: 'node1', ip: '172.18.0.3', directory: join(directory, 'node1') });
  const verify = (ca: string, purpose: string, file: string): Promise<string> =>
    run('openssl', [
      'verify',
      '-x509_strict',
      '-purpose',
      purpose,
      '-CAfile',
      join(directory, ca),
      join(directory, file),
    ]);
  for (const file of ['apiserver.crt', 'node1/kubelet.crt']) await verify('ca.crt', 'sslserver', file);
  const clients = [
    'apiserver-kubelet-client',
    'admin',
    'super-admin',
    'controller-manager',
    'scheduler',
    'node1/kubelet-client',
  ];
  for (const name of clients) await verify('ca.crt', 'sslclient', `${name}.crt`);
  await verify('front-proxy-ca.crt', 'sslclient', 'front-proxy-client.crt');
  await verify('etcd/ca.crt', 'sslserver', 'etcd/server.crt');
  for (const name of ['etcd/healthcheck-client', 'apiserver-etcd-client', 'etcd/server'])
    await verify('etcd/ca.crt', 'sslclient', `${name}.crt`);
  await assert.rejects(verify('etcd/ca.crt', 'sslclient', 'admin.crt'), /unable to get|verification failed/);
  await assert.rejects(verify('ca.crt', 'sslserver', 'admin.crt'), /unsuitable|unsupported certificate purpose/);
  await assert.rejects(verify('front-proxy-ca.crt', 'sslclient', 'admin.crt'), /unable to get|verification failed/);
});

test('subjects and names are those kubeadm gives', async () => {
  const given = options();
  const pki = await ensurePki(given);
  const { client, serving } = await pki.kubelet({
    name: 'node1',
    ip: '172.18.0.3',
    directory: join(given.directory, 'node1'),
  });
  const subject = (pem: string): string => new X509Certificate(pem).subject.replaceAll('\n', ', ');
  assert.equal(subject(pki.caCertificate), 'CN=kubernetes');
  assert.equal(subject(pki.admin.certificate), 'O=kubeadm:cluster-admins, CN=kubernetes-admin');
  assert.equal(subject(pki.superAdmin.certificate), 'O=system:masters, CN=kubernetes-super-admin');
  assert.equal(subject(pki.controllerManager.certificate), 'CN=system:kube-controller-manager');
  assert.equal(subject(pki.scheduler.certificate), 'CN=system:kube-scheduler');
  assert.equal(subject(client.certificate), 'O=system:nodes, CN=system:node:node1');
  assert.equal(new X509Certificate(serving.certificate).subjectAltName, 'DNS:node1, IP Address:172.18.0.3');
  const apiServer = new X509Certificate(await readFile(join(given.directory, 'apiserver.crt')));
  for (const name of ['kubernetes.default.svc.cluster.local', 'localhost', 'laptop'])
    assert.equal(apiServer.checkHost(name), name);
  for (const ip of ['10.96.0.1', '127.0.0.1', '::1', '172.18.0.1']) assert.equal(apiServer.checkIP(ip), ip);
});

test('keys are for the owner only', async () => {
  const given = options();
  await ensurePki(given);
  for (const name of await filesIn(given.directory)) {
    if (!name.endsWith('.key')) continue;
    assert.equal((await stat(join(given.directory, name))).mode & 0o777, 0o600, name);
  }
  assert.equal((await stat(given.directory)).mode & 0o777, 0o700);
});

test('a second call changes nothing', async () => {
  const given = options();
  await ensurePki(given);
  const before = await snapshot(given.directory);
  await ensurePki(given);
  assert.deepEqual(await snapshot(given.directory), before);
});

test('certificates are renewed when they run out, authorities and the service account key stay', async () => {
  const clock = new FakeClock(Date.now());
  const given = options(clock);
  await ensurePki(given);
  const before = await snapshot(given.directory);
  clock.advance(300 * DAY_MS);
  await ensurePki(given);
  const now = await snapshot(given.directory);
  const changed = Object.keys(before).filter((name) => before[name] !== now[name]);
  const kept = ['ca', 'etcd/ca', 'front-proxy-ca'].flatMap((name) => [`${name}.crt`, `${name}.key`]);
  assert.deepEqual(
    changed,
    Object.keys(before).filter((name) => ![...kept, 'sa.key', 'sa.pub'].includes(name)),
  );
});

test('a damaged certificate, a lost key and a new name each have the pair made again', async () => {
  const given = options();
  await ensurePki(given);
  await writeFile(join(given.directory, 'admin.crt'), 'torn');
  await rm(join(given.directory, 'scheduler.key'));
  const before = await snapshot(given.directory);
  await ensurePki({ ...given, apiServerNames: [...NAMES, '172.19.0.1'] });
  const now = await snapshot(given.directory);
  const changed = Object.keys(now).filter((name) => before[name] !== now[name]);
  assert.deepEqual(changed, [
    'admin.crt',
    'admin.key',
    'apiserver.crt',
    'apiserver.key',
    'etcd/server.crt',
    'etcd/server.key',
    'scheduler.crt',
    'scheduler.key',
  ]);
});

test('addresses of both families become their bytes', () => {
  assert.equal(addressBytes('10.96.0.1').toString('hex'), '0a600001');
  assert.equal(addressBytes('::1').toString('hex'), '00000000000000000000000000000001');
  assert.equal(addressBytes('fd00::12:3').toString('hex'), 'fd000000000000000000000000120003');
  assert.equal(addressBytes('1:2:3:4:5:6:7:8').toString('hex'), '00010002000300040005000600070008');
});

test('DER: known encodings', () => {
  const hex = (value: Buffer): string => value.toString('hex');
  assert.equal(hex(der.objectIdentifier('1.2.840.10045.4.3.2')), '06082a8648ce3d040302');
  assert.equal(hex(der.integer(Buffer.from([0, 0, 0x80]))), '02020080');
  assert.equal(hex(der.integer(Buffer.from([0]))), '020100');
  assert.equal(hex(der.time(new Date('2049-12-31T23:59:59Z'))), `170d${Buffer.from('491231235959Z').toString('hex')}`);
  assert.equal(
    hex(der.time(new Date('2050-01-01T00:00:00Z'))),
    `180f${Buffer.from('20500101000000Z').toString('hex')}`,
  );
  assert.equal(hex(der.octetString(Buffer.alloc(200))).slice(0, 6), '0481c8');
  assert.equal(hex(der.octetString(Buffer.alloc(300))).slice(0, 8), '0482012c');
});

test('DER: lengths agree with the bytes that follow, whatever the size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 65_000 }), (size) => {
      const bytes = der.sequence(Buffer.alloc(size));
      const header = bytes.length - size;
      const long = bytes.readUInt8(1);
      const said = long < 0x80 ? long : bytes.readUIntBE(2, long & 0x7f);
      assert.equal(said, size);
      assert.equal(header, long < 0x80 ? 2 : 2 + (long & 0x7f));
    }),
  );
});
